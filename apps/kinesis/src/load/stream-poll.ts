// Reads a whole stream by GetRecords, each shard by itself, children behind their parents. Goes on after errors that pass: a reader of a
// load must see what comes after them. Runs in the process that loads.
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListShardsCommand,
  type ChildShard,
  type GetShardIteratorCommandInput,
  type KinesisClient,
  type Shard,
} from '@aws-sdk/client-kinesis'
import { setTimeout as sleep } from 'node:timers/promises'
import { isTransient } from '../migration/patience.ts'

export interface StreamPollOptions {
  readonly client: KinesisClient
  readonly stream: string
  /** The stream is read from its oldest record on; otherwise what is stored from now on, and what was shortly before. */
  readonly isNew: boolean
  readonly now: () => number
  readonly pollMs: number
  readonly onRecords: (data: readonly Uint8Array[]) => void
}

/** Where a shard is read on. */
type Place = Pick<GetShardIteratorCommandInput, 'ShardIteratorType' | 'StartingSequenceNumber' | 'Timestamp'>

const RECORDS_MAX = 10_000
/** By how much the clocks of this machine and of the endpoint may differ where a stream is read that has records. */
const CLOCKS_APART_MS = 60_000

export class StreamPoll {
  /** Rejects when a shard cannot be read on; fulfils when it was stopped. */
  readonly ended: Promise<void>
  readonly #options: StreamPollOptions
  readonly #stopping = new AbortController()
  /** Shards that are read, or were. */
  readonly #begun = new Set<string>()
  readonly #finished = new Set<string>()
  #end!: { readonly resolve: () => void; readonly reject: (error: unknown) => void }

  constructor(options: StreamPollOptions) {
    this.#options = options
    this.ended = new Promise((resolve, reject) => {
      this.#end = { resolve, reject }
    })
    // Who runs the load looks at it at the end too, and until then it may have no handler.
    this.ended.catch(() => {})
  }

  /** Fulfils when every open shard has been asked once: what is stored from then on is read. */
  async start(): Promise<void> {
    const { isNew, now } = this.#options
    const place: Place = isNew
      ? { ShardIteratorType: 'TRIM_HORIZON' }
      : { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(now() - CLOCKS_APART_MS) }
    const shards = (await this.#shards()).filter((shard) => isOpen(shard))
    const polls = shards.map(({ ShardId }) => {
      this.#begun.add(ShardId!)
      return new ShardPoll(this.#options, ShardId!, place)
    })
    await Promise.all(polls.map((poll) => poll.next()))
    for (const poll of polls) this.#follow(poll)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#end.resolve()
  }

  async #shards(): Promise<Shard[]> {
    const { client, stream } = this.#options
    const all: Shard[] = []
    for (let NextToken: string | undefined; ;) {
      const asked = NextToken === undefined ? { StreamName: stream } : { NextToken }
      const answer = await client.send(new ListShardsCommand(asked))
      all.push(...(answer.Shards ?? []))
      NextToken = answer.NextToken
      if (NextToken === undefined) return all
    }
  }

  #follow(poll: ShardPoll): void {
    poll.follow(this.#stopping.signal).then(
      (children) => this.#finish(poll.shardId, children),
      (error: unknown) => {
        if (!this.#stopping.signal.aborted) this.#end.reject(error)
      },
    )
  }

  /** Begins the children whose parents are all read to their ends. */
  #finish(shardId: string, children: readonly ChildShard[]): void {
    this.#finished.add(shardId)
    for (const { ShardId = '', ParentShards = [] } of children) {
      const isReady = ParentShards.every((parent) => this.#finished.has(parent) || !this.#begun.has(parent))
      if (!isReady || this.#begun.has(ShardId)) continue
      this.#begun.add(ShardId)
      this.#follow(new ShardPoll(this.#options, ShardId, { ShardIteratorType: 'TRIM_HORIZON' }))
    }
  }
}

class ShardPoll {
  readonly shardId: string
  readonly #options: StreamPollOptions
  #place: Place
  #iterator: string | undefined
  #children: readonly ChildShard[] | undefined

  constructor(options: StreamPollOptions, shardId: string, place: Place) {
    this.#options = options
    this.shardId = shardId
    this.#place = place
  }

  /** Reads to the end of the shard, and returns its children. Rejects when the signal fires, or for an error that does not pass. */
  async follow(signal: AbortSignal): Promise<readonly ChildShard[]> {
    while (this.#children === undefined) {
      await sleep(this.#options.pollMs, undefined, { signal })
      try {
        await this.next()
      } catch (error) {
        if (!isTransient(error) && !isExpired(error)) throw error
        // The iterator may have grown too old, or gone with what made it.
        this.#iterator = undefined
      }
    }
    return this.#children
  }

  async next(): Promise<void> {
    const { client, stream, onRecords } = this.#options
    this.#iterator ??= (
      await client.send(
        new GetShardIteratorCommand({ StreamName: stream, ShardId: this.shardId, ...this.#place }),
      )
    ).ShardIterator
    const command = new GetRecordsCommand({ ShardIterator: this.#iterator, Limit: RECORDS_MAX })
    const { Records = [], NextShardIterator, ChildShards = [] } = await client.send(command)
    const last = Records.at(-1)?.SequenceNumber
    if (last !== undefined) {
      this.#place = { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: last }
      onRecords(Records.map(({ Data = new Uint8Array() }) => Data))
    }
    this.#iterator = NextShardIterator
    if (NextShardIterator === undefined) this.#children = ChildShards
  }
}

function isOpen({ SequenceNumberRange }: Shard): boolean {
  return SequenceNumberRange?.EndingSequenceNumber === undefined
}

function isExpired(error: unknown): boolean {
  return error instanceof Error && error.name === 'ExpiredIteratorException'
}
