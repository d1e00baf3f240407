// A consumer group as an application uses it: one member, which takes its part of the shards. Runs in the client.
import { hostname } from 'node:os'
import { limits } from '../../protocol/limits.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { parseShardId, shardIdOf } from '../../protocol/shards/shard-id.ts'
import { checkConsumerName } from '../../protocol/text/consumer-name.ts'
import { checkGroupName, checkMemberId } from '../../protocol/text/group-name.ts'
import { resolveDecoder } from '../codecs.ts'
import { checkArgument, checkOptions } from '../options/check.ts'
import { toWirePosition } from '../reading/position.ts'
import type { CallOptions } from '../settings.ts'
import type { ResetGroupOptions } from '../streams/admin.ts'
import { onAbort } from '../waiting.ts'
import { checkDeadLetters } from './processing/dead-letters.ts'
import { groupBatches, type GroupBatch } from './batches.ts'
import { describeGroup, type GroupDescription } from './descriptions.ts'
import { GroupEngine, type GroupDependencies } from './engine.ts'
import type { MemberClaim } from './membership/heartbeat.ts'
import { groupSettings, type GroupHandler, type GroupOptions, type GroupSettings } from './options.ts'

/** A place in one shard, for `seek`. */
export interface SeekPlace {
  /** Name of the stream; may be left out where the group reads one. */
  readonly stream?: string
  /** The shard. This member must have it. */
  readonly shardId: string
  /** The first record to be processed from now on. */
  readonly sequenceNumber: number
}

/**
 * One member of a consumer group. The members share the shards of the streams, and each shard has one member at a time. Each
 * record is processed once; after a crash, records behind the last checkpoint are processed again. Made by `client.group`.
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
    const { consumer } = options
    const wrong =
      checkGroupName(this.name) ??
      checkMemberId(this.memberId) ??
      (consumer === undefined ? undefined : checkConsumerName(consumer))
    if (wrong !== undefined) throw new MillraceError('invalidArgument', wrong)
    checkDeadLetters(this.#settings, settings.encryption)
    const secret = Uint8Array.from(settings.randomBytes(limits.memberSecretBytes))
    this.#claim = { group: this.name, memberId: this.memberId, secret }
  }

  /**
   * Joins the group and calls the handler with batches of the member's shards until `stop`: in order within a shard, several
   * shards at the same time. Fulfils when the group is stopped. Lost connections, restarts of the broker and the end of the
   * member's lease do not end the run. Rejects with `streamNotFound`, with `memberExists` if another process keeps the name
   * of this member, with `groupNotFound` if the group was deleted while it ran, with `limitExceeded`, and with `aborted` when the
   * signal fires. An error of the handler has the batch tried again (see `retry` and `onPoison`); it never ends the run.
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
   * Runs the group as a loop over batches. A batch is checkpointed when the loop asks for the next one, or calls its `done`.
   * Leaving the loop stops the group; the current batch is processed again later, unless it was done. An error in the loop
   * body ends the loop: nothing is retried.
   */
  batches(): AsyncGenerator<GroupBatch<T>, void, undefined> {
    return groupBatches<T>({ run: (handler) => this.run(handler), stop: () => this.stop() })
  }

  /**
   * Finishes the running calls, stores their checkpoints, and leaves the group; then it fulfils. The shards go to other
   * members at once, and no record is processed twice. A batch that waits for its next attempt is left to these members.
   */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#engine === undefined) this.#dependencies.onClosed()
    await this.#engine?.stop()
  }

  /** Pauses the whole group: members keep their shards, but hand out no records until `resume`. Rejects with `groupNotFound`. */
  async pause(options: CallOptions = {}): Promise<void> {
    await this.#pause(true, options)
  }

  /** Resumes the whole group. Rejects with `groupNotFound`. */
  async resume(options: CallOptions = {}): Promise<void> {
    await this.#pause(false, options)
  }

  /** Describes the group as the broker sees it: members, progress and state of each shard. Rejects with `groupNotFound`. */
  describe(options: CallOptions = {}): Promise<GroupDescription> {
    checkOptions('describeGroup', options)
    return describeGroup(this.#dependencies.control, this.name, options.signal)
  }

  /**
   * Moves the group back or forth in a stream. Rejects with `groupInUse` while the group has members (this one counts), unless
   * `force` is set; with `groupNotFound`; and with `streamNotFound`.
   */
  async reset(options: ResetGroupOptions): Promise<void> {
    checkOptions('resetGroup', options)
    checkArgument('to', options?.to)
    const { to, stream, force = false, signal } = options
    const request = {
      group: this.name,
      stream: stream ?? this.#onlyStream,
      to: toWirePosition(to),
      isForced: force,
    }
    await this.#dependencies.control.call('resetGroup', request, signal)
  }

  /**
   * Goes on at a later record in a shard that this member has, for example to pass a record at which the shard is blocked.
   * Running calls finish. Throws `invalidArgument` if this member does not have the shard, and if the place lies before the
   * checkpoint or beyond the last known tail. Use `reset` to go back.
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

  /** Retries the records at which shards of this member are blocked. */
  retryBlocked(): void {
    this.#engine?.retryBlocked()
  }

  /** Stops the group. The client calls it when it is closed. */
  close(): Promise<void> {
    return this.stop()
  }

  /** Ends the group at once: signals of handlers fire, nothing more is checkpointed, and `run` rejects with `aborted`. */
  abort(reason?: unknown): void {
    this.#isStopped = true
    this.#engine?.abort(new MillraceError('aborted', `Group ${this.name} was ended.`, { cause: reason }))
  }

  /** Stops the group at the end of an `await using`. */
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
