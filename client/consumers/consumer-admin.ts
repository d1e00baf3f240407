// The calls about registered consumers: thin requests to the controller. Runs in the client.
import type { ControlPlane } from '../connecting/control-plane.ts'
import { checkArgument, checkOptions } from '../options/check.ts'
import type { CallName } from '../options/table.ts'
import type { CallOptions } from '../settings.ts'
import { listing, type Listing } from '../streams/listing.ts'
import { consumerOf, describeConsumer, type Consumer, type ConsumerDescription } from './descriptions.ts'

/** The calls about registered consumers. `Admin` extends it, and so does `Client`. */
export class ConsumerAdmin {
  readonly #control: ControlPlane

  constructor(control: ControlPlane) {
    this.#control = control
  }

  /**
   * Registers a consumer of a stream: a reader with a throughput of its own in each shard, to which the broker pushes (Kinesis'
   * enhanced fan-out). Read as it by the option `consumer` of `read`, `subscribe` and `group`. Rejects with `consumerExists`,
   * with `limitExceeded` for more than 50 consumers of a stream, and with `streamNotFound`.
   */
  async registerConsumer(stream: string, consumer: string, options: CallOptions = {}): Promise<Consumer> {
    check('registerConsumer', { stream, consumer, options })
    const answer = await this.#control.call('registerConsumer', { stream, consumer }, options.signal)
    return consumerOf(answer.consumer)
  }

  /**
   * Describes a registered consumer: who receives each shard, how far it is, how much is behind, and why. Rejects with
   * `consumerNotFound` and `streamNotFound`.
   */
  async describeConsumer(
    stream: string,
    consumer: string,
    options: CallOptions = {},
  ): Promise<ConsumerDescription> {
    check('describeConsumer', { stream, consumer, options })
    return describeConsumer(this.#control, { stream, consumer }, options.signal)
  }

  /** Lists the registered consumers of a stream by name: use `for await`, or `.page()`. */
  listConsumers(stream: string, options: CallOptions = {}): Listing<Consumer> {
    checkArgument('stream', stream)
    checkOptions('listConsumers', options)
    return listing<Consumer>(options, {
      operation: 'listConsumers',
      fetch: async ({ limit, after, signal }) => {
        const request = { stream, limit, exclusiveStartName: after }
        const { consumers, hasMore } = await this.#control.call('listConsumers', request, signal)
        return { items: consumers.map(consumerOf), hasMore }
      },
      placeOf: ({ name }) => name,
      isBehind: (name, other) => name > other,
    })
  }

  /**
   * Deregisters a consumer. Its readers end with `consumerNotFound`. Rejects with `consumerNotFound` and `streamNotFound`.
   */
  async deregisterConsumer(stream: string, consumer: string, options: CallOptions = {}): Promise<void> {
    check('deregisterConsumer', { stream, consumer, options })
    await this.#control.call('deregisterConsumer', { stream, consumer }, options.signal)
  }
}

function check(
  call: CallName,
  { stream, consumer, options }: { stream: unknown; consumer: unknown; options: unknown },
): void {
  checkArgument('stream', stream)
  checkArgument('consumer', consumer)
  checkOptions(call, options)
}
