// The calls to create, change and describe streams and shards: thin requests to the controller. Runs in the client.
import { hashKeyFromBigInt } from '../../protocol/shards/hash-key.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { parseShardId, shardIdOf } from '../../protocol/shards/shard-id.ts'
import { settingsRequest, type StreamChanges, type StreamSettings } from './capacity.ts'
import { Access } from '../access/access.ts'
import { ConsumerAdmin } from '../consumers/consumer-admin.ts'
import type { ControlPlane } from '../connecting/control-plane.ts'
import {
  brokerOf,
  scalingReportOf,
  shardOf,
  streamOf,
  type BrokerDescription,
  type ScalingReport,
  type Shard,
  type Stream,
} from './descriptions.ts'
import {
  describeGroup,
  groupOf,
  onlyStreamOf,
  type GroupDescription,
  type GroupSummary,
} from '../groups/descriptions.ts'
import type { GroupStart } from '../groups/options.ts'
import { toWirePosition } from '../reading/position.ts'
import { listing, type Listing } from './listing.ts'
import { checkArgument, checkChanges, checkOptions } from '../options/check.ts'
import type { CallName } from '../options/table.ts'
import { Pace } from '../retry.ts'
import type { RoutingCache } from '../connecting/routing.ts'
import { clientLimits, type CallOptions, type Settings } from '../settings.ts'
import { cutAt, hashKeyOf, isolatingCuts, type IsolatedKey } from './split-point.ts'
import { sleep } from '../waiting.ts'
import { countOf } from '../../protocol/text/count-text.ts'

/** Settings of a new stream; those left out have their defaults. */
export interface CreateStreamOptions extends StreamSettings, CallOptions {
  /** Number of shards; 1 by default, and for an on-demand stream the default of the broker. */
  readonly shards?: number
}

/** Where to split. By default both children get half of the load that the broker has observed. */
export interface SplitOptions extends CallOptions {
  /** The lowest hash key of the upper child: Kinesis' NewStartingHashKey, a decimal. */
  readonly at?: string | bigint
  /** Gives one key a shard of its own. The hash keys on each side of it get one shard each. */
  readonly isolate?: IsolatedKey
}

/** Options of `updateShardCount`. */
export interface UpdateShardCountOptions extends CallOptions {
  /** Called at intervals with the present description of the stream. Must not throw. */
  readonly onProgress?: (stream: Stream) => void
}

/** How something is done to a group that has members. */
export interface ForceOptions extends CallOptions {
  /** Also while the group has members: they are fenced, and what they have under way is processed again. False by default. */
  readonly force?: boolean
}

/** How a stream is deleted. */
export interface DeleteStreamOptions extends CallOptions {
  /** Delete only the stream with this id, not another one that has its name by now: that ends with `streamNotFound`. */
  readonly expectedId?: number | undefined
}

/** Where a consumer group goes on from now on. */
export interface ResetGroupOptions extends ForceOptions {
  /** The oldest record, the tail, or a time. */
  readonly to: GroupStart
  /** Name of the stream; may be left out where the group reads one. */
  readonly stream?: string
}

/** The shards that a split made, in the order of their ranges. */
export interface SplitResult {
  /** Ids of the new shards. */
  readonly children: readonly string[]
  /** The stream's epoch from now on. */
  readonly epoch: number
}

/** The shard that a merge made. */
export interface MergeResult {
  /** Id of the new shard. */
  readonly child: string
  /** The stream's epoch from now on. */
  readonly epoch: number
}

/** The calls about streams, shards, groups and the broker. `Client` extends it: what is added here is a method of the client. */
export class Admin extends ConsumerAdmin {
  /** Principals, what they may do, and their tokens. */
  readonly access: Access
  readonly #control: ControlPlane
  readonly #routings: RoutingCache
  readonly #settings: Settings

  constructor(control: ControlPlane, routings: RoutingCache, settings: Settings) {
    super(control)
    this.access = new Access(control)
    this.#control = control
    this.#routings = routings
    this.#settings = settings
  }

