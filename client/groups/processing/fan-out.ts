// The registered consumer as which a group reads: registered in each stream before the group's first subscription there, and
// again in a stream that was made anew. Runs in the client.
import type { ControlPlane } from '../../connecting/control-plane.ts'
import { MillraceError } from '../../errors.ts'

export class FanOut {
  /** Name of the consumer. */
  readonly consumer: string
  readonly #control: Pick<ControlPlane, 'call'>
  /** By stream id. */
  readonly #registered = new Map<number, Promise<void>>()

  constructor(control: Pick<ControlPlane, 'call'>, consumer: string) {
    this.#control = control
    this.consumer = consumer
  }

  /** Fulfils when the stream has the consumer; asks the broker once. */
  registered(
    { stream, streamId }: { readonly stream: string; readonly streamId: number },
    signal: AbortSignal,
  ): Promise<void> {
    const known = this.#registered.get(streamId)
    if (known !== undefined) return known
    const registering = this.#register(stream, signal)
    this.#registered.set(streamId, registering)
    registering.catch(() => this.forget(streamId))
    return registering
  }

  /** The stream may not have the consumer any more. */
  forget(streamId: number): void {
    this.#registered.delete(streamId)
  }

  async #register(stream: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#control.call('registerConsumer', { stream, consumer: this.consumer }, signal)
    } catch (error) {
      if (!MillraceError.is(error, 'consumerExists')) throw error
    }
  }
}
