// The end of a reading at a time that was in the future when the reading began: which batches are after it, and when it has
// passed. Runs in the client. The clock is the broker's, which stamps records on arrival.
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
   * Returns true if the batch arrived before the time. All records of a closed shard arrived by `closedAt`, even if their stamps
   * are ahead of it. A damaged batch counts as before the time: it is reported when the loop takes it.
   */
  isBefore(batch: Uint8Array, closedAt = Infinity): boolean {
    return Math.min(arrivalTimeAt(batch, 0), closedAt) >= this.time && checkStoredBatch(batch) === undefined
  }

  /** Fulfils when the time has passed, so that no more records arrive before it. */
  async passed(brokerTime: () => Promise<number>, signal: AbortSignal): Promise<void> {
    for (let looks = 0; ; looks++) {
      const left = this.time + readingLimits.arrivalGraceMs - (await brokerTime())
      if (left <= 0) return
      // A clock that stands still just before the time is looked at less and less often.
      const least = Math.min(2 ** looks, readingLimits.clockLookMsMax)
      await sleep(Math.min(Math.max(left, least), readingLimits.sleepMsMax), signal)
    }
  }
}

/** Returns the end of a reading until this position, if the position is a time before which records may still arrive. */
export async function endTimeOf(
  until: Position | undefined,
  brokerTime: () => Promise<number>,
): Promise<EndTime | undefined> {
  const time = until === undefined ? undefined : toWirePosition(until).timestamp
  if (time === undefined) return undefined
  const isOver = (await brokerTime()) >= time + readingLimits.arrivalGraceMs
  return isOver ? undefined : new EndTime(time)
}
