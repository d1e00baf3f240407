// One process as a member of a group: joins, keeps its assignment up to date by a long poll, reports, releases, and joins again
// after its lease has ended. Runs in the client. While the controller is away the member keeps its shards, and a controller
// that comes back grants each member a full lease. Only the answer `memberNotFound` ends a membership.
import { limits } from '../../../protocol/limits.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { RequestOf, ResponseOf, WireCheckpoint } from '../../../protocol/operations.ts'
import type { ControlPlane } from '../../connecting/control-plane.ts'
import { backoffMs, mayRepeat } from '../../retry.ts'
import type { Settings } from '../../settings.ts'
import { deferred, sleep, throwIfAborted, unlessAborted, type Deferred } from '../../waiting.ts'
import { groupLimits, type GroupSettings } from '../options.ts'
import type { Heartbeat, HeartbeatOptions, MemberClaim } from './heartbeat.ts'
import { LeaseTerm } from './lease-term.ts'

export type ShardReport = RequestOf<'syncMember'>['reports'][number]
export type ReleasedShard = RequestOf<'syncMember'>['released'][number]
export type SaveResult = ResponseOf<'saveCheckpoints'>['results'][number]

/** Calls that a membership makes. */
export interface MembershipEvents {
  joined(): void
  /** Called with all shards of the member after each change of the assignment. */
  assigned(leases: ResponseOf<'syncMember'>['leases']): void
  paused(isPaused: boolean): void
  /** Called with the streams that the member wants, as the broker has them. */
  streams(streams: ResponseOf<'syncMember'>['streams']): void
  /** Called when the leases of the member have ended. */
  expelled(error: MillraceError): void
  /** Called when the leases were renewed, whether or not they were in doubt before. */
  renewed(): void
  /**
   * Returns the reports that have changed since the last call, as many as one request holds; all reports if the broker may lack
   * earlier ones.
   */
  reports(isAll: boolean): { readonly reports: readonly ShardReport[]; readonly hasMore: boolean }
}

export interface MembershipOptions {
  readonly claim: MemberClaim
  readonly settings: GroupSettings
  readonly control: ControlPlane
  readonly client: Settings
  readonly makeHeartbeat: (options: HeartbeatOptions) => Heartbeat
  /** Ends the membership at once. */
  readonly signal: AbortSignal
}

export class Membership {
  readonly #options: MembershipOptions
  readonly #events: MembershipEvents
  #term: LeaseTerm
  #heartbeat: Heartbeat | undefined
  #handlingSince: number | undefined
  #version = 0
  #isAllToReport = true
  #isKicked = false
  #isJoined = false
  /** Life of the group that was joined first. The member joins no later group of the same name. */
  #life: number | undefined
  /** Fulfils with whether the last request to join was granted, even if `run` no longer waits for the answer. */
  #joining: Promise<boolean> = Promise.resolve(false)
  /** Released shards that the broker may not have heard of. */
  #released: ReleasedShard[] = []
  #wake: Deferred<void> = deferred()
  readonly #leaving = new AbortController()

