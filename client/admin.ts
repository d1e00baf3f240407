// Streams and shards as people administer them: thin calls to the controller that speak in shard ids, dates and decimal
// hash keys. Runs in the client.
import { hashKeyFromBytes, hashKeyToDecimal } from '../protocol/hash-key.ts'
import { limits } from '../protocol/limits.ts'
import type { ResponseOf, ShardDescription, StreamDescription } from '../protocol/operations.ts'
import { parseShardId, shardIdOf } from '../protocol/shard-id.ts'
import type { ControlPlane } from './control-plane.ts'
import { bounded } from './settings.ts'

export interface Stream {
  readonly name: string
  /** Never reused: a stream that was deleted and made again is another one. */
  readonly id: number
  readonly status: StreamDescription['status']
  readonly openShardCount: number
  readonly retentionMs: number
  readonly createdAt: Date
}

export interface Shard {
  readonly shardId: string
  readonly parentShardIds: readonly string[]
  readonly state: 'OPEN' | 'CLOSED'
  /** Decimal, both ends included. */
  readonly hashKeyRange: { readonly startingHashKey: string; readonly endingHashKey: string }
  readonly startingSequenceNumber: number
  /** Of a closed shard. */
  readonly endingSequenceNumber: number | undefined
  /** Oldest readable number; undefined while the shard's host is down. */
  readonly trimHorizon: number | undefined
  /** Next number to be assigned; undefined while the shard's host is down. */
  readonly tail: number | undefined
}

export interface Broker extends Omit<ResponseOf<'describeBroker'>, 'startedAt'> {
  readonly startedAt: Date
}

export interface Page<T> {
  readonly items: readonly T[]
  /** Give it to the next call; undefined on the last page. */
  readonly next: string | undefined
}

export interface PageOptions extends CallOptions {
  /** Items in the page, 1 to 1000; 1000 by default. */
  readonly limit?: number
  /** `next` of the page before. */
  readonly after?: string | undefined
}

export interface CallOptions {
  readonly signal?: AbortSignal
}

export interface CreateStreamOptions extends CallOptions {
  /** 1 by default. */
  readonly shards?: number
  /** How long a record stays readable; 24 hours by default. */
  readonly retentionMs?: number
}

/** A list that is read by `for await`, or a page at a time. */
export interface Listing<T> extends AsyncIterable<T> {
  page(options?: PageOptions): Promise<Page<T>>
}

export class Admin {
  readonly #control: ControlPlane

  constructor(control: ControlPlane) {
    this.#control = control
  }

  async createStream(name: string, options: CreateStreamOptions = {}): Promise<Stream> {
    const request = { name, shardCount: options.shards ?? 1, retentionMs: options.retentionMs }
    return streamOf((await this.#control.call('createStream', request, options.signal)).stream)
  }

  async describeStream(name: string, options: CallOptions = {}): Promise<Stream> {
    return streamOf((await this.#control.call('describeStream', { name }, options.signal)).stream)
  }

  async updateStream(
    name: string,
    changes: { readonly retentionMs?: number },
    options: CallOptions = {},
  ): Promise<Stream> {
    const request = { name, retentionMs: changes.retentionMs }
    return streamOf((await this.#control.call('updateStream', request, options.signal)).stream)
  }

  async deleteStream(name: string, options: CallOptions = {}): Promise<void> {
    await this.#control.call('deleteStream', { name }, options.signal)
  }

  async describeBroker(options: CallOptions = {}): Promise<Broker> {
    const answer = await this.#control.call('describeBroker', {}, options.signal)
    return { ...answer, startedAt: new Date(answer.startedAt) }
  }

  listStreams(options: CallOptions = {}): Listing<Stream> {
    return listing(options, async ({ limit, after, signal }) => {
      const request = { limit: pageLimit(limit), exclusiveStartName: after }
      const answer = await this.#control.call('listStreams', request, signal)
      const last = answer.streams.at(-1)
      return { items: answer.streams.map(streamOf), next: answer.hasMore ? last?.name : undefined }
    })
  }

  listShards(stream: string, options: CallOptions = {}): Listing<Shard> {
    return listing(options, async ({ limit, after, signal }) => {
      const exclusiveStartIndex = after === undefined ? undefined : parseShardId(after)
      const request = { name: stream, limit: pageLimit(limit), exclusiveStartIndex }
      const answer = await this.#control.call('listShards', request, signal)
      const last = answer.shards.at(-1)
      const next = answer.hasMore && last !== undefined ? shardIdOf(last.index) : undefined
      return { items: answer.shards.map(shardOf), next }
    })
  }
}

function listing<T>(shared: CallOptions, fetchPage: (options: PageOptions) => Promise<Page<T>>): Listing<T> {
  const page = (options: PageOptions = {}) => fetchPage({ ...shared, ...options })
  return {
    page,
    async *[Symbol.asyncIterator]() {
      let after: string | undefined
      do {
        const { items, next } = await page({ after })
        yield* items
        after = next
      } while (after !== undefined)
    },
  }
}

function pageLimit(limit: number = limits.listPageMax): number {
  return bounded('limit', limit, 1, limits.listPageMax)
}

function streamOf(stream: StreamDescription): Stream {
  return { ...stream, createdAt: new Date(stream.createdAt) }
}

function shardOf(shard: ShardDescription): Shard {
  const decimal = (bytes: Uint8Array) => hashKeyToDecimal(hashKeyFromBytes(bytes))
  return {
    shardId: shardIdOf(shard.index),
    parentShardIds: shard.parents.map(shardIdOf),
    state: shard.state,
    hashKeyRange: {
      startingHashKey: decimal(shard.startingHashKey),
      endingHashKey: decimal(shard.endingHashKey),
    },
    startingSequenceNumber: shard.startingSequenceNumber,
    endingSequenceNumber: shard.endingSequenceNumber,
    trimHorizon: shard.trimHorizon,
    tail: shard.tail,
  }
}
