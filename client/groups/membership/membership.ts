// One process as a member of a group: joins, keeps its assignment in step by a long poll, reports, releases, and joins again
// after its lease has ended. Runs in the client. While the controller is away nothing is given up: the leases last, and a
// controller that comes back grants each member a full one. Only the answer `memberNotFound` ends a membership.
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

/** What a membership tells. */
export interface MembershipEvents {
  joined(): void
  /** The shards of the member, all of them. */
  assigned(leases: ResponseOf<'syncMember'>['leases']): void
  paused(isPaused: boolean): void
  /** The leases of the member have ended. */
  expelled(error: MillraceError): void
  /** The leases were renewed, after a time in which they were not sure or not. */
  renewed(): void
  /** Reports that have changed since the last call; all of them where the broker may not have the earlier ones. */
  reports(isAll: boolean): ShardReport[]
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
  /** Whether the last request to join was granted, also where nobody waits for the answer any more. */
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

  /** Until when the member may trust its leases, on the monotonic clock. */
  get sureUntil(): number {
    const { renewedAt } = this.#heartbeat ?? { renewedAt: -Infinity }
    if (this.#isJoined) this.#term.renewed(renewedAt)
    return this.#term.endsAt
  }

  get isSure(): boolean {
    return this.#isJoined && this.#options.client.monotonic() < this.sureUntil
  }

  /** Calls of handlers that are under way: when the oldest began. */
  handling(since: number | undefined): void {
    this.#handlingSince = since
    this.#heartbeat?.handling(since)
  }

  /** Sends reports and releases now. */
  kick(): void {
    this.#isKicked = true
    this.#wake.resolve()
  }

  /** The member does not read the shard any more. */
  release(shard: ReleasedShard): void {
    this.#released.push(shard)
    this.kick()
  }

  /**
   * Joins, and keeps the assignment in step until `leave`. Rejects for what stays: a stream that does not exist, a name that
   * another process keeps, a group that is full.
   */
  async run(): Promise<void> {
    const { signal } = this.#leaving
    try {
      while (!signal.aborted) {
        // A member that hangs would only take shards that others can process.
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

  /** Stores checkpoints; an answer for each. Rejects with `memberNotFound`, or for what may pass. */
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

  /** Ends the membership: its shards are free at once. What is to be checkpointed must be before. */
  async leave(): Promise<void> {
    const { claim, control } = this.#options
    this.#leaving.abort()
    this.#heartbeat?.stop()
    const isMember = this.#isJoined || (await this.#joining)
    this.#isJoined = false
    if (isMember) await control.call('leaveGroup', claim)
  }

  /** True while a call of the handler takes longer than it may: nothing that would renew is sent. */
  get #isHung(): boolean {
    const { client, settings } = this.#options
    const since = this.#handlingSince
    return since !== undefined && client.monotonic() - since > settings.handlerTimeoutMs
  }

  /** Fulfils when no call of the handler takes longer than it may; rejects when the member leaves. */
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
        const request = { ...claim, streams, leaseMs: settings.leaseMs }
        const answer = connection.request('joinGroup', request)
        this.#joining = answer.then(
          () => true,
          () => false,
        )
        const { leaseMs } = await unlessAborted(answer, signal)
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
        // A predecessor that has crashed is gone after its lease; one that lives on is another process with this name.
        patienceMs ??= 2 * Math.max(settings.leaseMs, error.retryAfterMs ?? 0)
        if (error.code === 'memberExists' && waitedMs > patienceMs) throw error
        const delayMs = backoffMs(retry, attempt, random, Math.min(error.retryAfterMs ?? 0, settings.leaseMs))
        log({ level: 'info', message: 'joinGroup is tried again', delayMs, error })
        await sleep(delayMs, signal)
      }
    }
  }

  /**
   * Keeps in step until the membership ends: throws `memberNotFound` then. One request waits at the broker; where there is
   * something to say, another one follows, which has the broker answer the first. Two are under way at most.
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

  /** One request. A later one ends the wait of an earlier one at the broker. */
  async #syncOnce(): Promise<void> {
    const { claim, control, client } = this.#options
    const { signal } = this.#leaving
    const connection = await control.connect(signal)
    const released = this.#released.slice(0, limits.groupShardsPerRequestMax)
    const reports = this.#events.reports(this.#isAllToReport).slice(0, limits.groupShardsPerRequestMax)
    this.#isAllToReport = false
    const waitMs = released.length < this.#released.length ? 0 : groupLimits.syncWaitMs
    const sentAt = client.monotonic()
    const request = { ...claim, version: this.#version, waitMs, reports, released }
    const answer = await unlessAborted(connection.request('syncMember', request, waitMs), signal)
    if (!this.#isJoined) return
    this.#released = this.#released.filter((shard) => !released.includes(shard))
    this.#renewed(sentAt)
    this.#events.paused(answer.isPaused)
    if (answer.version <= this.#version) return
    this.#version = answer.version
    this.#events.assigned(answer.leases)
  }
}
