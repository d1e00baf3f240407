// A member at work: starts and ends the work on shards as the membership assigns and revokes them. Runs in the client. Each
// lease has one piece of work, which ends once: by a release, by the end of the shard, or by the loss of the lease. A shard
// never has two pieces of work at the same time.
import { limits } from '../../protocol/limits.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { WireLease } from '../../protocol/operations.ts'
import type { Codec } from '../codecs.ts'
import type { ControlPlane } from '../connecting/control-plane.ts'
import type { ConnectionPool } from '../connecting/pool.ts'
import type { RoutingCache } from '../connecting/routing.ts'
import { decryptionOf } from '../encryption/of-stream.ts'
import { asMillraceError, errorFrom } from '../errors.ts'
import type { RecordInput } from '../record.ts'
import type { Settings } from '../settings.ts'
import { unlessAborted } from '../waiting.ts'
import type { GroupEvent, GroupShardEvent } from './events.ts'
import { HandOutGate } from './hand-out-gate.ts'
import { changesOf, shardKey } from './membership/assignment.ts'
import {
  MainThreadHeartbeat,
  type Heartbeat,
  type HeartbeatOptions,
  type MemberClaim,
} from './membership/heartbeat.ts'
import { ThreadHeartbeat } from './membership/heartbeat-thread.ts'
import { Membership } from './membership/membership.ts'
import { KnownStreams } from './known-streams.ts'
import { groupLimits, type GroupHandler, type GroupSettings } from './options.ts'
import { deadLetterOf } from './processing/dead-letters.ts'
import type { LoadCheckpoint } from './processing/external-position.ts'
import { GiveBacks } from './processing/give-backs.ts'
import { FanOut } from './processing/fan-out.ts'
import { HandlerWatch } from './processing/handler-watch.ts'
import { LeasedShard } from './processing/leased-shard.ts'
import { Reports, type ToldReports } from './processing/reports.ts'
import { CheckpointSaver, leaseLost } from './processing/saver.ts'
import { ShardFeeds, type ShardFeed } from './processing/shard-feed.ts'
import { ShardWork, type WorkOutcome } from './processing/shard-work.ts'

/** The parts of the client that a group uses. */
export interface GroupDependencies {
  readonly control: ControlPlane
  readonly routings: RoutingCache
  readonly pool: ConnectionPool
  readonly settings: Settings
  readonly put: (stream: string, record: RecordInput) => Promise<unknown>
  readonly onClosed: () => void
}

export interface EngineOptions<T> {
  readonly claim: MemberClaim
  readonly settings: GroupSettings
  readonly codec: Codec<never, T>
  readonly handler: GroupHandler<T>
  readonly loadCheckpoint: LoadCheckpoint | undefined
  readonly onEvent: (event: GroupEvent) => void
  readonly dependencies: GroupDependencies
}

interface Held {
  readonly shard: LeasedShard
  readonly feed: ShardFeed
}

export class GroupEngine<T> {
  readonly #options: EngineOptions<T>
  readonly #client: Settings
  readonly #membership: Membership
  readonly #feeds: ShardFeeds
  readonly #saver: CheckpointSaver
  readonly #gate: HandOutGate
  readonly #watch: HandlerWatch | undefined
  readonly #reports = new Reports()
  readonly #streams = new KnownStreams()
  readonly #giveBacks: GiveBacks
  readonly #held = new Map<string, Held>()
  /** By shard: the epoch in which it was last given back or ended. */
  readonly #finished = new Map<string, number>()
  /** Unfinished work, by shard. The next lease of the shard waits for it. */
  readonly #works = new Map<string, { readonly shard: LeasedShard; readonly over: Promise<void> }>()
  readonly #waiting = new Map<string, { readonly lease: WireLease; readonly shard: LeasedShard }>()
  readonly #ending = new AbortController()
  #reportTimer: NodeJS.Timeout | undefined
  #stopping: Promise<void> | undefined