  /** Creates a stream; fulfils when it takes records. */
  async createStream(name: string, options: CreateStreamOptions = {}): Promise<Stream> {
    check('createStream', { stream: name, options })
    const request = { name, shardCount: options.shards, ...settingsRequest(options) }
    return streamOf((await this.#control.call('createStream', request, options.signal)).stream)
  }

  /** Describes one stream: its settings, its shards as numbers, its state. Rejects with `streamNotFound`. */
  async describeStream(name: string, options: CallOptions = {}): Promise<Stream> {
    check('describeStream', { stream: name, options })
    return streamOf((await this.#control.call('describeStream', { name }, options.signal)).stream)
  }

  /** Changes settings of a stream; what `changes` leaves out stays. */
  async updateStream(name: string, changes: StreamChanges, options: CallOptions = {}): Promise<Stream> {
    check('updateStream', { stream: name, options })
    checkChanges(changes)
    const request = { name, ...settingsRequest(changes) }
    return streamOf((await this.#control.call('updateStream', request, options.signal)).stream)
  }

  /** Deletes a stream and its records. Rejects with `streamNotFound`. */
  async deleteStream(name: string, options: DeleteStreamOptions = {}): Promise<void> {
    check('deleteStream', { stream: name, options })
    const { expectedId, signal } = options
    await this.#control.call('deleteStream', { name, expectedId }, signal)
    this.#routings.forget(name)
  }

  /**
   * Splits an open shard while producers and readers go on, by default so that both children get half of the load; fulfils
   * when the children take records.
   */
  async splitShard(name: string, shardId: string, options: SplitOptions = {}): Promise<SplitResult> {
    check('splitShard', { stream: name, options })
    checkArgument('shardId', shardId)
    const shardIndex = parseShardId(shardId)
    const newStartingHashKeys = await this.#cutsOf(name, shardIndex, options)
    const request = { name, shardIndex, newStartingHashKeys }
    const { children, epoch } = await this.#control.call('splitShard', request, options.signal)
    this.#routings.forget(name)
    return { children: children.map(shardIdOf), epoch }
  }

  /** Merges two open shards whose hash key ranges touch; fulfils when the child takes records. */
  async mergeShards(
    name: string,
    shardId: string,
    adjacentShardId: string,
    options: CallOptions = {},
  ): Promise<MergeResult> {
    check('mergeShards', { stream: name, options })
    checkArgument('shardId', shardId)
    checkArgument('adjacentShardId', adjacentShardId)
    const shardIndex = parseShardId(shardId)
    const request = { name, shardIndex, adjacentShardIndex: parseShardId(adjacentShardId) }
    const { child, epoch } = await this.#control.call('mergeShards', request, options.signal)
    this.#routings.forget(name)
    return { child: shardIdOf(child), epoch }
  }

  /**
   * Splits and merges until the stream has this many open shards with even ranges; fulfils then. A signal ends only the wait:
   * the change goes on. Rejects with `streamBusy` if another request sets another count, and with `invalidArgument` if the
   * stream is on-demand, or becomes so before the change is done.
   */
  async updateShardCount(
    name: string,
    shardCount: number,
    options: UpdateShardCountOptions = {},
  ): Promise<Stream> {
    check('updateShardCount', { stream: name, options })
    checkArgument('shardCount', shardCount)
    const { signal, onProgress } = options
    const done = new AbortController()
    if (onProgress !== undefined) void this.#watch(name, onProgress, done.signal)
    try {
      let pace = new Pace(this.#settings)
      let least = Infinity
      for (;;) {
        await pace.next(signal)
        const answer = await this.#control.call('updateShardCount', { name, shardCount }, signal)
        const stream = streamOf(answer.stream)
        onProgress?.(stream)
        const isOver = stream.targetShardCount === undefined
        // Another request would set this count again, so it must not be sent if the count was replaced meanwhile.
        const now = isOver ? stream : await this.describeStream(name, signal === undefined ? {} : { signal })
        if (now.targetShardCount === undefined && now.openShardCount === shardCount) return now
        if (now.targetShardCount !== shardCount) throw replacedGoal(now, shardCount)
        // What comes nearer to its goal is asked for as fast as it does.
        const left = Math.abs(shardCount - now.openShardCount)
        if (left < least) pace = new Pace(this.#settings)
        least = Math.min(least, left)
      }
    } finally {
      done.abort()
      this.#routings.forget(name)
    }
  }

  /** Returns what the autoscaler would do with the stream now, and why. It changes nothing. */
  async explainScaling(name: string, options: CallOptions = {}): Promise<ScalingReport> {
    check('explainScaling', { stream: name, options })
    return scalingReportOf(await this.#control.call('explainScaling', { name }, options.signal))
  }

  /** Describes the broker: its version, its hosts and their states, and counts. */
  async describeBroker(options: CallOptions = {}): Promise<BrokerDescription> {
    checkOptions('describeBroker', options)
    return brokerOf(await this.#control.call('describeBroker', {}, options.signal))
  }

  /** Returns the time by the clock of the broker, which arrival times are of. */
  async brokerTime(options: CallOptions = {}): Promise<Date> {
    checkOptions('brokerTime', options)
    return new Date(await this.#control.time(options.signal))
  }

  /** Lists all streams by name: use `for await`, or `.page()`. */
  listStreams(options: CallOptions = {}): Listing<Stream> {
    checkOptions('listStreams', options)
    return listing<Stream>(options, {
      operation: 'listStreams',
      fetch: async ({ limit, after, signal }) => {
        const request = { limit, exclusiveStartName: after }
        const { streams, hasMore } = await this.#control.call('listStreams', request, signal)
        return { items: streams.map(streamOf), hasMore }
      },
      placeOf: ({ name }) => name,
      isBehind: (name, other) => name > other,
    })
  }

  /** Lists the shards of a stream by index: use `for await`, or `.page()`. */
  listShards(stream: string, options: CallOptions = {}): Listing<Shard> {
    check('listShards', { stream, options })
    return listing<Shard>(options, {
      operation: 'listShards',
      fetch: async ({ limit, after, signal }) => {
        const exclusiveStartIndex = after === undefined ? undefined : parseShardId(after)
        const request = { name: stream, limit, exclusiveStartIndex }
        const { shards, hasMore } = await this.#control.call('listShards', request, signal)
        return { items: shards.map(shardOf), hasMore }
      },
      placeOf: ({ shardId }) => shardId,
      isBehind: (shardId, other) => parseShardId(shardId) > parseShardId(other),
    })
  }

  /** All consumer groups by name: `for await`, or `.page()`. */
  listGroups(options: CallOptions = {}): Listing<GroupSummary> {
    checkOptions('listGroups', options)
    return listing(options, {
      operation: 'listGroups',
      fetch: async ({ limit, after, signal }) => {
        const request = { limit, exclusiveStartName: after }
        const { groups, hasMore } = await this.#control.call('listGroups', request, signal)
        return { items: groups.map(groupOf), hasMore }
      },
      placeOf: ({ name }) => name,
      isBehind: (name, other) => name > other,
    })
  }

  /**
   * Describes a consumer group: its members, and for each shard that is not processed to its end how far it is, how much is
   * behind, and why. Rejects with `groupNotFound`.
   */
  async describeGroup(name: string, options: CallOptions = {}): Promise<GroupDescription> {
    checkArgument('name', name)
    checkOptions('describeGroup', options)
    return describeGroup(this.#control, name, options.signal)
  }

  /**
   * Sets a consumer group back, or forth, in one of its streams: its checkpoints there are forgotten. Rejects with `groupInUse`
   * while it has members, unless it is forced; with `groupNotFound`; with `streamNotFound`; and with `invalidArgument` if it
   * reads several streams and none is named.
   */
  async resetGroup(name: string, options: ResetGroupOptions): Promise<void> {
    checkArgument('name', name)
    checkOptions('resetGroup', options)
    checkArgument('to', options?.to)
    const { to, force = false, signal } = options
    const stream = options.stream ?? (await onlyStreamOf(this.#control, name, signal))
    const request = { group: name, stream, to: toWirePosition(to), isForced: force }
    await this.#control.call('resetGroup', request, signal)
  }

  /** Deletes a consumer group and its checkpoints. Rejects with `groupInUse` while it has members, unless it is forced, and with `groupNotFound`. */
  async deleteGroup(name: string, options: ForceOptions = {}): Promise<void> {
    checkArgument('name', name)
    checkOptions('deleteGroup', options)
    const { force = false, signal } = options
    await this.#control.call('deleteGroup', { group: name, isForced: force }, signal)
  }

  /** Has the members of a consumer group keep their shards and hand out no more records. Rejects with `groupNotFound`. */
  async pauseGroup(name: string, options: CallOptions = {}): Promise<void> {
    checkArgument('name', name)
    checkOptions('pauseGroup', options)
    await this.#control.call('pauseGroup', { group: name, isPaused: true }, options.signal)
  }

  /** Lets a paused consumer group go on. Rejects with `groupNotFound`. */
  async resumeGroup(name: string, options: CallOptions = {}): Promise<void> {
    checkArgument('name', name)
    checkOptions('resumeGroup', options)
    await this.#control.call('pauseGroup', { group: name, isPaused: false }, options.signal)
  }

  async #cutsOf(name: string, shardIndex: number, options: SplitOptions): Promise<Uint8Array[]> {
    const { at, isolate, signal } = options
    if (at !== undefined && isolate !== undefined) {
      throw new MillraceError('invalidArgument', 'A split is made at a hash key or around one: not both.')
    }
    if (at !== undefined) return [cutAt(at)]
    if (isolate === undefined) return []
    const hashKey = hashKeyOf(isolate)
    const routing = await this.#routings.fresh(name, signal)
    const shardId = shardIdOf(shardIndex)
    const range = routing.rangeOf(shardIndex)
    if (range === undefined) throw new MillraceError('shardNotFound', `The stream has no shard ${shardId}.`)
    const holder = routing.map.route(hashKeyFromBigInt(hashKey))
    if (holder === shardIndex) return isolatingCuts(range, hashKey, shardId)
    const message = `The hash key ${hashKey} does not belong to ${shardId}: split ${shardIdOf(holder)}.`
    throw new MillraceError('invalidArgument', message)
  }

  /** Calls `onProgress` until the change is done; skips a call if the stream cannot be described. */
  async #watch(name: string, onProgress: (stream: Stream) => void, done: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await sleep(clientLimits.progressMs, done)
        const stream = await this.describeStream(name, { signal: done })
        if (!done.aborted) onProgress(stream)
      }
    } catch {
      // The change is done, or the request that waits for it fails in the same way and reports it.
    }
  }
}

function check(call: CallName, { stream, options }: { stream: unknown; options: unknown }): void {
  checkArgument('stream', stream)
  checkOptions(call, options)
}

/** Makes the error for a count that was not reached: another request replaced it, or the stream is now on-demand. */
function replacedGoal(stream: Stream, shardCount: number): MillraceError {
  if (stream.mode === 'on-demand') {
    const message =
      `While ${JSON.stringify(stream.name)} was brought to ${countOf(shardCount, 'shard')}, it was made on-demand, and has ` +
      `${stream.openShardCount}. Update its mode to provisioned to decide how many there are.`
    return new MillraceError('invalidArgument', message)
  }
  const goal = stream.targetShardCount ?? stream.openShardCount
  const message =
    `While ${JSON.stringify(stream.name)} was brought to ${countOf(shardCount, 'shard')}, another request brought it to ${goal}. ` +
    'Ask again to go on.'
  return new MillraceError('streamBusy', message)
}
