// Packs records into aggregated ones of the Kinesis Producer Library. Runs in the application, pure.
// Invariant: all records in an aggregated one belong to one shard, and those of one key stay in their order.
import { MillraceError } from '../errors.ts'
import { resolveEncoder, type BytesInput, type Codec, type EncoderOption } from '../codecs.ts'
import { checkArgument, checkOptions } from '../options/check.ts'
import { optionTable } from '../options/table.ts'
import { explicitHashKeyWords, type RecordInput } from '../record.ts'
import type { Shard } from '../streams/descriptions.ts'
import { hashKeyToDecimal, type HashKeyWords } from '../../protocol/shards/hash-key.ts'
import { quoteText } from '../../protocol/text/text.ts'
import { AggregateBuilder } from './aggregate-builder.ts'
import type { AggregatedPart } from './aggregated-record.ts'
import { hashKeyOf, partOf } from './part.ts'
import { ShardRanges } from './shard-ranges.ts'

/** Options of `aggregate`. */
export interface AggregateOptions<In = BytesInput> {
  /**
   * The shards of the stream, as `listShards` gives them. All records of one shard are then packed together, under the
   * partition key `a` and the explicit hash key of the first of them, as the Kinesis Producer Library does. Without it, only
   * records of one partition key are, which stays right through splits and merges, and packs little where keys are many.
   */
  readonly shards?: readonly AggregationShard[]
  /** Most bytes of an aggregated record, its partition key included; 1 MiB by default, Kinesis' limit, and 10 MiB at most. */
  readonly bytesMax?: number
  /** Most records in an aggregated one; 65,536 by default, and at most. */
  readonly recordsMax?: number
  /** Encodes data. Without a codec, data is bytes, or text that is written as UTF-8. */
  readonly codec?: EncoderOption<In>
}

/** What `aggregate` needs to know of a shard. Closed ones are left out. */
export type AggregationShard = Pick<Shard, 'hashKeyRange'> & Partial<Pick<Shard, 'state'>>

/** A record that holds others: give it to `put`, to a producer without a codec, or to Kinesis' PutRecords. */
export interface AggregatedRecord {
  /** `a`, or the partition key of all records in it. */
  readonly partitionKey: string
  /** Leads to the shard of the records in it. */
  readonly explicitHashKey: string | undefined
  /** The payload. */
  readonly data: Uint8Array
}

/** The partition key of a record with records of many keys, as the Kinesis Producer Library has it. */
const MANY_KEYS = 'a'

/** Bytes of all that is being packed, beyond which what was begun first is finished. */
const BUFFER_BYTES_MAX = 32 * 1024 * 1024
/** What one that is being packed costs beside its bytes. */
const PACKING_BYTES = 1024

/**
 * Packs records into aggregated records of the Kinesis Producer Library, which its consumers take apart by themselves, and
 * `aggregated` or `deaggregate` here. They come as they are full, and the rest at the end; records of one key stay in order.
 *
 * The format holds partition key, explicit hash key and data alone. A timestamp is left out. A record with headers, or one that
 * does not fit, is refused with `invalidArgument`, or with `codecFailed` where its codec refuses it: what came before it is
 * handed out first, and then the error is thrown.
 */
export function aggregate<In = BytesInput>(
  records: Iterable<RecordInput<In>>,
  options: AggregateOptions<In> = {},
): Generator<AggregatedRecord, void, undefined> {
  checkArgument('records', records)
  checkOptions('aggregate', options)
  return new Aggregation(options).pack(records)
}

/** A record to be packed, and where it goes. */
interface Routed {
  readonly part: AggregatedPart
  readonly hashKey: HashKeyWords
  /** Records of one route may be packed together. */
  readonly route: string | number
}

/** An aggregated record that is not full yet. */
interface Packing {
  readonly builder: AggregateBuilder
  readonly partitionKey: string
  readonly explicitHashKey: string | undefined
}

