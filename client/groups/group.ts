// A consumer group as an application has it: one member, which takes its part of the shards. Runs in the client.
import { hostname } from 'node:os'
import { limits } from '../../protocol/limits.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { parseShardId, shardIdOf } from '../../protocol/shards/shard-id.ts'
import { checkGroupName, checkMemberId } from '../../protocol/text/group-name.ts'
import { resolveDecoder } from '../codecs.ts'
import { checkArgument, checkOptions } from '../options/check.ts'
import { toWirePosition } from '../reading/position.ts'
import type { CallOptions } from '../settings.ts'
import type { ForceOptions } from '../streams/admin.ts'
import { onAbort } from '../waiting.ts'
import { groupBatches, type GroupBatch } from './batches.ts'
import { describeGroup, type GroupDescription } from './descriptions.ts'
import { GroupEngine, type GroupDependencies } from './engine.ts'
import type { MemberClaim } from './membership/heartbeat.ts'
import {
  groupSettings,
  type GroupHandler,
  type GroupOptions,
  type GroupSettings,
  type GroupStart,
} from './options.ts'

/** A place in one shard, for `seek`. */
export interface SeekPlace {
  /** Name of the stream; may be left out where the group reads one. */
  readonly stream?: string
  /** The shard. This member must have it. */
  readonly shardId: string
  /** The first record to be processed from now on. */
  readonly sequenceNumber: number
}

/** What a reset may be told. */
export interface GroupResetOptions extends ForceOptions {
  /** Name of the stream; may be left out where the group reads one. */
  readonly stream?: string
}

/**
 * One member of a consumer group. The members share the shards of the streams; each shard is one member's at a time, and each
 * record is processed once unless something breaks: after a crash, from the last checkpoint on. Made by `client.group`.
 */
export class Group<T> implements AsyncDisposable {
  /** Name of the group. */
  readonly name: string
  /** Name of this member. */
  readonly memberId: string
  readonly #options: GroupOptions<T>
  readonly #settings: GroupSettings
  readonly #claim: MemberClaim
  readonly #dependencies: GroupDependencies
  #engine: GroupEngine<T> | undefined
  #isStopped = false

  constructor(options: GroupOptions<T>, dependencies: GroupDependencies) {
    const { settings } = dependencies
    this.#options = options
    this.#settings = groupSettings(options)
    this.#dependencies = dependencies
    this.name = options.name
    const chance = Buffer.from(settings.randomBytes(4)).toString('hex')
    this.memberId = options.memberId ?? `${hostname().slice(0, 64)}-${process.pid}-${chance}`
    const wrong = checkGroupName(this.name) ?? checkMemberId(this.memberId)
    if (wrong !== undefined) throw new MillraceError('invalidArgument', wrong)
    const secret = Uint8Array.from(settings.randomBytes(limits.memberSecretBytes))
    this.#claim = { group: this.name, memberId: this.memberId, secret }
  }

  /**
   * Joins the group and calls the handler with batches of the member's shards until `stop`: in order within a shard, shards
   * beside each other. Fulfils when the group is stopped. It goes on through lost connections, restarts of the broker, and the
   * end of its own lease; it rejects with `streamNotFound`, with `memberExists` where another process keeps the name of this
   * member, with `limitExceeded`, and with `aborted` when the signal fires. What the handler throws is tried again, see
   * `retry` and `onPoison`; it never ends the run.
   */
  async run(handler: GroupHandler<T>): Promise<void> {
    checkArgument('handler', handler)
    if (this.#isStopped)
      throw new MillraceError('closed', `Group ${this.name} was stopped: make another one.`)
    if (this.#engine !== undefined) {
      throw new MillraceError(
        'invalidArgument',
        `Group ${this.name} runs already: make one group for each handler.`,
      )
    }
    const { signal, loadCheckpoint, codec, onEvent = () => {} } = this.#options
    const engine = new GroupEngine<T>({
      claim: this.#claim,
      settings: this.#settings,
      codec: resolveDecoder(codec),
      handler,
      loadCheckpoint,
      onEvent,
      dependencies: this.#dependencies,
    })
    this.#engine = engine
    const stopListening = signal === undefined ? undefined : onAbort(signal, () => this.abort(signal.reason))
    try {
      await engine.run()
    } finally {
      this.#isStopped = true
      stopListening?.()
      this.#dependencies.onClosed()
    }
  }

  /**
   * The same as a loop over batches. A batch is checkpointed when the loop asks for the next one, or calls its `done`.
   * Leaving the loop stops the group; the batch at hand is processed again then, unless it was done. What the loop body throws
   * ends the loop: retries are its own affair.
   */
  batches(): AsyncGenerator<GroupBatch<T>, void, undefined> {
    return groupBatches<T>({ run: (handler) => this.run(handler), stop: () => this.stop() })
  }

  /**
   * Finishes the calls that are under way, stores how far they are, and leaves the group: its shards go to other members at
   * once, and nothing is processed twice. Fulfils then. A batch that waits for its next attempt is left to them.
   */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#engine === undefined) this.#dependencies.onClosed()
    await this.#engine?.stop()
  }

