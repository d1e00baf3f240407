// Positions of a reader, kept in the broker by name: `client.checkpoints`. Runs in the client.
// Only changed shards are sent. Calls that come while a request is under way share the next request.
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { WireProgress } from '../../protocol/operations.ts'
import { parseShardId, shardIdOf } from '../../protocol/shards/shard-id.ts'
import { checkGroupName } from '../../protocol/text/group-name.ts'
import type { ControlPlane } from '../connecting/control-plane.ts'
import type { ConnectionPool } from '../connecting/pool.ts'
import type { RoutingCache } from '../connecting/routing.ts'
import { errorFrom } from '../errors.ts'
import { checkArgument, checkOptions } from '../options/check.ts'
import type { StreamPosition } from '../reading/position.ts'
import { ShardLookups } from '../reading/start.ts'
import type { CallOptions, Settings } from '../settings.ts'
import { deferred, throwIfAborted, unlessAborted, type Deferred } from '../waiting.ts'

/** The parts of the client that checkpoints use. */
export interface CheckpointsDependencies {
  readonly control: ControlPlane
  readonly routings: RoutingCache
  readonly pool: ConnectionPool
  readonly settings: Settings
}

/** Positions in streams under one name, for a reader that resumes. Made by `client.checkpoints`. */
export class Checkpoints {
  /** The name under which the broker keeps them. */
  readonly name: string
  readonly #dependencies: CheckpointsDependencies
  readonly #lines = new Map<string, SaveLine>()

  constructor(name: string, dependencies: CheckpointsDependencies) {
    checkArgument('name', name)
    const wrong = checkGroupName(name)
    if (wrong !== undefined) throw new MillraceError('invalidArgument', wrong)
    this.name = name
    this.#dependencies = dependencies
  }

  /**
   * Returns the last saved position in a stream; undefined if there is none, or if the stream was deleted and made again
   * since. Give it as `from` to a reading. Rejects with `streamNotFound`.
   */
  async load(stream: string, options: CallOptions = {}): Promise<StreamPosition | undefined> {
    checkArgument('stream', stream)
    checkOptions('loadProgress', options)
    const { control } = this.#dependencies
    const { signal } = options
    const { progress } = await control.call('loadProgress', { group: this.name, stream }, signal)
    return progress === undefined ? undefined : this.#positionOf(stream, progress, signal)
  }

  /**
   * Saves a position in a stream; fulfils when it is on the disk. Positions only move forward. Rejects with
   * `invalidCheckpoint` if the position lies before the saved one or beyond the stream; with `groupInUse` while a group of
   * this name has members; and with `streamNotFound`, `limitExceeded` or `storageFull`. Calls need not wait for each other:
   * calls that are made at the same time share a request.
   */
  async save(stream: string, position: StreamPosition, options: CallOptions = {}): Promise<void> {
    checkArgument('stream', stream)
    checkArgument('position', position)
    checkOptions('saveProgress', options)
    if (position.partitionKey !== undefined || position.hashKeys !== undefined) {
      throw new MillraceError(
        'invalidArgument',
        'The position is of some keys alone: a checkpoint would leave out the other shards. Keep it as a document: client.documents.',
      )
    }
    throwIfAborted(options.signal)
    let line = this.#lines.get(stream)
    if (line === undefined) {
      const { control } = this.#dependencies
      line = new SaveLine(async (progress, isPartial) => {
        await control.call('saveProgress', { group: this.name, stream, isPartial, progress })
      })
      this.#lines.set(stream, line)
    }
    return unlessAborted(line.save(position), options.signal)
  }

  /** Deletes the positions in all streams; returns false if there are none. Rejects with `groupInUse` while a group of this name has members. */
  async delete(options: CallOptions = {}): Promise<boolean> {
    checkOptions('deleteCheckpoints', options)
    this.#lines.clear()
    try {
      const request = { group: this.name, isForced: false }
      await this.#dependencies.control.call('deleteGroup', request, options.signal)
      return true
    } catch (error) {
      if (MillraceError.is(error, 'groupNotFound')) return false
      throw error
    }
  }

