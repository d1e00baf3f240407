// Streams from creation to removal. Runs in the controller.
// Rows first, hosts second, rows again: a stream is committed as CREATING, opened on its hosts, committed as ACTIVE; or
// committed as DELETING, dropped by its hosts, removed. Whatever is found half done, at start or after a host came back,
// is finished by the same loop: every step may be repeated.
import { InvariantError } from '../../protocol/invariant.ts'
import type { ErrorOf, RequestOf } from '../../protocol/operations.ts'
import { refusal, type Fail } from '../../protocol/refusal.ts'
import type { Logger } from '../telemetry/log.ts'
import { crash } from '../channels/calls.ts'
import { pause, withDeadline, type Time } from '../time.ts'
import { allShardsOf, type Stream } from './catalog-state.ts'
import type { Catalog } from './catalog.ts'
import { byHost, hostsOf, type HostFleet } from './fleet.ts'
import { placedShards } from './routing.ts'
import { planActivate, planCreate, planDelete, planRemove } from './stream-changes.ts'
import type { StreamDefaults } from './stream-settings.ts'

/** How long a request waits for hosts before it is answered that the work goes on. */
const ANSWER_DEADLINE_MS = 20_000
/** Between two attempts at hosts that failed or refused. */
const RETRY_MS = 200

export interface StreamRegistryOptions {
  readonly catalog: Catalog
  readonly fleet: HostFleet
  /** Owners that take new shards. */
  readonly owners: number
  /** What a new stream is given where its creator says nothing. */
  readonly defaults: StreamDefaults
  /** Fulfils when no change of a stream's shards is at work: soon, once the stream is marked for deletion. */
  readonly whenIdle: (streamId: number) => Promise<void>
  readonly time: Time
  readonly log: Logger
}

export class StreamRegistry {
  readonly #options: StreamRegistryOptions
  /** Streams that are being brought to rest, each once. */
  readonly #settling = new Map<number, Promise<void>>()
  #isStopped = false

  constructor(options: StreamRegistryOptions) {
    this.#options = options
  }

  /** Takes up what an earlier process left half done. */
  resume(): void {
    for (const stream of this.#options.catalog.state.streams.values()) {
      if (stream.status !== 'ACTIVE') void this.#settle(stream.id)
    }
  }

  /** Gives up waiting for hosts; what is half done stays so, for the next start. */
  stop(): void {
    this.#isStopped = true
  }

  /** Creates a stream; fulfils once it takes records. */
  async create(request: RequestOf<'createStream'>, fail: Fail<ErrorOf<'createStream'>>): Promise<Stream> {
    const { catalog, fleet, owners, defaults, time } = this.#options
    const { streamId } = await catalog.change((state) => {
      const plan = planCreate(state, request, { now: time.now(), owners, defaults }, fail)
      // Refused while nothing is written: half a minute later would be too late to say that nothing was done.
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
  async delete({ name }: RequestOf<'deleteStream'>, fail: Fail<ErrorOf<'deleteStream'>>): Promise<void> {
    const { streamId } = await this.#options.catalog.change((state) => planDelete(state, name, fail))
    await this.#answerable(streamId, 'deleted')
  }

  #answerable(streamId: number, done: string): Promise<void> {
    const late = (): Error =>
      refusal('outcomeUnknown', `The stream is not ${done} yet, because a host is down; it will be.`)
    return withDeadline(this.#settle(streamId), this.#options.time, ANSWER_DEADLINE_MS, late)
  }

  /** Brings a stream to rest: ACTIVE or gone. Rejects only when the broker stops before that. */
  #settle(streamId: number): Promise<void> {
    const running = this.#settling.get(streamId)
    if (running !== undefined) return running
    const settling = this.#run(streamId).finally(() => this.#settling.delete(streamId))
    // Whoever asked gets the rejection; nobody else has to. A broken invariant ends the process in any case.
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
          const message = 'The broker stops before it is done, and goes on when it is back.'
          throw refusal('outcomeUnknown', message, { cause })
        }
        log.warn({ err: cause, stream: stream.name, status: stream.status }, 'stream is not at rest yet')
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
      // A change under way would open shards behind the drop.
      await this.#options.whenIdle(streamId)
      const shards = byHost(fleet, allShardsOf(catalog.state, streamId))
      const dropping = [...shards].map(([hostId, own]) =>
        fleet.call(hostId, 'dropStream', { streamId, shards: own }),
      )
      await Promise.all(dropping)
      await catalog.change((state) => planRemove(state, streamId))
    }
  }
}
