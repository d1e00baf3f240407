// Reads the rows again that an input held when a query stood at a place. Runs in the app.
import type { StreamPosition, StreamRecord } from 'millrace'
import { parseShardId } from 'millrace/protocol'
import type { HeldInput } from '../held-input.ts'
import type { RunStage } from '../stage.ts'
import { inputKey, type QueryPlace } from '../place/query-place.ts'

/** Bytes of records from which on they become rows, and beyond which no more are read. With one batch more they fit into buffers of 16 MiB. */
export const STEP_BYTES = 14 * 1024 * 1024

/** Reads what lies between two positions of a stream, in batches of one shard. */
export type ReadRange = (
  stream: string,
  range: { readonly from: StreamPosition; readonly to: StreamPosition },
) => AsyncIterable<readonly StreamRecord[]>

/** Has an input hold the rows of a place, by the watermark that is set, beside those that it holds. */
export async function readAgain(
  held: HeldInput,
  { replayFrom, positions, late }: QueryPlace,
  stage: Pick<RunStage, 'sourceOf' | 'again'>,
  read: ReadRange,
): Promise<void> {
  const stream = stage.sourceOf(held.input.stream)
  const [from, to] = [replayFrom[stream], positions[stream]]
  if (from === undefined || to === undefined) return
  const left = held.remembersLate ? Object.entries(late[inputKey(held.input)] ?? {}) : []
  held.restoreLate(new Map(left.map(([shardId, numbers]) => [parseShardId(shardId), new Set(numbers)])))
  for await (const records of read(stream, { from, to })) {
    for (const batch of stage.again(stream, records))
      if (batch.stream === held.input.stream) held.addAgain(batch.records, batch.shard)
    if (held.waitingBytes < STEP_BYTES) continue
    await held.takeAgain()
    // Where rows decide on others, which of them is needed can be told only when all are there.
    if (!held.remembersLate) await held.release()
  }
  await held.takeAgain()
  await held.release()
}