  /** Asks the hosts for the number of a shard without one: it begins where the group began. */
  async #positionOf(
    stream: string,
    progress: WireProgress,
    signal = new AbortController().signal,
  ): Promise<StreamPosition | undefined> {
    const { streamId, shardsBelow } = progress
    const from = progress.from ?? {
      type: 'TRIM_HORIZON' as const,
      sequenceNumber: undefined,
      timestamp: undefined,
    }
    const shards: Record<string, number> = {}
    let lookups: ShardLookups | undefined
    for (const { shardIndex, next } of progress.shards) {
      let number = next
      if (number === undefined) {
        const { routings } = this.#dependencies
        const routing = await routings.fresh(stream, signal)
        if (routing.streamId !== streamId) return undefined
        lookups ??= new ShardLookups(routing, { ...this.#dependencies, stream, signal })
        number = (await lookups.resolve(shardIndex, from))?.sequenceNumber
      }
      if (number !== undefined) shards[shardIdOf(shardIndex)] = number
    }
    return { streamId, shardsBelow, shards }
  }
}

/** Saves positions in one stream, one request at a time. */
class SaveLine {
  readonly #send: (progress: WireProgress, isPartial: boolean) => Promise<void>
  /** The last position that the broker has confirmed; undefined before the first save, and after a failed one. */
  #kept: StreamPosition | undefined
  #next: { position: StreamPosition; readonly saved: Deferred<void> } | undefined
  #underWay: StreamPosition | undefined

  constructor(send: (progress: WireProgress, isPartial: boolean) => Promise<void>) {
    this.#send = send
  }

  async save(position: StreamPosition): Promise<void> {
    const before = this.#next?.position ?? this.#underWay ?? this.#kept
    if (before !== undefined) checkForward(before, position)
    if (this.#next === undefined) this.#next = { position, saved: deferred() }
    else this.#next.position = position
    const { promise } = this.#next.saved
    if (this.#underWay === undefined) void this.#run()
    return promise
  }

  async #run(): Promise<void> {
    while (this.#next !== undefined) {
      const { position, saved } = this.#next
      this.#next = undefined
      this.#underWay = position
      try {
        const { progress, isPartial } = changeOf(this.#kept, position)
        if (!isPartial || progress.shards.length > 0) await this.#send(progress, isPartial)
        this.#kept = position
        saved.resolve()
      } catch (error) {
        this.#kept = undefined
        saved.reject(errorFrom(error))
      }
    }
    this.#underWay = undefined
  }
}

/** Returns what to send: the whole position, or only the numbers that differ from the confirmed one. */
function changeOf(
  kept: StreamPosition | undefined,
  position: StreamPosition,
): { readonly progress: WireProgress; readonly isPartial: boolean } {
  const { streamId, shardsBelow } = position
  const isPartial = kept !== undefined && hasSameShards(kept, position)
  const changed = Object.entries(position.shards).filter(
    ([id, next]) => !isPartial || kept.shards[id] !== next,
  )
  const shards = changed.map(([id, next]) => ({ shardIndex: parseShardId(id), next }))
  return { progress: { streamId, shardsBelow, shards, from: undefined }, isPartial }
}

function hasSameShards(a: StreamPosition, b: StreamPosition): boolean {
  if (a.streamId !== b.streamId || a.shardsBelow !== b.shardsBelow) return false
  const ids = Object.keys(a.shards)
  return ids.length === Object.keys(b.shards).length && ids.every((id) => Object.hasOwn(b.shards, id))
}

/** Throws `invalidCheckpoint` if the second position lies before the first, as the broker does for its saved position. */
function checkForward(before: StreamPosition, after: StreamPosition): void {
  if (before.streamId !== after.streamId) return
  for (const [id, next] of Object.entries(after.shards)) {
    const known = before.shards[id]
    if (known === undefined || next >= known) continue
    const message = `The position ${next} in ${id} lies before ${known}, which was saved before: checkpoints move forward.`
    throw new MillraceError('invalidCheckpoint', message)
  }
}
