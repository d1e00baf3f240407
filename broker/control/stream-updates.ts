// Changes of a stream's settings, and how its hosts come to know of them. Runs in the controller.
// A change is committed, and then told to the hosts. Only a longer retention has to be with the hosts before: they make the
// horizons that readers were told durable every few seconds, because the retention that raised them would raise them again
// after a crash. A longer one would not, and what was gone would come back. So it is committed only while every host of the
// stream keeps to it already, with all that it told before durable; one that restarts meanwhile has to be asked again.
import { InvariantError } from '../../protocol/invariant.ts'
import type { ErrorOf, RequestOf } from '../../protocol/operations.ts'
import { refusal, type Fail } from '../../protocol/refusal.ts'
import type { MillraceError } from '../../protocol/millrace-error.ts'
import type { CatalogChange } from '../catalog-contract.ts'
import type { Logger } from '../telemetry/log.ts'
import { crash } from '../channels/calls.ts'
import { pause, withDeadline, type Time } from '../time.ts'
import { applyChanges } from '../catalog/state.ts'
import type { CatalogState, Stream } from './catalog-state.ts'
import type { Catalog } from './catalog.ts'
import { hostsOf, type HostFleet } from './fleet.ts'
import { Turns } from './resharding/turns.ts'
import { activeStream, knownStream, planUpdate } from './stream-changes.ts'
import { isServedAlike, servedSettings, updatedSettings } from './stream-settings.ts'

/** How long a longer retention waits for hosts that are down or hang. */
const HOLD_DEADLINE_MS = 10_000
/** How long a change of settings waits for hosts to know of it. */
const TELL_DEADLINE_MS = 2_000
/** Between two attempts at hosts that failed or refused. */
const RETRY_MS = 200
/** Changes of one stream that wait for the one before them. */
const WAITING_MAX = 16

type UpdateRequest = RequestOf<'updateStream'>
type UpdateFail = Fail<ErrorOf<'updateStream'>>

export interface StreamUpdatesOptions {
  readonly catalog: Catalog
  readonly fleet: HostFleet
  readonly time: Time
  readonly log: Logger
}

export class StreamUpdates {
  readonly #options: StreamUpdatesOptions
  readonly #turns = new Turns({ waitingMax: WAITING_MAX })
  /** By stream: changes whose commits are under way. */
  readonly #committing = new Map<number, readonly CatalogChange[]>()
  #isStopped = false

  constructor(options: StreamUpdatesOptions) {
    this.#options = options
  }

  /** Gives up waiting for hosts. */
  stop(): void {
    this.#isStopped = true
    this.#turns.stop()
  }

