// Takes records from an iterable, as fast as the producer has room. Runs in the client. The iterable is left, as by a `break`,
// when a record is refused or the signal fires.
import type { RecordInput } from '../../record.ts'
import type { SinkIntake } from './intake.ts'

/** Records in the order in which they are to be stored. */
export type RecordIterable<In> = Iterable<RecordInput<In>> | AsyncIterable<RecordInput<In>>

/** Fulfils with the number of records when all of them are stored. Rejects with the first error, and waits for no more. */
export async function takeAll<In>(intake: SinkIntake<In>, source: RecordIterable<In>): Promise<number> {
  try {
    if (intake.failure !== undefined) throw intake.failure
    if (Symbol.asyncIterator in source) await takeAsync(intake, source[Symbol.asyncIterator]())
    else await takeSync(intake, source)
    await intake.finish()
    return intake.count
  } finally {
    intake.end()
  }
}

async function takeSync<In>(intake: SinkIntake<In>, source: Iterable<RecordInput<In>>): Promise<void> {
  for (const record of source) {
    const room = intake.take(record)
    if (room !== undefined) await intake.unlessFailed(room)
  }
}

async function takeAsync<In>(
  intake: SinkIntake<In>,
  iterator: AsyncIterator<RecordInput<In>>,
): Promise<void> {
  /** The iterator was asked, and has not answered: it cannot be left before it does. */
  let isAsked = false
  let isOver = false
  const next = async () => {
    isAsked = true
    try {
      return await iterator.next()
    } catch (error) {
      isOver = true
      throw error
    } finally {
      isAsked = false
    }
  }
  try {
    for (;;) {
      const { done, value } = await intake.unlessFailed(next())
      if (done === true) {
        isOver = true
        return
      }
      const room = intake.take(value)
      if (room !== undefined) await intake.unlessFailed(room)
    }
  } finally {
    if (!isOver) {
      const left = Promise.resolve(iterator.return?.()).catch(() => {})
      if (!isAsked) await left
    }
  }
}
