// Keys of objects: the evaluated prefix, and a name that is derived from the delivery, its version, the shard and the range of records.
// The same records have the same key again after a crash. Pure. No key leads out of the place that it is written to.
import { createHash } from 'node:crypto'
import { evaluate, type Prefix } from './prefix.ts'
import { timePattern, type TimePattern } from './time-pattern.ts'
import { zonedTime } from './zoned-time.ts'

/** Bytes of a key, as S3 bounds them. */
export const KEY_BYTES_MAX = 1024

/** Bytes between two slashes, as file systems bound them. A temporary name does not have that of its object in it. */
const SEGMENT_BYTES_MAX = 255

/** The shard that objects are named after. */
export interface NamedShard {
  readonly delivery: string
  readonly streamId: number
  readonly shardIndex: number
}

/** What makes an object's key. */
export interface ObjectIdentity extends NamedShard {
  readonly version: number
  /** First record, and the number behind the last one. */
  readonly from: number
  readonly to: number
  /** When the oldest record arrived. */
  readonly ms: number
  readonly partition: string
  /** What the object holds, beside objects of the same range: '' for records, `backup`, or the type of errors. */
  readonly part: string
}

export interface KeyForm {
  /** Completed. */
  readonly prefix: Prefix
  readonly timeZone: string
  readonly extension: string
}

const nameTime = timePattern('yyyy-MM-dd-HH-mm-ss') as TimePattern

/** Returns the key, or undefined where it is too long for what it is made of. */
export function objectKey(form: KeyForm, identity: ObjectIdentity): string | undefined {
  const { delivery, version, streamId, shardIndex, from, to, ms, partition, part } = identity
  const time = nameTime(zonedTime(ms, form.timeZone))
  const range = `${streamId}-${shardIndex}-${from}-${to - 1}`
  // Objects of one range differ by what they hold: a record that is taken apart may go to several.
  const hash = createHash('sha256').update(`${part}\n${partition}`).digest('hex').slice(0, 8)
  const name = `${delivery}-${version}-${time}-${range}${part === '' && partition === '' ? '' : `-${hash}`}`
  const prefix = evaluate(form.prefix, {
    ms,
    timeZone: form.timeZone,
    partition,
    errorType: part,
    seed: `${name}-${hash}`,
  })
  const key = safe(prefix) + name + form.extension
  const isTooLong =
    Buffer.byteLength(key) > KEY_BYTES_MAX ||
    key.split('/').some((segment) => Buffer.byteLength(segment) > SEGMENT_BYTES_MAX)
  return isTooLong ? undefined : key
}

/** Stands for a shard of a delivery, and for no other, in names of what is not an object yet. It has letters and digits alone. */
export function writerOf({ delivery, streamId, shardIndex }: NamedShard): string {
  return createHash('sha256').update(`${delivery}/${streamId}/${shardIndex}`).digest('hex').slice(0, 24)
}

/**
 * Returns the evaluated prefix without what a file system or a bucket would understand as something else: `.` and `..` between
 * slashes, control characters, and a slash at the beginning.
 */
function safe(prefix: string): string {
  const segments = prefix.split('/')
  // The last one is glued to the name.
  const last = segments.length - 1
  return segments
    .map((segment, i) => (i < last && /^\.{1,2}$/.test(segment) ? segment.replaceAll('.', '%2E') : segment))
    .join('/')
    .replace(/^\/+/, '')
    .replace(
      /[\p{Cc}\\]/gu,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    )
}
