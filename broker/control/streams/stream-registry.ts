// Creates and deletes streams. Runs in the controller.
// In three steps: a stream is committed as CREATING, opened on its hosts, committed as ACTIVE; or committed as DELETING,
// dropped by its hosts, removed. The same loop finishes what was left unfinished, at a start or after a host came back:
// every step may be repeated.
import { InvariantError } from '../../../protocol/invariant.ts'
import type { ErrorOf, RequestOf } from '../../../protocol/operations.ts'
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import type { Logger } from '../../telemetry/log.ts'
import { crash } from '../../channels/calls.ts'
import { pause, withDeadline, type Time } from '../../time.ts'
import { allShardsOf, consumersOf, type Stream } from '../catalog-state.ts'
import type { Catalog } from '../catalog.ts'
import { byHost, hostsOf, ownersThatTake, type HostFleet } from '../hosts/fleet.ts'
import { placedShards } from '../routing.ts'
import type { MadeQuotas } from './made-quotas.ts'
import { planActivate, planCreate, planDelete, planRemove } from './stream-changes.ts'
import type { StreamDefaults } from './stream-settings.ts'

/** Longest time that a request waits for hosts; then the client is told that the work continues. */
const ANSWER_DEADLINE_MS = 20_000
/** Delay before another attempt, after a host failed or refused. */
const RETRY_MS = 200

export interface StreamRegistryOptions {
  readonly catalog: Catalog
  readonly fleet: HostFleet
  /** Configured number of owners, over which new shards are spread. */
  readonly owners: number
  /** Settings of a new stream that the request leaves out. */
  readonly defaults: StreamDefaults
  readonly quotas?: MadeQuotas
  /** Fulfils when no change of a stream's shards is under way: soon, once the stream is marked for deletion. */
  readonly whenIdle: (streamId: number) => Promise<void>
  /** Called when a stream that had consumers is gone. */
  readonly onRemoved: (streamId: number) => void
  readonly time: Time
  readonly log: Logger
}

export class StreamRegistry {
  readonly #options: StreamRegistryOptions
  /** Streams that are being created or deleted, each with the one loop that works on it. */
  readonly #settling = new Map<number, Promise<void>>()
  #isStopped = false

  constructor(options: StreamRegistryOptions) {
    this.#options = options
  }

  /** Continues the creations and deletions that an earlier process left unfinished. */
  resume(): void {
    for (const stream of this.#options.catalog.state.streams.values()) {
      if (stream.status !== 'ACTIVE') void this.#settle(stream.id)
    }
  }

  /** Stops waiting for hosts; the next start continues what is unfinished. */
  stop(): void {
    this.#isStopped = true
  }

  /** Creates a stream for a principal, if it is known who asks; fulfils once it takes records. */
  async create(
    request: RequestOf<'createStream'>,
    by: string | undefined,
    fail: Fail<ErrorOf<'createStream'>>,
  ): Promise<Stream> {
    const { catalog, fleet, owners, defaults, quotas, time } = this.#options
    await fleet.startAbsentOwners()
    const { streamId } = await catalog.change((state) => {
      const context = { now: time.now(), owners: ownersThatTake(fleet, owners), defaults, by, quotas }
      const plan = planCreate(state, request, context, fail)
      // Refuses while nothing is written: after the commit it could not say any more that nothing was done.
      for (const ownerId of plan.result.ownerIds) fleet.requireReady(fleet.hostOf(ownerId).hostId)
      return plan
    })
    await this.#answerable(streamId, 'created')
    const stream = catalog.state.streams.get(streamId)
    if (stream !== undefined) return stream
    throw refusal(
      'outcomeUnknown',
      `Stream ${request.name} was created, and deleted before this was answered.`,
    )
  }

  /** Deletes a stream; fulfils once its name is free. */
  async delete(request: RequestOf<'deleteStream'>, fail: Fail<ErrorOf<'deleteStream'>>): Promise<void> {
    const { streamId } = await this.#options.catalog.change((state) => planDelete(state, request, fail))
    await this.#answerable(streamId, 'deleted')
  }

  #answerable(streamId: number, done: string): Promise<void> {
    const late = (): Error =>
      refusal('outcomeUnknown', `The stream is not ${done} yet, because a host is down; it will be.`)
    return withDeadline(this.#settle(streamId), this.#options.time, ANSWER_DEADLINE_MS, late)
  }

  /** Works on a stream until it is ACTIVE or gone. Rejects only when the broker stops before that. */
  #settle(streamId: number): Promise<void> {
    const running = this.#settling.get(streamId)
    if (running !== undefined) return running
    const settling = this.#run(streamId).finally(() => this.#settling.delete(streamId))
    // A waiting request gets the rejection; without one it must not count as unhandled. A broken invariant ends the process.
    settling.catch((error: unknown) => {
      if (error instanceof InvariantError) crash(error)
    })
    this.#settling.set(streamId, settling)
    return settling
  }

  async #run(streamId: number): Promise<void> {
    const { catalog, fleet, log, time } = this.#options
    for (;;) {
      const stream = catalog.state.streams.get(streamId)
      if (stream === undefined || stream.status === 'ACTIVE') return
      try {
        await Promise.all(hostsOf(fleet, catalog.state, streamId).map((hostId) => fleet.whenReady(hostId)))
        await this.#advance(stream)
      } catch (cause) {
        if (cause instanceof InvariantError) throw cause
        if (this.#isStopped || !catalog.isOpen) {
          // Rows were written, so `unavailable` would promise too much.
          const message = 'The broker stops before this is done, and continues it after its restart.'
          throw refusal('outcomeUnknown', message, { cause })
        }
        log.warn(
          { err: cause, stream: stream.name, status: stream.status },
          'stream is not created or deleted yet; another attempt follows',
        )
        await pause(time, RETRY_MS)
      }
    }
  }

  async #advance(stream: Stream): Promise<void> {
    const { catalog, fleet } = this.#options
    const { id: streamId } = stream
    if (stream.status === 'CREATING') {
      const shards = placedShards(catalog.state, streamId)
      await Promise.all(
        [...byHost(fleet, shards)].map(([hostId, own]) => fleet.call(hostId, 'openShards', { shards: own })),
      )
      await catalog.change((state) => planActivate(state, streamId))
    } else {
      // A change of shards under way would open shards after the drop.
      await this.#options.whenIdle(streamId)
      const shards = byHost(fleet, allShardsOf(catalog.state, streamId))
      const dropping = [...shards].map(([hostId, own]) =>
        fleet.call(hostId, 'dropStream', { streamId, shards: own }),
      )
      await Promise.all(dropping)
      const hadConsumers = consumersOf(catalog.state, streamId).size > 0
      await catalog.change((state) => planRemove(state, streamId))
      if (hadConsumers) this.#options.onRemoved(streamId)
    }
  }
}
