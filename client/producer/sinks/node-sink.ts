// A producer as a Writable of Node, for `pipeline` and `pipe`. Runs in the client.
import { Writable } from 'node:stream'
import { callbackify } from 'node:util'
import { errorFrom } from '../../errors.ts'
import type { RecordInput } from '../../record.ts'
import type { SinkIntake } from './intake.ts'

/**
 * A Writable of records. `write` answers false while the producer has no room. It finishes when everything that was written is
 * stored, and is destroyed by the first record that is refused, or by the end of its producer. Destroyed, it takes no more; what was written is still sent.
 */
export function nodeSink<In>(intake: SinkIntake<In>): Writable {
  const waitFor = callbackify((room: Promise<void>) => intake.unlessFailed(room))
  const writable = new Writable({
    objectMode: true,
    write(record: RecordInput<In>, _encoding, callback) {
      let room: Promise<void> | undefined
      try {
        room = intake.take(record)
      } catch (error) {
        callback(errorFrom(error))
        return
      }
      if (room === undefined) callback()
      else waitFor(room, callback)
    },
    final: callbackify(() => intake.finish()),
    destroy(error, callback) {
      intake.end()
      callback(error)
    },
  })
  intake.onFailure = (error) => {
    // An error that nobody listens to ends the process: not for a Writable that has lost nothing, and is only left over.
    const isLeftOver = intake.hasStoredAll && writable.writableLength === 0
    writable.destroy(isLeftOver && writable.listenerCount('error') === 0 ? undefined : error)
  }
  return writable
}
