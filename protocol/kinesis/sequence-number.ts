// Sequence numbers in the service's layout: decimal numbers of 56 digits, from native numbers and back without a table. Pure.
// In hexadecimal digits, from the highest:
//
//   1  9                  1            16       2   9               8            1
//   2 │ shard created (s) │ index % 16 │ counter │ 00 │ arrival (s) │ shard index │ 2 (the version)
//
// The counter is the native sequence number and 1, so numbers of one shard rise as numbers (not as texts), and a shard begins
// below its first record. A child counts as created a second after its parents were closed, as in the service: its numbers are
// above theirs, unless a parent lived for less than that.
import { parseShardId } from '../shards/shard-id.ts'

/** The parts of a shard's description that its numbers are made of. */
export interface NumberedShard {
  readonly shardId: string
  readonly parentShardIds: readonly string[]
  readonly createdAt: Date
  readonly closedAt: Date | undefined
  readonly startingSequenceNumber: number
}

/** What a record's sequence number is made of. */
export interface NumberedRecord {
  readonly shardIndex: number
  /** When the shard counts as created: see `createdAtOf`. */
  readonly shardCreatedAt: Date
  /** The native number: whole, below 2^53. */
  readonly sequenceNumber: number
  readonly arrivalTime: Date
}

/** What a sequence number says. */
export interface ParsedSequenceNumber {
  /** 2 for every number that this endpoint gives; 0 and 1 for layouts that the service had once. */
  readonly version: 0 | 1 | 2
  /** Negative in numbers that no shard has given. */
  readonly shardIndex: number
  /**
   * The native number. One below the first record's where a shard begins (so it can be -1), SEQUENCE_NUMBER_END for one after every
   * record of the shard, and -1 in an old layout.
   */
  readonly sequenceNumber: number
  readonly shardCreatedSeconds: number
  readonly arrivalSeconds: number
}

/** Stands for the end of a shard: no record has this native number. */
export const SEQUENCE_NUMBER_END = Number.MAX_SAFE_INTEGER

/** The counter in the last sequence number of a closed shard. */
const COUNTER_MAX = 0x7fff_ffff_ffff_ffffn
/** Beyond this the service knows no time. */
const SECONDS_MAX = 16_025_175_000
const V0_LOW = 1n << 124n
const V0_HIGH = 1n << 129n
const V2_LOW = 1n << 185n
const V2_HIGH = V2_LOW + (V2_LOW >> 1n)

/** One more record, and one more second, as they change a sequence number. */
const COUNTER_UNIT = 1n << 80n
const SECOND_UNIT = 1n << 36n

const LIMBS = 7
const LIMB_DIGITS = 4
const LIMB = 10_000
const limbTexts = Array.from({ length: LIMB }, (_, limb) => String(limb).padStart(LIMB_DIGITS, '0'))
/** COUNTER_UNIT, the lowest four digits first. */
const counterUnitLimbs = Array.from({ length: LIMBS }, (_, i) =>
  Number((COUNTER_UNIT / BigInt(LIMB) ** BigInt(i)) % BigInt(LIMB)),
)

/** When a shard counts as created: a child one second later than it was, as in the service. */
export function createdAtOf({
  createdAt,
  parentShardIds,
}: Pick<NumberedShard, 'createdAt' | 'parentShardIds'>): Date {
  return new Date((secondsOf(createdAt) + (parentShardIds.length > 0 ? 1 : 0)) * 1000)
}

/** The sequence number of a record: 56 digits. For many of one shard, `SequenceNumbers` is faster. */
export function kinesisSequenceNumber(record: NumberedRecord): string {
  const { shardIndex, shardCreatedAt, sequenceNumber, arrivalTime } = record
  return new SequenceNumbers(shardIndex, shardCreatedAt).of(sequenceNumber, arrivalTime.getTime())
}

/** The number at which a shard begins: below that of its first record. */
export function startingSequenceNumber(shard: NumberedShard): string {
  const createdAt = createdAtOf(shard)
  const counter = BigInt(shard.startingSequenceNumber)
  return numberOf(parseShardId(shard.shardId), createdAt, counter, secondsOf(createdAt)).toString()
}

/** The number at which a closed shard ends, above those of all its records; undefined of an open one. */
export function endingSequenceNumber(shard: NumberedShard): string | undefined {
  if (shard.closedAt === undefined) return undefined
  const createdAt = createdAtOf(shard)
  const seconds = Math.max(secondsOf(createdAt), secondsOf(shard.closedAt))
  return numberOf(parseShardId(shard.shardId), createdAt, COUNTER_MAX, seconds).toString()
}

/** Numbers the records of one shard. It keeps the digits of the last number: the next one costs two additions. */
export class SequenceNumbers {
  readonly #createdSeconds: number
  /** The number of the native number 0 at the second 0. */
  readonly #base: bigint
  #sequenceNumber = -1
  #seconds = -1
  /** The last number: its upper 28 digits as text, and seven limbs of four digits, the lowest first. */
  #upper = ''
  readonly #limbs = new Uint16Array(LIMBS)