class Aggregation<In> {
  readonly #codec: Codec<In, unknown>
  readonly #ranges: ShardRanges | undefined
  readonly #bytesMax: number
  readonly #recordsMax: number
  /** By route, in the order in which they were begun. */
  readonly #packings = new Map<string | number, Packing>()
  #bufferedBytes = 0

  constructor({ shards, bytesMax, recordsMax, codec }: AggregateOptions<In>) {
    const { aggregate } = optionTable
    this.#codec = resolveEncoder(codec)
    this.#ranges = shards === undefined ? undefined : new ShardRanges(shards)
    this.#bytesMax = bytesMax ?? aggregate.bytesMax.default
    this.#recordsMax = recordsMax ?? aggregate.recordsMax.default
  }

  *pack(records: Iterable<RecordInput<In>>): Generator<AggregatedRecord, void, undefined> {
    let refusal: { readonly error: unknown } | undefined
    try {
      for (const record of records) yield* this.#add(this.#routed(record))
    } catch (error) {
      // What was taken before must not be lost with the record that is refused.
      refusal = { error }
    }
    for (const [route, packing] of this.#packings) yield this.#finish(route, packing)
    if (refusal !== undefined) throw refusal.error
  }

  /** Packs a record, and yields what is finished by it. */
  *#add({ part, hashKey, route }: Routed): Generator<AggregatedRecord, void, undefined> {
    let packing = this.#packings.get(route)
    if (packing !== undefined && !this.#hasRoom(packing, part)) {
      yield this.#finish(route, packing)
      packing = undefined
    }
    packing ??= this.#begin(part, { hashKey, route })
    const before = packing.builder.recordCount === 0 ? 0 : packing.builder.byteLength
    packing.builder.add(part)
    this.#bufferedBytes += packing.builder.byteLength - before
    for (const [first, oldest] of this.#packings) {
      if (this.#bufferedBytes <= BUFFER_BYTES_MAX) break
      yield this.#finish(first, oldest)
    }
  }

  #hasRoom({ builder, partitionKey }: Packing, part: AggregatedPart): boolean {
    if (builder.recordCount === this.#recordsMax) return false
    return builder.byteLengthWith(part) + Buffer.byteLength(partitionKey) <= this.#bytesMax
  }

  #begin(part: AggregatedPart, { hashKey, route }: Omit<Routed, 'part'>): Packing {
    const isOneKey = this.#ranges === undefined
    const packing = {
      builder: new AggregateBuilder(),
      partitionKey: isOneKey ? part.partitionKey : MANY_KEYS,
      explicitHashKey: isOneKey ? part.explicitHashKey : hashKeyToDecimal(hashKey),
    }
    if (!this.#hasRoom(packing, part)) throw tooLarge(packing, part, this.#bytesMax)
    this.#packings.set(route, packing)
    this.#bufferedBytes += PACKING_BYTES
    return packing
  }

  #finish(route: string | number, { builder, partitionKey, explicitHashKey }: Packing): AggregatedRecord {
    this.#packings.delete(route)
    this.#bufferedBytes -= builder.byteLength + PACKING_BYTES
    return { partitionKey, explicitHashKey, data: builder.build() }
  }

  #routed(record: RecordInput<In>): Routed {
    const part = partOf(record, this.#codec)
    const { partitionKey, explicitHashKey } = part
    const hashKey =
      explicitHashKey === undefined ? hashKeyOf(partitionKey) : explicitHashKeyWords(explicitHashKey)
    const route = this.#ranges?.indexOf(hashKey) ?? `${hashKey.join(' ')} ${partitionKey}`
    return { part, hashKey, route }
  }
}

function tooLarge({ builder, partitionKey }: Packing, part: AggregatedPart, bytesMax: number): MillraceError {
  const bytes = builder.byteLengthWith(part) + Buffer.byteLength(partitionKey)
  return new MillraceError(
    'invalidArgument',
    `The record with partition key ${quoteText(part.partitionKey)} takes ${bytes} bytes in an aggregated record of its own, ` +
      `and bytesMax is ${bytesMax}: raise it, or append the record as it is.`,
  )
}
