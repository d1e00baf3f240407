// One chunk on its way: what it was read from, its recipe, and the plan that was kept last. State of a flow.
import type { CheckedRange } from '../lines/line-run.ts'
import type { Chunk, ChunkRecipe } from './chunk.ts'

export interface Work {
  /** Its place in the order in which chunks were read. */
  readonly number: number
  readonly ranges: readonly CheckedRange[]
  readonly recipe: ChunkRecipe
  readonly chunk: Chunk
  /** Bytes of the files. */
  readonly bytes: number
  /** Undefined: nothing of it was sent. */
  plan: unknown
}

/** What the journal keeps as the plan of a chunk: all that is needed to make it again, and how the destination laid it out. */
export interface KeptPlan {
  readonly recipe: Omit<ChunkRecipe, 'madeAt' | 'seed'>
  readonly append: unknown
}