  /** Pauses the whole group: all members keep their shards and hand out no more records until `resume`. Rejects with `groupNotFound`. */
  async pause(options: CallOptions = {}): Promise<void> {
    await this.#pause(true, options)
  }

  /** Lets the whole group go on. Rejects with `groupNotFound`. */
  async resume(options: CallOptions = {}): Promise<void> {
    await this.#pause(false, options)
  }

  /** The group as the broker sees it: its members, and for each shard how far it is and why. Rejects with `groupNotFound`. */
  describe(options: CallOptions = {}): Promise<GroupDescription> {
    checkOptions('describeGroup', options)
    return describeGroup(this.#dependencies.control, this.name, options.signal)
  }

  /**
   * Sets the group back, or forth, in a stream. Rejects with `groupInUse` while it has members, this one too, unless it is
   * forced; with `groupNotFound`; and with `streamNotFound`.
   */
  async reset(to: GroupStart, options: GroupResetOptions = {}): Promise<void> {
    checkArgument('to', to)
    checkOptions('reset', options)
    const { stream, force = false, signal } = options
    const request = {
      group: this.name,
      stream: stream ?? this.#onlyStream,
      to: toWirePosition(to),
      isForced: force,
    }
    await this.#dependencies.control.call('resetGroup', request, signal)
  }

  /**
   * Goes on at a later record in a shard that this member has, as to pass a record at which the shard is blocked. What is under
   * way is finished. Throws `invalidArgument` for a shard that it does not have, and for a place before its checkpoint or
   * behind what it has heard of: to go back, `reset`.
   */
  seek(place: SeekPlace): void {
    checkOptions('seek', place)
    checkArgument('shardId', place.shardId)
    checkArgument('sequenceNumber', place.sequenceNumber)
    const { shardId, sequenceNumber, stream = this.#onlyStream } = place
    const index = parseShardId(shardId)
    const shard = this.#engine?.shards.find((each) => each.stream === stream && each.shardIndex === index)
    if (shard === undefined) {
      const message = `This member does not have ${shardIdOf(index)} of ${JSON.stringify(stream)} now.`
      throw new MillraceError('invalidArgument', message)
    }
    const { stored = 0, cursor } = shard
    const tail = Math.max(cursor?.tail ?? 0, cursor?.next ?? 0)
    if (sequenceNumber < stored || sequenceNumber > tail) {
      const message = `sequenceNumber is ${sequenceNumber}; in ${shardIdOf(index)} it must be from ${stored} to ${tail}.`
      throw new MillraceError('invalidArgument', message)
    }
    this.#engine!.seek(shard, sequenceNumber)
  }

  /** Has records tried again at which shards of this member are blocked. */
  retryBlocked(): void {
    this.#engine?.retryBlocked()
  }

  /** Stops it, as the client does when it is closed. */
  close(): Promise<void> {
    return this.stop()
  }

  /** Ends it at once: signals of handlers fire, nothing more is checkpointed, and `run` rejects with `aborted`. */
  abort(reason?: unknown): void {
    this.#isStopped = true
    this.#engine?.abort(new MillraceError('aborted', `Group ${this.name} was ended.`, { cause: reason }))
  }

  /** Stops it at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  get #onlyStream(): string {
    const [first, ...others] = this.#settings.streams
    if (others.length === 0) return first!.name
    throw new MillraceError(
      'invalidArgument',
      `Group ${this.name} reads several streams: name one by the option stream.`,
    )
  }

  async #pause(isPaused: boolean, options: CallOptions): Promise<void> {
    checkOptions('pauseGroup', options)
    await this.#dependencies.control.call('pauseGroup', { group: this.name, isPaused }, options.signal)
  }
}
