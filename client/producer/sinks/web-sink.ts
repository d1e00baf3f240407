// A producer as a WritableStream of the web, for `pipeTo`. Runs in the client.
import { WritableStream } from 'node:stream/web'
import type { RecordInput } from '../../record.ts'
import type { SinkIntake } from './intake.ts'

/**
 * A WritableStream of records. It has no room while the producer has none. It closes when everything that was written is stored, and
 * errors with the first record that is refused. Aborted, it takes no more; what was written is still sent.
 */
export function webSink<In>(intake: SinkIntake<In>): WritableStream<RecordInput<In>> {
  return new WritableStream<RecordInput<In>>({
    start: (controller) => {
      intake.onFailure = (error) => controller.error(error)
    },
    write: (record) => {
      const room = intake.take(record)
      return room === undefined ? undefined : intake.unlessFailed(room)
    },
    close: () => intake.finish(),
    abort: () => intake.end(),
  })
}
