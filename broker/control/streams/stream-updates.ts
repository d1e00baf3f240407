// Changes the settings of a stream, and tells its hosts. Runs in the controller.
// A change is committed, and then told to the hosts; only a longer retention is told to them first. Hosts make trim
// horizons durable every few seconds only, because after a crash the same retention would raise them again. A longer
// retention would not, and expired records would come back. So a longer retention is committed only while every host of
// the stream already keeps to it and has made its horizons durable; a host that restarts meanwhile is asked again.
import { InvariantError } from '../../../protocol/invariant.ts'
import type { ErrorOf, RequestOf } from '../../../protocol/operations.ts'
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import type { MillraceError } from '../../../protocol/millrace-error.ts'
import type { CatalogChange } from '../../catalog-contract.ts'
import type { Logger } from '../../telemetry/log.ts'
import { crash } from '../../channels/calls.ts'
import { pause, withDeadline, type Time } from '../../time.ts'
import { applyChanges } from '../../catalog/state.ts'
import type { CatalogState, Stream } from '../catalog-state.ts'
import type { Catalog } from '../catalog.ts'
import { hostsOf, type HostFleet } from '../hosts/fleet.ts'
import { Turns } from '../resharding/turns.ts'
import { activeStream, knownStream, planUpdate } from './stream-changes.ts'
import { isServedAlike, servedSettings, updatedSettings } from './stream-settings.ts'

/** Longest time that a longer retention waits for hosts that are down or hang. */
const HOLD_DEADLINE_MS = 10_000
/** Longest time that the answer to an update waits for hosts to know the new settings. */
const TELL_DEADLINE_MS = 2_000
/** Delay before another attempt, after a host failed or refused. */
const RETRY_MS = 200
/** Most updates of one stream that wait for their turn. */
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
  /** By stream id: changes that are being committed. */
  readonly #committing = new Map<number, readonly CatalogChange[]>()
  #isStopped = false

  constructor(options: StreamUpdatesOptions) {
    this.#options = options
  }

  /** Stops waiting for hosts. */
  stop(): void {
    this.#isStopped = true
    this.#turns.stop()
  }

  /**
   * The state with updates included that are being committed; a host that starts now gets it. With the old, shorter
   * retention it would let records expire that its predecessor had promised to hold.
   */
  get upcoming(): CatalogState {
    return applyChanges(this.#options.catalog.state, [...this.#committing.values()].flat())
  }

  /**
   * Changes the settings of a stream, and tells its hosts. Rejects with `unavailable`, and changes nothing, where a longer
   * retention is asked for and a host does not take it on in time.
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
    // The update is committed, so a slow host does not fail it: `#tell` keeps trying until that host knows.
    await withDeadline(Promise.all(telling), time, TELL_DEADLINE_MS).catch(() => {})
    return stream
  }

  /** Commits the update if `isSafe()` holds at that moment; returns whether it was committed. */
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

  /** Commits a longer retention at a moment when all hosts keep to it. */
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

  /** Fulfils when all hosts of the stream keep to the retention, with a function that says whether they still do. */
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

  /** Tells hosts that the retention stays as it was. A host that has ended needs no call: its next start says so. */
  #letGo(streamId: number): void {
    const { catalog, fleet } = this.#options
    for (const hostId of hostsOf(fleet, catalog.state, streamId)) {
      fleet.call(hostId, 'holdRetention', { streamId, retentionMs: 0 }).catch(() => {})
    }
  }

  /** Tells a host the settings of a stream, until it knows them or they change again. Never rejects. */
  async #tell(hostId: number, stream: Stream): Promise<void> {
    const { catalog, fleet, log, time } = this.#options
    const { id: streamId, name } = stream
    const settings = servedSettings(stream)
    const holds = (): boolean => {
      const current = catalog.state.streams.get(streamId)
      return current !== undefined && isServedAlike(current, settings)
    }
    while (!this.#isStopped && holds()) {
      // The next start of the host passes the new settings.
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
    `The retention of stream ${name} is unchanged: each host of the stream has to make durable what has expired` +
    ` before it is longer, and one cannot (${cause.message}); try again.`
  return refusal('unavailable', message, { cause })
}
