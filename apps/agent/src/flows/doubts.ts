// What an earlier run of the agent left in doubt: chunks whose plan was kept, and of which nobody knows how much was stored. They are made
// again by the recipe that was kept with them, whatever the configuration says now, and finished before anything new is read.
import type { LineRun } from '../lines/line-run.ts'
import type { PreparedChunk } from '../positions/position-facts.ts'
import { makeChunk, type ChunkRecipe } from './chunk.ts'
import type { FlowParts } from './flow.ts'
import type { KeptPlan, Work } from './work.ts'

interface Resuming {
  readonly signal: AbortSignal
  readonly insist: (work: Work) => Promise<void>
}

export async function resumeDoubts(parts: FlowParts, { signal, insist }: Resuming): Promise<void> {
  const { positions, tally, onEvent } = parts
  for (const [number, doubt] of [...positions.inDoubt()].entries()) {
    signal.throwIfAborted()
    const work = await made(parts, doubt, number)
    if (typeof work === 'string') {
      tally.chunksLost += 1
      onEvent({ type: 'lost', message: work })
    } else {
      await insist(work)
      tally.chunksResumed += 1
      tally.recordsSent += work.chunk.records.length
      tally.bytesSent += work.chunk.bytes
    }
    await positions.confirmed(doubt.ranges)
  }
}

/** The chunk as it was, or why it cannot be made again. */
async function made({ files }: FlowParts, doubt: PreparedChunk, number: number): Promise<Work | string> {
  const { ranges, madeAt, seed } = doubt
  const { recipe: kept, append } = doubt.plan as KeptPlan
  const recipe: ChunkRecipe = { ...kept, madeAt, seed }
  const runs: LineRun[] = []
  try {
    for (const range of ranges) runs.push(await files.again(range))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return `A chunk that was being sent when the agent ended cannot be finished: ${reason} What was stored of it stays; the rest is lost.`
  }
  const chunk = makeChunk(
    runs.map(({ records }) => records),
    recipe,
  )
  const bytes = ranges.reduce((sum, { from, to }) => sum + to - from, 0)
  return { number, ranges, recipe, chunk, bytes, plan: append }
}
