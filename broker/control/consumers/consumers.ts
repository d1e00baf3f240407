// Registers consumers of streams, removes them, and tells all hosts. Runs in the controller.
// Every host knows the consumers of every stream, so that a shard may move to any of them. Calls to a host keep their order, and
// each says what holds when it is sent: the last one is right. A host that starts is told with its shards.
import { InvariantError } from '../../../protocol/invariant.ts'
import type { ErrorOf, RequestOf } from '../../../protocol/operations.ts'
import type { Fail } from '../../../protocol/refusal.ts'
import { crash } from '../../channels/calls.ts'
import type { Identity } from '../../access/identity.ts'
import type { Logger } from '../../telemetry/log.ts'
import { pause, withDeadline, type Time } from '../../time.ts'
import type { RegisteredConsumer } from '../catalog-state.ts'
import type { Catalog } from '../catalog.ts'
import type { HostFleet } from '../hosts/fleet.ts'
import { knownStream } from '../streams/stream-changes.ts'
import { planDeregister, planRegister, servedConsumers } from './consumer-changes.ts'

/** Longest time that an answer waits for hosts that start or hang. */
const TELL_DEADLINE_MS = 10_000
/** Delay before another attempt, after a host failed or refused. */
const RETRY_MS = 200

export interface ConsumersOptions {
  readonly catalog: Catalog
  readonly fleet: HostFleet
  readonly time: Time
  readonly log: Logger
}

export class Consumers {
  readonly #options: ConsumersOptions
  /** By stream: how many rounds of telling are not over. */
  readonly #telling = new Map<number, number>()
  #isStopped = false

  constructor(options: ConsumersOptions) {
    this.#options = options
  }

  /** Stops waiting for hosts. */
  stop(): void {
    this.#isStopped = true
  }

  /** True while a host may not know the newest consumer of the stream yet. */
  isTelling(streamId: number): boolean {
    return this.#telling.has(streamId)
  }

  /** Registers a consumer; fulfils when all hosts know it, or after a deadline while one does not. */
  async register(
    request: RequestOf<'registerConsumer'>,
    { principal }: Identity,
    fail: Fail<ErrorOf<'registerConsumer'>>,
  ): Promise<RegisteredConsumer> {
    const { catalog, time } = this.#options
    const consumer = await catalog.change((state) =>
      planRegister(state, request, { now: time.now(), principal }, fail),
    )
    await this.#told(consumer.streamId)
    return consumer
  }

  /** Removes a consumer; fulfils when all hosts have ended its subscriptions, or after a deadline while one has not. */
  async deregister(
    { stream: name, consumer }: RequestOf<'deregisterConsumer'>,
    identity: Identity,
    fail: Fail<ErrorOf<'deregisterConsumer'>>,
  ): Promise<void> {
    const { catalog } = this.#options
    const { id } = await catalog.change((state) => {
      const stream = knownStream(state, name, fail)
      return { ...planDeregister(state, { stream, consumer, identity }, fail), result: stream }
    })
    await this.#told(id)
  }

  /** Lets hosts forget the consumers of a stream that is gone. */
  forget(streamId: number): void {
    void this.#tellAll(streamId)
  }

  async #told(streamId: number): Promise<void> {
    // The change is committed, so a slow host does not fail it: `#tell` keeps trying until that host knows.
    await withDeadline(this.#tellAll(streamId), this.#options.time, TELL_DEADLINE_MS).catch(() => {})
  }

  async #tellAll(streamId: number): Promise<void> {
    this.#telling.set(streamId, (this.#telling.get(streamId) ?? 0) + 1)
    await Promise.all(this.#options.fleet.hosts.map(({ hostId }) => this.#tell(hostId, streamId)))
    const left = this.#telling.get(streamId)! - 1
    if (left > 0) this.#telling.set(streamId, left)
    else this.#telling.delete(streamId)
  }

  /** Tells a host the consumers of a stream, until it knows them. Never rejects. */
  async #tell(hostId: number, streamId: number): Promise<void> {
    const { catalog, fleet, log, time } = this.#options
    while (!this.#isStopped) {
      // The next start of the host tells it.
      if (fleet.host(hostId).state === 'down') return
      try {
        await fleet.whenReady(hostId)
        await fleet.call(hostId, 'serveConsumers', servedConsumers(catalog.state, streamId))
        return
      } catch (error) {
        if (error instanceof InvariantError) return crash(error)
        log.warn({ err: error, hostId, streamId }, 'host does not know the consumers of a stream yet')
        await pause(time, RETRY_MS)
      }
    }
  }
}
