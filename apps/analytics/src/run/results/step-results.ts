// Stores the results of a step, chunk by chunk: how a chunk is stored is kept before it is. What a step that was prepared has stored is passed
// over. Runs in the app.
import type { PlaceKeeper } from '../place/place-keeper.ts'
import type { PreparedStep } from '../place/query-place.ts'
import type { RunMeter } from '../run-meter.ts'
import type { StepEnd } from '../stage.ts'
import { Outputs, type OutputsParts } from './outputs.ts'
import { byTarget, inChunks, type Result } from './results.ts'

/** What a run writes with. */
export interface StepWriting {
  readonly outputs: Outputs
  readonly keeper: PlaceKeeper
  readonly meter: RunMeter
  readonly signal: AbortSignal
}

/** Makes what a run writes with; close its outputs. */
export function stepWriting({
  keeper,
  meter,
  ...parts
}: Omit<OutputsParts, 'onWait'> & Omit<StepWriting, 'outputs'>): StepWriting {
  const outputs = new Outputs({ ...parts, onWait: (reason) => meter.waits(reason) })
  return { outputs, keeper, meter, signal: parts.signal }
}

export interface WrittenStep {
  /** Where it ends. */
  readonly end: StepEnd
  readonly prepared: PreparedStep | undefined
}

/** Stores results in their order. Of the same step they are always the same. */
export async function storeStep(
  results: readonly (Iterable<Result> | AsyncIterable<Result>)[],
  { end, prepared }: WrittenStep,
  { outputs, keeper, meter, signal }: StepWriting,
): Promise<void> {
  let chunk = 0
  for await (const records of inChunks(oneAfterTheOther(results))) {
    const step = { ...end, chunk: chunk++ }
    if (prepared !== undefined && step.chunk < prepared.chunk) {
      meter.wrote(records.length, 'before')
      continue
    }
    const known = prepared?.chunk === step.chunk ? prepared.plans : {}
    await outputs.store(byTarget(records), known, (plans) => keeper.prepare({ ...step, plans }, signal))
    meter.wrote(records.length, 'now')
  }
}

async function* oneAfterTheOther<T>(
  lists: readonly (Iterable<T> | AsyncIterable<T>)[],
): AsyncGenerator<T, void, undefined> {
  for (const list of lists) yield* list
}
