// The plan of a prepared append: under which numbers of which producers its records go to which shards. Runs in the client, pure.
// A plan is a JSON value that its caller keeps. With it and the same records, any process can find out what was stored, and store
// the rest: which record goes under which number is a function of the plan and the records' hash keys alone.
import { limits } from '../../protocol/limits.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { producerIdentityOf } from '../../protocol/producer-identity.ts'
import { compareHashKeys, hashKeyFromHex } from '../../protocol/shards/hash-key.ts'
import { parseShardId } from '../../protocol/shards/shard-id.ts'
import type { HashKeyRange } from '../../protocol/shards/shard-map.ts'
import type { LaneIdentity } from '../producer/lanes/identity.ts'

/** What a plan says of one shard. */
export interface PlannedPart {
  /** The shard. */
  readonly shardId: string
  /** Lowest and highest hash key of the records of this part, in hexadecimal. */
  readonly hashKeys: readonly [string, string]
  /** What the producer id is made of, in base64url. Whoever has it can write in the writer's name. */
  readonly secret: string
  /** Number of the first record under that producer. */
  readonly firstSequence: number
  /** How many records each batch has. */
  readonly batches: readonly number[]
  /** How many of the batches, from the first on, are known to be stored. */
  readonly stored: number
  /** The records stand in the shard from this sequence number on. */
  readonly from: number
  /** When records that are not known to be stored were sent, at the earliest: milliseconds since the epoch, by the broker's clock. */
  readonly sentFrom: number
  /** Until when they may be sent by this plan. */
  readonly sentUntil: number
}

/** How the records of an append are stored. A JSON value. */
export interface AppendPlan {
  /** Version of this form. */
  readonly version: 1
  /** Id that the broker gave the stream. */
  readonly streamId: number
  /** A record belongs to the first part whose hash keys have its own, and that is not full of records before it. */
  readonly parts: readonly PlannedPart[]
}

/** A part of a plan, checked. */
export interface KnownPart {
  readonly shardIndex: number
  readonly range: HashKeyRange
  readonly identity: LaneIdentity
  readonly planned: PlannedPart
}

/** Reads a plan that was kept. Throws `invalidArgument` for what is none. */
export function readPlan(given: unknown): {
  readonly streamId: number
  readonly parts: readonly KnownPart[]
} {
  const { version, streamId, parts } = fieldsOf(given)
  if (version !== 1) throw noPlan('its version is not 1')
  if (!isCount(streamId)) throw noPlan('it names no stream')
  if (!Array.isArray(parts)) throw noPlan('it has no parts')
  return { streamId, parts: parts.map(readPart) }
}

function readPart(given: unknown): KnownPart {
  const part = fieldsOf(given) as Partial<Record<keyof PlannedPart, unknown>>
  const { shardId, hashKeys, secret, batches, stored, firstSequence, from, sentFrom, sentUntil } = part
  if (typeof shardId !== 'string' || typeof secret !== 'string')
    throw noPlan('a part names no shard or producer')
  if (!Array.isArray(hashKeys) || hashKeys.length !== 2 || !hashKeys.every(isHashKey)) {
    throw noPlan('the hash keys of a part are no range')
  }
  if (!Array.isArray(batches) || !batches.every((count) => isCount(count) && count > 0)) {
    throw noPlan('the batches of a part are no counts of records')
  }
  if (
    !isCount(stored) ||
    stored > batches.length ||
    ![firstSequence, from, sentFrom, sentUntil].every(isCount)
  ) {
    throw noPlan('a number of a part is none')
  }
  const bytes = Buffer.from(secret, 'base64url')
  if (bytes.length < limits.producerSecretBytesMin || bytes.length > limits.producerSecretBytesMax) {
    throw noPlan('the secret of a part is too short or too long')
  }
  const [start, end] = hashKeys.map(hashKeyFromHex) as [Uint32Array, Uint32Array]
  return {
    shardIndex: parseShardId(shardId),
    range: { start, end },
    identity: { producerId: producerIdentityOf(bytes).producerId, secret: bytes },
    planned: part as PlannedPart,
  }
}

/** Assigns records, in their order, to the parts of a plan. */
export class Assignment {
  readonly #parts: readonly (KnownPart & { left: number })[]

  constructor(parts: readonly KnownPart[]) {
    this.#parts = parts.map((part) => ({ ...part, left: sumOf(part.planned.batches) }))
  }

  /** Place among the parts of the next record, whose hash key stands at `words[at…at+3]`; undefined if no part has it. */
  take(words: Uint32Array, at: number): number | undefined {
    const place = this.#parts.findIndex(({ left, range }) => left > 0 && isIn(range, words, at))
    if (place < 0) return undefined
    this.#parts[place]!.left--
    return place
  }
}

function isIn({ start, end }: HashKeyRange, words: Uint32Array, at: number): boolean {
  return compareHashKeys(start, 0, words, at) <= 0 && compareHashKeys(words, at, end, 0) <= 0
}

/** Sum of numbers. */
export function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const isHashKey = (value: unknown): value is string =>
  typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)

function fieldsOf(given: unknown): Readonly<Record<string, unknown>> {
  if (typeof given !== 'object' || given === null) throw noPlan('it is no object')
  return given as Readonly<Record<string, unknown>>
}

function noPlan(reason: string): MillraceError {
  return new MillraceError('invalidArgument', `plan is no plan that was given to keep: ${reason}.`)
}
