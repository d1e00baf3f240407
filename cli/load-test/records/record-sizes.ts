// How large the records of a load are. Pure.
import { InvalidArgumentError } from 'commander'
import { kinds } from '../../../broker/config/kinds.ts'
import { formatBytes } from '../../output/amounts.ts'
import type { Random } from './random.ts'
import { STAMP_BYTES } from './stamped-record.ts'

/** What Kinesis takes at most; a broker may take less, and says so. */
const RECORD_BYTES_MAX = 10 * 1024 * 1024

/** Bytes of data of a record, spread evenly from `min` to `max`. */
export interface RecordSizes {
  readonly min: number
  readonly max: number
  /** For people: `100 B`, `100 B to 2.0 KiB`. */
  readonly text: string
}

/** Parses `100`, `2KiB` or `100..2000`. Throws InvalidArgumentError that says what to write. */
export function parseSizes(text: string): RecordSizes {
  const [minText = '', maxText = minText, ...rest] = text.split('..')
  const [min, max] = [kinds.bytes.parse(minText), kinds.bytes.parse(maxText)]
  if (min === undefined || max === undefined || min > max || rest.length > 0) {
    throw new InvalidArgumentError(
      'Expected a size such as 100 or 2KiB, or a range of them such as 100..2000.',
    )
  }
  if (min < STAMP_BYTES || max > RECORD_BYTES_MAX) {
    throw new InvalidArgumentError(
      `Expected sizes from ${STAMP_BYTES} bytes, which say the record's time and place, to ${formatBytes(RECORD_BYTES_MAX)}.`,
    )
  }
  return { min, max, text: min === max ? formatBytes(min) : `${formatBytes(min)} to ${formatBytes(max)}` }
}

export function chooseSize({ min, max }: RecordSizes, random: Random): number {
  return min === max ? min : min + Math.floor(random() * (max - min + 1))
}