  constructor(options: MembershipOptions, events: MembershipEvents) {
    this.#options = options
    this.#events = events
    this.#term = new LeaseTerm(options.settings.leaseMs)
    options.signal.addEventListener('abort', () => this.#leaving.abort(), { once: true })
  }

  /** End of the time in which the member may trust its leases, on the monotonic clock. */
  get sureUntil(): number {
    const { renewedAt } = this.#heartbeat ?? { renewedAt: -Infinity }
    if (this.#isJoined) this.#term.renewed(renewedAt)
    return this.#term.endsAt
  }

  get isSure(): boolean {
    return this.#isJoined && this.#options.client.monotonic() < this.sureUntil
  }

  /** Sets when the oldest running call of a handler began; undefined if none runs. */
  handling(since: number | undefined): void {
    this.#handlingSince = since
    this.#heartbeat?.handling(since)
  }

  /** Sends reports and releases at once. */
  kick(): void {
    this.#isKicked = true
    this.#wake.resolve()
  }

  /** Tells the broker that the member no longer reads the shard. */
  release(shard: ReleasedShard): void {
    this.#released.push(shard)
    this.kick()
  }

  /**
   * Joins, and keeps the assignment up to date until `leave`. Rejects with errors that a retry does not mend: a stream that
   * does not exist, a name that another process keeps, a group that is full, or that was deleted.
   */
  async run(): Promise<void> {
    const { signal } = this.#leaving
    try {
      while (!signal.aborted) {
        // A hung member would take shards that other members can process.
        await this.#whileHung()
        await this.#join()
        try {
          await this.#sync()
        } catch (error) {
          if (!MillraceError.is(error, 'memberNotFound')) throw error
          this.#expel(error)
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      this.#heartbeat?.stop()
    }
  }

  /** Stores checkpoints; returns one answer for each. Rejects with `memberNotFound`, and with errors that may pass. */
  async save(checkpoints: readonly WireCheckpoint[]): Promise<readonly SaveResult[]> {
    const { claim, control, client, signal } = this.#options
    if (this.#isHung)
      throw new MillraceError('unavailable', 'A call of the handler takes longer than it may.')
    const sentAt = client.monotonic()
    const connection = await control.connect(signal)
    const answer = connection.request('saveCheckpoints', { ...claim, checkpoints: [...checkpoints] })
    const { results } = await unlessAborted(answer, signal)
    this.#renewed(sentAt)
    return results
  }

  /** Ends the membership, which frees its shards at once. Checkpoints must be stored before. */
  async leave(): Promise<void> {
    const { claim, control } = this.#options
    this.#leaving.abort()
    this.#heartbeat?.stop()
    const isMember = this.#isJoined || (await this.#joining)
    this.#isJoined = false
    if (isMember) await control.call('leaveGroup', claim)
  }

  /** True while a call of the handler exceeds its timeout. Meanwhile no request is sent that would renew the lease. */
  get #isHung(): boolean {
    const { client, settings } = this.#options
    const since = this.#handlingSince
    return since !== undefined && client.monotonic() - since > settings.handlerTimeoutMs
  }

  /** Fulfils when no call of the handler exceeds its timeout; rejects when the member leaves. */
  async #whileHung(): Promise<void> {
    const { leaseMs } = this.#options.settings
    while (this.#isHung) await sleep(leaseMs / groupLimits.renewalsPerLease, this.#leaving.signal)
  }

  #renewed(sentAt: number): void {
    this.#term.renewed(sentAt)
    this.#events.renewed()
  }

  #expel(error: MillraceError): void {
    this.#isJoined = false
    this.#joining = Promise.resolve(false)
    this.#term.end()
    this.#version = 0
    this.#released = []
    this.#heartbeat?.stop()
    this.#heartbeat = undefined
    this.#events.expelled(error)
  }

  async #join(): Promise<void> {
    const { claim, control, settings, client, makeHeartbeat } = this.#options
    const { signal } = this.#leaving
    const { monotonic, random, retry, log } = client
    const streams = settings.streams.map(({ name, from }) => ({ name, from }))
    const startedAt = monotonic()
    let patienceMs: number | undefined
    for (let attempt = 0; ; attempt++) {
      const sentAt = monotonic()
      try {
        const connection = await control.connect(signal)
        throwIfAborted(signal)
        const request = { ...claim, streams, leaseMs: settings.leaseMs, life: this.#life }
        const answer = connection.request('joinGroup', request)
        this.#joining = answer.then(
          () => true,
          () => false,
        )
        const { leaseMs, life } = await unlessAborted(answer, signal)
        this.#life = life
        this.#term = new LeaseTerm(leaseMs)
        this.#isJoined = true
        const { handlerTimeoutMs } = settings
        this.#heartbeat = makeHeartbeat({
          claim,
          leaseMs,
          handlerTimeoutMs,
          intervalMs: leaseMs / groupLimits.renewalsPerLease,
          onRenewed: (at) => this.#renewed(at),
          onUnknown: () => this.kick(),
        })
        this.#heartbeat.handling(this.#handlingSince)
        this.#events.joined()
        this.#renewed(sentAt)
        return
      } catch (error) {
        if (signal.aborted || !mayRepeat(error, true)) throw error
        const waitedMs = monotonic() - startedAt
        if (waitedMs >= retry.giveUpAfterMs) throw error
        // A crashed predecessor is gone when its lease ends. If the name is still taken then, a live process has it.
        patienceMs ??= 2 * Math.max(settings.leaseMs, error.retryAfterMs ?? 0)
        if (error.code === 'memberExists' && waitedMs > patienceMs) throw error
        const delayMs = backoffMs(retry, attempt, random, Math.min(error.retryAfterMs ?? 0, settings.leaseMs))
        log({ level: 'info', message: 'joinGroup is tried again', delayMs, error })
        await sleep(delayMs, signal)
      }
    }
  }

  /**
   * Keeps the assignment up to date until the membership ends, and then throws `memberNotFound`. One request waits at the
   * broker. A second one follows when there is something to send; it makes the broker answer the first. At most two requests
   * are under way.
   */
  async #sync(): Promise<void> {
    const { signal } = this.#leaving
    const { retry, random } = this.#options.client
    const underWay = new Set<Promise<void>>()
    let failures = 0
    this.#isAllToReport = true
    for (;;) {
      await this.#whileHung()
      if (underWay.size === 0 || (this.#isKicked && underWay.size === 1)) {
        this.#isKicked = false
        const attempt = this.#syncOnce().finally(() => underWay.delete(attempt))
        underWay.add(attempt)
        attempt.catch(() => {})
      }
      const kicked = this.#isKicked || underWay.size > 1 ? [] : [(this.#wake = deferred()).promise]
      try {
        await unlessAborted(Promise.race([...underWay, ...kicked]), signal)
        failures = 0
      } catch (error) {
        if (signal.aborted || !mayRepeat(error, true)) throw error
        this.#isAllToReport = true
        await sleep(backoffMs(retry, failures++, random, error.retryAfterMs), signal)
      }
    }
  }

  /** Sends one request. It ends the wait of an earlier one at the broker. */
  async #syncOnce(): Promise<void> {
    const { claim, control, client } = this.#options
    const { signal } = this.#leaving
    const connection = await control.connect(signal)
    const released = this.#released.slice(0, limits.groupShardsPerRequestMax)
    const { reports, hasMore } = this.#events.reports(this.#isAllToReport)
    this.#isAllToReport = false
    const waitMs = hasMore || released.length < this.#released.length ? 0 : groupLimits.syncWaitMs
    const sentAt = client.monotonic()
    const request = { ...claim, version: this.#version, waitMs, reports, released }
    const answer = await unlessAborted(connection.request('syncMember', request, waitMs), signal)
    if (!this.#isJoined) return
    this.#released = this.#released.filter((shard) => !released.includes(shard))
    this.#renewed(sentAt)
    this.#events.paused(answer.isPaused)
    if (answer.version <= this.#version) return
    this.#version = answer.version
    this.#events.streams(answer.streams)
    this.#events.assigned(answer.leases)
  }
}