  /** @param shardCreatedAt see `createdAtOf` */
  constructor(shardIndex: number, shardCreatedAt: Date) {
    this.#createdSeconds = secondsOf(shardCreatedAt)
    this.#base = numberOf(shardIndex, shardCreatedAt, 1n, 0)
  }

  /** The number of a record, by its native number and its arrival in milliseconds. */
  of(sequenceNumber: number, arrivalTimeMs: number): string {
    const seconds = Math.max(Math.floor(arrivalTimeMs / 1000), this.#createdSeconds)
    if (seconds === this.#seconds && sequenceNumber === this.#sequenceNumber + 1) this.#increment()
    else this.#compute(sequenceNumber, seconds)
    this.#sequenceNumber = sequenceNumber
    this.#seconds = seconds
    const limbs = this.#limbs
    let digits = this.#upper
    for (let i = LIMBS - 1; i >= 0; i--) digits += limbTexts[limbs[i]!]!
    return digits
  }

  #compute(sequenceNumber: number, seconds: number): void {
    const digits = (
      this.#base +
      BigInt(sequenceNumber) * COUNTER_UNIT +
      BigInt(seconds) * SECOND_UNIT
    ).toString()
    this.#upper = digits.slice(0, -LIMBS * LIMB_DIGITS)
    for (let i = 0; i < LIMBS; i++) {
      const end = digits.length - i * LIMB_DIGITS
      this.#limbs[i] = Number(digits.slice(end - LIMB_DIGITS, end))
    }
  }

  /** Adds COUNTER_UNIT. By limbs whose texts are in a table it takes a fifth of the time of big integers. */
  #increment(): void {
    const limbs = this.#limbs
    let carry = 0
    for (let i = 0; i < LIMBS; i++) {
      const sum = limbs[i]! + counterUnitLimbs[i]! + carry
      carry = sum >= LIMB ? 1 : 0
      limbs[i] = sum - carry * LIMB
    }
    if (carry > 0) this.#upper = (BigInt(this.#upper) + 1n).toString()
  }
}

/** Returns undefined for what is no sequence number, or one of a layout or a time that the service does not know. */
export function parseKinesisSequenceNumber(text: string): ParsedSequenceNumber | undefined {
  if (!/^(0|[1-9]\d{0,128})$/.test(text)) return undefined
  const number = normalNumber(text)
  const hex = number.toString(16)
  if (number < V0_HIGH) return parsed({ version: 0, created: hex.slice(1, 10), index: hex.slice(28, 32) })
  if (number <= V2_LOW || number >= V2_HIGH) return undefined
  const created = hex.slice(1, 10)
  const index = hex.slice(38, 46)
  if (hex.endsWith('1')) return parsed({ version: 1, created, index, arrival: hex.slice(13, 22) })
  if (!hex.endsWith('2')) return undefined
  return parsed({ version: 2, created, index, arrival: hex.slice(29, 38), counter: hex.slice(11, 27) })
}

/** A sequence number as the service repeats it in errors: small numbers are of the oldest layout, without its first digit. */
export function normalSequenceNumber(text: string): string {
  return normalNumber(text).toString()
}

function numberOf(shardIndex: number, createdAt: Date, counter: bigint, seconds: number): bigint {
  return (
    (2n << 184n) |
    (BigInt(secondsOf(createdAt)) << 148n) |
    (BigInt(shardIndex % 16) << 144n) |
    (counter << 80n) |
    (BigInt(seconds) << 36n) |
    (BigInt(shardIndex) << 4n) |
    2n
  )
}

function normalNumber(text: string): bigint {
  const number = BigInt(text)
  return number < V0_LOW ? number + V0_LOW : number
}

interface Fields {
  readonly version: 0 | 1 | 2
  readonly created: string
  readonly index: string
  readonly arrival?: string
  readonly counter?: string
}

function parsed({
  version,
  created,
  index,
  arrival = created,
  counter = '0',
}: Fields): ParsedSequenceNumber | undefined {
  // The service reads a sign into the highest digit, and no shard has a negative index.
  const shardIndex = Number.parseInt(index, 16) * (index.length === 8 && index >= '8' ? -1 : 1)
  const count = BigInt(`0x${counter}`)
  const shardCreatedSeconds = Number.parseInt(created, 16)
  if (count > COUNTER_MAX || shardCreatedSeconds >= SECONDS_MAX) return undefined
  return {
    version,
    shardIndex,
    sequenceNumber: count > BigInt(SEQUENCE_NUMBER_END) ? SEQUENCE_NUMBER_END : Number(count) - 1,
    shardCreatedSeconds,
    arrivalSeconds: Number.parseInt(arrival, 16),
  }
}

function secondsOf(time: Date): number {
  return Math.floor(time.getTime() / 1000)
}
