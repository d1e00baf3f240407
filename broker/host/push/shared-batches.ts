// The batches of a run as they are sent: packed once where several subscriptions are sent the same run. Host main thread.
import { packBatches } from '../../../protocol/frame/messages.ts'
import type { Packed } from '../../../protocol/frame/msgpack-writer.ts'
import type { BatchRun } from '../tail/batch-run.ts'

export class SharedBatches {
  /** Runs that were sent before; packed from the second time on. What is sent once is not worth the copy. */
  readonly #sent = new WeakMap<BatchRun, Packed | 'once'>()

  /** Returns the batches of a run that is about to be sent. */
  of(run: BatchRun): readonly Uint8Array[] | Packed {
    const before = this.#sent.get(run)
    if (before instanceof Object) return before
    if (before === undefined) {
      this.#sent.set(run, 'once')
      return run.batches
    }
    const packed = packBatches(run.batches)
    this.#sent.set(run, packed)
    return packed
  }
}
