// The time at which a reading ends, where it was to come when the reading began: tells which batches lie behind it, and
// when it is over. Runs in the client. The clock is the broker's, which stamps what arrives.
import { arrivalTimeAt, checkStoredBatch } from '../../protocol/batch/batch.ts'
import { toWirePosition, type Position } from './position.ts'
import { sleep } from '../waiting.ts'
import { readingLimits } from './options.ts'

export class EndTime {
  /** Records that arrived then or later are not read. */
  readonly time: number

  constructor(time: number) {
    this.time = time
  }

  /**
   * Times of arrival never fall within a shard, and what is in a closed one has arrived by `closedAt`: its stamps may lie ahead. A
   * damaged batch ends nothing: whoever takes it finds the damage.
   */
  isBefore(batch: Uint8Array, closedAt = Infinity): boolean {
    return Math.min(arrivalTimeAt(batch, 0), closedAt) >= this.time && checkStoredBatch(batch) === undefined
  }

  /** Fulfils when nothing arrives before the time any more. */
  async passed(brokerTime: () => Promise<number>, signal: AbortSignal): Promise<void> {
    for (;;) {
      const left = this.time + readingLimits.arrivalGraceMs - (await brokerTime())
      if (left <= 0) return
      await sleep(Math.min(left, readingLimits.sleepMsMax), signal)
    }
  }
}

/** The end of a reading until this position, if it is a time before which records may still arrive. */
export async function endTimeOf(
  until: Position | undefined,
  brokerTime: () => Promise<number>,
): Promise<EndTime | undefined> {
  const time = until === undefined ? undefined : toWirePosition(until).timestamp
  if (time === undefined) return undefined
  const isOver = (await brokerTime()) >= time + readingLimits.arrivalGraceMs
  return isOver ? undefined : new EndTime(time)
}