  /**
   * What a host that starts now has to go by: with settings of which a commit under way decides. To start with shorter ones
   * would undo what its predecessor had promised for the longer ones.
   */
  get upcoming(): CatalogState {
    return applyChanges(this.#options.catalog.state, [...this.#committing.values()].flat())
  }

  /**
   * Changes the settings of a stream, and tells its hosts. Rejects with `unavailable`, and nothing is changed, where the
   * retention is to be longer and a host cannot be had for it.
   */
  update(request: UpdateRequest, fail: UpdateFail): Promise<Stream> {
    const { id } = activeStream(this.#options.catalog.state, request.name, fail)
    const full = (): never =>
      fail('streamBusy', `More than ${WAITING_MAX} changes of stream ${request.name} wait.`)
    return this.#turns.take(id, () => this.#update(request, fail), full).done
  }

  async #update(request: UpdateRequest, fail: UpdateFail): Promise<Stream> {
    const { catalog, fleet, time } = this.#options
    const before = activeStream(catalog.state, request.name, fail)
    const { retentionMs } = updatedSettings(before, request)
    if (retentionMs > before.retentionMs) await this.#lengthen(before, request, { retentionMs, fail })
    else await this.#commit(before.id, request, { isSafe: () => true, fail })
    const stream = knownStream(catalog.state, request.name, fail)
    if (isServedAlike(stream, before)) return stream
    const telling = hostsOf(fleet, catalog.state, stream.id).map((hostId) => this.#tell(hostId, stream))
    // It is decided already: a host that takes longer learns of it in its own time.
    await withDeadline(Promise.all(telling), time, TELL_DEADLINE_MS).catch(() => {})
    return stream
  }

  /** Commits the change unless `isSafe` forbids it at that moment; says whether it did. */
  async #commit(
    streamId: number,
    request: UpdateRequest,
    { isSafe, fail }: { readonly isSafe: () => boolean; readonly fail: UpdateFail },
  ): Promise<boolean> {
    try {
      return await this.#options.catalog.change((state) => {
        const { changes } = planUpdate(state, request, fail)
        if (!isSafe()) return { changes: [], result: false }
        this.#committing.set(streamId, changes)
        return { changes, result: true }
      })
    } finally {
      this.#committing.delete(streamId)
    }
  }

  /** Commits a longer retention while all hosts keep to it. */
  async #lengthen(
    { id, name }: Stream,
    request: UpdateRequest,
    { retentionMs, fail }: { readonly retentionMs: number; readonly fail: UpdateFail },
  ): Promise<void> {
    const { time, log } = this.#options
    const endsAt = time.elapsed() + HOLD_DEADLINE_MS
    let isDone = false
    try {
      for (;;) {
        const remainingMs = endsAt - time.elapsed()
        const holding = await this.#held(id, retentionMs, remainingMs).catch((error: Error) => error)
        if (holding instanceof InvariantError) throw holding
        if (!(holding instanceof Error)) isDone = await this.#commit(id, request, { isSafe: holding, fail })
        if (isDone) return
        const cause = holding instanceof Error ? holding : new Error('a host has restarted meanwhile')
        if (this.#isStopped || time.elapsed() + RETRY_MS >= endsAt) throw notLonger(name, cause)
        log.warn({ err: cause, stream: name }, 'a longer retention waits for a host')
        await pause(time, RETRY_MS)
      }
    } finally {
      if (!isDone) this.#letGo(id)
    }
  }

  /** Fulfils when all hosts of the stream keep to the retention; what it gives says whether they still do. */
  async #held(streamId: number, retentionMs: number, deadlineMs: number): Promise<() => boolean> {
    const { catalog, fleet, time } = this.#options
    const lives = hostsOf(fleet, catalog.state, streamId).map((hostId) => fleet.host(hostId))
    const asking = lives.map(({ hostId }) => fleet.call(hostId, 'holdRetention', { streamId, retentionMs }))
    await withDeadline(Promise.all(asking), time, deadlineMs)
    return () =>
      lives.every(({ hostId, restarts }) => {
        const now = fleet.host(hostId)
        return now.state === 'ready' && now.restarts === restarts
      })
  }

  /** The retention stays as it was. A host that ends instead starts with it. */
  #letGo(streamId: number): void {
    const { catalog, fleet } = this.#options
    for (const hostId of hostsOf(fleet, catalog.state, streamId)) {
      fleet.call(hostId, 'holdRetention', { streamId, retentionMs: 0 }).catch(() => {})
    }
  }

  /** Tells a host the settings of a stream, until it knows them or they have changed again. Never rejects. */
  async #tell(hostId: number, stream: Stream): Promise<void> {
    const { catalog, fleet, log, time } = this.#options
    const { id: streamId, name } = stream
    const settings = servedSettings(stream)
    const holds = (): boolean => {
      const current = catalog.state.streams.get(streamId)
      return current !== undefined && isServedAlike(current, settings)
    }
    while (!this.#isStopped && holds()) {
      // Its next start brings them along.
      if (fleet.host(hostId).state === 'down') return
      try {
        await fleet.whenReady(hostId)
        await fleet.call(hostId, 'updateStream', { streamId, settings })
        return
      } catch (error) {
        if (error instanceof InvariantError) return crash(error)
        log.warn({ err: error, hostId, stream: name }, 'host does not know the new settings of a stream yet')
        await pause(time, RETRY_MS)
      }
    }
  }
}

function notLonger(name: string, cause: Error): MillraceError {
  const message =
    `The retention of stream ${name} is as it was: each host of the stream has to make durable what has expired` +
    ` before it is longer, and one cannot (${cause.message}); try again.`
  return refusal('unavailable', message, { cause })
}
