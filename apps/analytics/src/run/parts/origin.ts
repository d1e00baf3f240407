// Records on their way to the parts of a query, by way of a stream of its own. Pure. A record is forwarded as it was, with a header that says
// where it came from:
//
//   byte  0   version: 1
//         1   flags: 1 has an explicit hash key, 2 its last header stands in front of the payload
//         2   stream behind the forwarded records, as a float64 like all numbers that follow
//        10   shard, sequence number, arrival time in milliseconds
//        34   length of the name of the stream, the name
//             the explicit hash key, 16 bytes, if it has one
//             the partition key, to the end
//
// All texts are UTF-8. Headers of the record whose names begin as these do are given one character more on the way.
import type { BytesInput, RecordInput, StreamRecord } from 'millrace'
import { shardIdOf } from 'millrace/protocol'
import type { RowRecord } from '../../rows/index.ts'

/** Which records of the stream between are of a query: one that begins anew has another stream, of the same name. */
export interface Forwarding {
  readonly stream: string
  readonly streamId: number
}

const ORIGIN = 'millrace-origin'
const OWN = 'millrace-'
const MORE = '~'
const VERSION = 1
const FIXED_BYTES = 34
const HASH_KEY_BYTES = 16
const HEADERS_MAX = 64
const flags = { explicitHashKey: 1, frontHeader: 2 } as const

/** Returns the record of another, under the partition key that leads it to its part. */
export function forwardedRecord(
  record: StreamRecord,
  {
    stream,
    shard,
    partitionKey,
    streamId,
  }: {
    readonly stream: string
    readonly shard: number
    readonly partitionKey: string
    readonly streamId: number
  },
): RecordInput {
  const { bytes, timestamp, explicitHashKey } = record
  const headers: [string, Uint8Array][] = Object.entries(record.headers).map(([name, value]) => [
    name.startsWith(OWN) ? name + MORE : name,
    value,
  ])
  // A record has so many headers at most, and one is added.
  const front = headers.length >= HEADERS_MAX ? headers.pop() : undefined
  const name = Buffer.from(stream)
  const key = Buffer.from(record.partitionKey)
  const hashKeyBytes = explicitHashKey === undefined ? 0 : HASH_KEY_BYTES
  const origin = Buffer.alloc(FIXED_BYTES + 1 + name.length + hashKeyBytes + key.length)
  origin[0] = VERSION
  origin[1] =
    (explicitHashKey === undefined ? 0 : flags.explicitHashKey) |
    (front === undefined ? 0 : flags.frontHeader)
  origin.writeDoubleLE(streamId, 2)
  origin.writeDoubleLE(shard, 10)
  origin.writeDoubleLE(record.sequenceNumber, 18)
  origin.writeDoubleLE(record.arrivalTime.getTime(), 26)
  origin[FIXED_BYTES] = name.length
  let at = FIXED_BYTES + 1
  at += name.copy(origin, at)
  if (explicitHashKey !== undefined) {
    const hashKey = BigInt(explicitHashKey)
    origin.writeBigUInt64BE(hashKey >> 64n, at)
    origin.writeBigUInt64BE(hashKey & 0xffff_ffff_ffff_ffffn, at + 8)
    at += HASH_KEY_BYTES
  }
  key.copy(origin, at)
  const all: Record<string, BytesInput> = { ...Object.fromEntries(headers), [ORIGIN]: origin }
  return { partitionKey, timestamp, headers: all, data: front === undefined ? bytes : inFront(front, bytes) }
}

/** Returns the record as it was, with the place that it has now; undefined where it is none that was forwarded for this stream. */
export function recordOf(
  forwarded: StreamRecord,
  { streamId }: Forwarding,
  headers = forwarded.headers,
): OriginRecord | undefined {
  const origin = headers[ORIGIN]
  if (origin === undefined) return undefined
  const bytes = Buffer.from(origin.buffer, origin.byteOffset, origin.length)
  if (bytes[0] !== VERSION || bytes.readDoubleLE(2) !== streamId) return undefined
  return new OriginRecord(forwarded, bytes, headers)
}

/** A forwarded record as it was. Its sequence number is the one that it has now: rows are found by that again. */
export class OriginRecord implements RowRecord {
  readonly stream: string
  readonly sequenceNumber: number
  readonly originNumber: number
  readonly shardId: string
  readonly arrivalTime: Date
  readonly partitionKey: string
  readonly explicitHashKey: string | undefined
  readonly bytes: Uint8Array
  readonly #forwarded: StreamRecord
  readonly #headers: StreamRecord['headers']
  readonly #front: readonly [string, Uint8Array] | undefined

  constructor(forwarded: StreamRecord, origin: Buffer, headers: StreamRecord['headers']) {
    this.#forwarded = forwarded
    this.#headers = headers
    this.sequenceNumber = forwarded.sequenceNumber
    this.shardId = shardIdOf(origin.readDoubleLE(10))
    this.originNumber = origin.readDoubleLE(18)
    this.arrivalTime = new Date(origin.readDoubleLE(26))
    const nameEnd = FIXED_BYTES + 1 + origin[FIXED_BYTES]!
    this.stream = origin.toString('utf8', FIXED_BYTES + 1, nameEnd)
    const hasHashKey = (origin[1]! & flags.explicitHashKey) !== 0
    this.explicitHashKey = hasHashKey
      ? String((origin.readBigUInt64BE(nameEnd) << 64n) | origin.readBigUInt64BE(nameEnd + 8))
      : undefined
    this.partitionKey = origin.toString('utf8', nameEnd + (hasHashKey ? HASH_KEY_BYTES : 0))
    const hasFront = (origin[1]! & flags.frontHeader) !== 0
    const { front, rest } = hasFront
      ? fromFront(forwarded.bytes)
      : { front: undefined, rest: forwarded.bytes }
    this.#front = front
    this.bytes = rest
  }

  get data(): Uint8Array {
    return this.bytes
  }

  get timestamp(): Date {
    return this.#forwarded.timestamp
  }

  get headers(): Readonly<Record<string, Uint8Array>> {
    const all = [...Object.entries(this.#headers), ...(this.#front === undefined ? [] : [this.#front])]
    return Object.fromEntries(
      all
        .filter(([name]) => name !== ORIGIN)
        .map(([name, value]) => [name.startsWith(OWN) ? name.slice(0, -MORE.length) : name, value]),
    )
  }
}

function inFront([name, value]: readonly [string, Uint8Array], bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(name)
  const head = Buffer.alloc(8)
  head.writeUInt32LE(text.length, 0)
  head.writeUInt32LE(value.length, 4)
  return Buffer.concat([head, text, value, bytes])
}

function fromFront(payload: Uint8Array): {
  readonly front: readonly [string, Uint8Array]
  readonly rest: Uint8Array
} {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
  const nameEnd = 8 + bytes.readUInt32LE(0)
  const valueEnd = nameEnd + bytes.readUInt32LE(4)
  const front = [bytes.toString('utf8', 8, nameEnd), bytes.subarray(nameEnd, valueEnd)] as const
  return { front, rest: bytes.subarray(valueEnd) }
}