  constructor(options: EngineOptions<T>) {
    this.#options = options
    const { dependencies, settings, claim } = options
    const { control, routings, pool } = dependencies
    this.#client = dependencies.settings
    this.#giveBacks = new GiveBacks(this.#client.random)
    const { signal } = this.#ending
    this.#membership = new Membership(
      {
        claim,
        settings,
        control,
        client: this.#client,
        signal,
        makeHeartbeat: (heartbeat) => this.#heartbeat(heartbeat),
      },
      {
        joined: () => options.onEvent({ type: 'joined', memberId: claim.memberId }),
        assigned: (leases) => this.#assigned(leases),
        paused: (isPaused) => this.#gate.paused(isPaused),
        streams: (streams) => this.#streams.heard(streams).forEach(options.onEvent),
        expelled: (error) => this.#expelled(error),
        renewed: () => this.#gate.renewed(),
        reports: (isAll) => this.#tellReports(isAll),
      },
    )
    this.#gate = new HandOutGate({
      monotonic: this.#client.monotonic,
      sureUntil: () => this.#membership.sureUntil,
      onDoubt: (error) => {
        for (const shard of this.shards) shard.doubt(error)
      },
    })
    this.#saver = new CheckpointSaver({
      save: (checkpoints) => this.#membership.save(checkpoints),
      onRefused: (shard, error) => this.#refused(shard, error),
      settings: this.#client,
      signal,
    })
    this.#feeds = new ShardFeeds({
      routings,
      pool,
      client: this.#client,
      mode: settings.mode,
      fanOut: settings.consumer === undefined ? undefined : new FanOut(control, settings.consumer),
      maxWaitMs: groupLimits.fetchWaitMs,
      bufferBytesMax: settings.bufferBytesMax,
      loadCheckpoint: options.loadCheckpoint,
      onLoadFailed: (shard, failure) => this.#tell(shard, { type: 'loadFailed', ...failure }),
      onTrimmed: (shard, { from, next }) =>
        this.#tell(shard, { type: 'trimmed', sequenceNumber: from, nextSequenceNumber: next }),
      signal,
    })
    if (settings.handlerTimeoutMs !== Infinity) {
      this.#watch = new HandlerWatch(this.#client.monotonic, (since) => this.#membership.handling(since))
    }
  }

  /** Runs until it is stopped. Rejects with errors that a retry does not mend, and with `aborted`. */
  async run(): Promise<void> {
    this.#reportTimer = setInterval(() => this.#report(), groupLimits.reportMs)
    try {
      await this.#membership.run()
      await this.#stopping
      if (this.#ending.signal.aborted) throw asMillraceError(this.#ending.signal.reason)
    } finally {
      this.#end()
    }
  }

  /** Finishes the running calls, checkpoints them, and leaves the group. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  /** Ends at once, without further checkpoints. */
  abort(reason: MillraceError): void {
    if (this.#ending.signal.aborted) return
    for (const held of this.#held.values()) this.#lose(held, reason)
    this.#ending.abort(reason)
    // Handlers now run without a lease. The member leaves when the last of them has returned.
    void this.#worked()
      .then(() => this.#membership.leave())
      .catch(() => {})
  }

  /** The shards that the member has now. */
  get shards(): readonly LeasedShard[] {
    return Array.from(this.#held.values(), ({ shard }) => shard)
  }

  /** Retries every blocked shard. */
  retryBlocked(): void {
    for (const shard of this.shards) shard.unblock()
  }

  /** Skips the records before `next` in a shard that the member has. */
  seek(shard: LeasedShard, next: number): void {
    shard.skipBelow = Math.max(shard.skipBelow, next)
    shard.unblock()
  }

  /** The member's shards, and those whose work waits for a call under an earlier lease. */
  get #reported(): Iterable<LeasedShard> {
    return [...this.shards, ...Array.from(this.#waiting.values(), ({ shard }) => shard)]
  }

  async #worked(): Promise<void> {
    await Promise.allSettled(Array.from(this.#works.values(), ({ over }) => over))
  }

  async #stop(): Promise<void> {
    for (const held of this.#held.values()) this.#close(held)
    // A handler that never returns delays `stop` for ever, but not `abort`.
    await unlessAborted(this.#worked(), this.#ending.signal).catch(() => {})
    if (!this.#ending.signal.aborted) await this.#membership.leave().catch(() => {})
  }

  #end(): void {
    clearInterval(this.#reportTimer)
    this.#gate.end()
    if (this.#ending.signal.aborted) return
    const error = new MillraceError('closed', 'The group was stopped.')
    for (const held of this.#held.values()) this.#lose(held, error)
    this.#ending.abort(error)
  }

  #heartbeat(options: HeartbeatOptions): Heartbeat {
    const { control } = this.#options.dependencies
    const { onEvent } = this.#options
    const inMainThread = (error: Error | undefined): Heartbeat => {
      onEvent({ type: 'heartbeatInMainThread', error })
      return new MainThreadHeartbeat(options, control, this.#client)
    }
    // The application's own dial function cannot be passed to a thread.
    if (this.#client.hasOwnDial) return inMainThread(undefined)
    try {
      const onFallback = (error: Error): void => onEvent({ type: 'heartbeatInMainThread', error })
      return new ThreadHeartbeat({ ...options, onFallback }, control, this.#client)
    } catch (error) {
      return inMainThread(errorFrom(error))
    }
  }

  #assigned(leases: readonly WireLease[]): void {
    const held = new Map(Array.from(this.#held, ([key, { shard }]) => [key, shard]))
    const { begin, revoke, lose } = changesOf(held, leases, this.#finished)
    for (const shard of lose) this.#lose(this.#held.get(shard.key)!, leaseLost(shard))
    for (const shard of revoke) this.#close(this.#held.get(shard.key)!)
    this.#waiting.clear()
    if (this.#stopping !== undefined) return
    for (const lease of begin) {
      const key = shardKey(lease)
      // A handler may still run under an earlier lease. It must end first: records of one key are never handled side by side.
      const work = this.#works.get(key)
      if (work === undefined) this.#begin(lease)
      else this.#waiting.set(key, { lease, shard: work.shard.next(lease) })
    }
  }

  #begin(lease: WireLease): void {
    const { streamId, shardIndex, epoch } = lease
    if (!lease.isRevoked) this.#work(new LeasedShard(lease))
    else {
      this.#finished.set(shardKey(lease), epoch)
      this.#membership.release({ streamId, shardIndex, epoch })
    }
  }

  #work(shard: LeasedShard): void {
    const { settings, handler, codec, dependencies, claim } = this.#options
    const feed = this.#feeds.begin(shard)
    const held = { shard, feed }
    this.#held.set(shard.key, held)
    this.#tell(shard, { type: 'assigned' })
    const work = new ShardWork<T>({
      feed,
      settings,
      codec,
      decryption: decryptionOf(shard.stream, dependencies.settings),
      handler,
      saver: this.#saver,
      giveBacks: this.#giveBacks,
      client: this.#client,
      watch: this.#watch,
      gate: () => this.#gate.wait(shard),
      putAside: async (record, failure) => {
        const { onPoison } = settings
        if (typeof onPoison !== 'object') return
        await dependencies.put(
          onPoison.deadLetter,
          deadLetterOf(record, { group: claim.group, shard, ...failure }),
        )
      },
      events: {
        retrying: (failure) => this.#tell(shard, { type: 'retrying', ...failure }),
        blocked: (failure) => {
          this.#tell(shard, { type: 'blocked', ...failure })
          this.#membership.kick()
        },
        passedOver: (type, place) => this.#tell(shard, { type, ...place }),
      },
    })
    const over = work.run().then((outcome) => this.#over(held, outcome))
    this.#works.set(shard.key, { shard, over })
    void over.then(() => {
      this.#works.delete(shard.key)
      const next = this.#waiting.get(shard.key)
      this.#waiting.delete(shard.key)
      if (next !== undefined && this.#stopping === undefined && !this.#ending.signal.aborted)
        this.#begin(next.lease)
    })
  }

  #over(held: Held, outcome: WorkOutcome): void {
    const { shard, feed } = held
    this.#feeds.stop(feed)
    if (this.#held.get(shard.key) === held) this.#held.delete(shard.key)
    if (shard.isLost) return
    if (outcome === 'lost') {
      this.#lose(held, leaseLost(shard))
      return
    }
    const { streamId, shardIndex, epoch, key } = shard
    this.#finished.set(key, Math.max(epoch, this.#finished.get(key) ?? 0))
    if (outcome === 'released') this.#membership.release({ streamId, shardIndex, epoch })
    this.#tell(shard, { type: outcome })
  }

  /** Lets the running calls finish, and begins no new ones. */
  #close({ shard, feed }: Held): void {
    if (shard.isClosing) return
    shard.close()
    this.#feeds.stop(feed)
    this.#gate.look()
  }

  #lose(held: Held, reason: Error): void {
    const { shard, feed } = held
    if (shard.isLost) return
    shard.lose(reason)
    this.#feeds.stop(feed)
    this.#saver.drop(shard)
    if (this.#held.get(shard.key) === held) this.#held.delete(shard.key)
    this.#gate.look()
    this.#tell(shard, { type: 'lost' })
  }

  #refused(shard: LeasedShard, error: MillraceError): void {
    const held = this.#held.get(shard.key)
    if (error.code === 'memberNotFound') {
      this.#membership.kick()
      return
    }
    this.#client.log({
      level: 'warn',
      message: 'a checkpoint was refused',
      stream: shard.stream,
      shardId: shard.shardId,
      error,
    })
    if (error.code === 'leaseLost' && held?.shard === shard) this.#lose(held, error)
  }

  #expelled(error: MillraceError): void {
    this.#waiting.clear()
    for (const held of this.#held.values()) this.#lose(held, error)
    this.#options.onEvent({ type: 'expelled', memberId: this.#options.claim.memberId, error })
  }

  #tellReports(isAll: boolean): ToldReports {
    const reportsMax = limits.groupShardsPerRequestMax
    return this.#reports.tell(this.#reported, this.#client.monotonic(), { isAll, reportsMax })
  }

  #report(): void {
    if (this.#reports.hasNews(this.#reported, this.#client.monotonic())) this.#membership.kick()
  }

  #tell(shard: LeasedShard, event: GroupShardEvent): void {
    const { stream, shardId, epoch } = shard
    this.#options.onEvent({ ...event, stream, shardId, epoch })
  }
}
