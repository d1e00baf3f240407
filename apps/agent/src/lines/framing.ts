// Bytes of a file into records. Pure: the same bytes give the same records, however they were read. Records are views of the bytes,
// except for those that are too long: of them a copy of the beginning is made, which ends in the truncation terminator.
import type { LinePatterns } from './line-patterns.ts'

const LINE_FEED = 0x0a

export interface RecordSettings {
  /** Longest record, with what is kept of its terminator. */
  readonly recordBytesMax: number
  readonly truncationTerminator: Uint8Array
  readonly keepTerminators: boolean
}

export interface FramedBytes {
  readonly records: readonly Uint8Array[]
  /** Bytes of whole records. What follows them is the beginning of a record whose end is not there. */
  readonly consumed: number
  readonly droppedBytes: number
  readonly cutRecords: number
  /** True: what follows the consumed bytes is a footer, and is not to be read. */
  readonly isEnded: boolean
}

export interface FramingLimits {
  readonly recordsMax: number
  /** True: the end of the bytes is the end of a record. */
  readonly isWhole: boolean
}

/** Frames bytes that begin with a record. */
export function frame(
  bytes: Uint8Array,
  patterns: LinePatterns,
  settings: RecordSettings,
  limits: FramingLimits,
): FramedBytes {
  const framer = new Framer(bytes, settings)
  if (patterns.areAbsent) framer.lines(limits)
  else patterns.within(() => framer.matchedLines(patterns, limits))
  return framer
}

class Framer implements FramedBytes {
  readonly #bytes: Uint8Array
  readonly #settings: RecordSettings
  readonly records: Uint8Array[] = []
  consumed = 0
  droppedBytes = 0
  cutRecords = 0
  isEnded = false

  constructor(bytes: Uint8Array, settings: RecordSettings) {
    this.#bytes = bytes
    this.#settings = settings
  }

  /** Each line is a record. */
  lines({ recordsMax, isWhole }: FramingLimits): void {
    const bytes = this.#bytes
    while (this.records.length < recordsMax) {
      const lineFeed = bytes.indexOf(LINE_FEED, this.consumed)
      if (lineFeed === -1) break
      this.#take(lineFeed + 1)
    }
    if (isWhole && this.records.length < recordsMax && this.consumed < bytes.length) this.#take(bytes.length)
  }

  /** Patterns say which lines open records, and which ends the file. */
  matchedLines(patterns: LinePatterns, { recordsMax, isWhole }: FramingLimits): void {
    const bytes = this.#bytes
    for (let at = 0; at < bytes.length && this.records.length < recordsMax;) {
      const lineFeed = bytes.indexOf(LINE_FEED, at)
      // What a line is cannot be told before it is complete.
      if (lineFeed === -1 && !isWhole) return
      const lineEnd = lineFeed === -1 ? bytes.length : lineFeed
      const line = bytes.subarray(at, lineEnd)
      const isFooter = patterns.endsFile(line)
      if (at > this.consumed && (isFooter || patterns.opensRecord(line))) this.#take(at)
      if (isFooter) {
        this.isEnded = true
        return
      }
      at = lineEnd + 1
      if (!patterns.areMultiLine && this.records.length < recordsMax) this.#take(Math.min(at, bytes.length))
    }
    if (isWhole && this.records.length < recordsMax && this.consumed < bytes.length) this.#take(bytes.length)
  }

  /** Makes a record of all from the last one's end up to `end`. */
  #take(end: number): void {
    const bytes = this.#bytes
    const { keepTerminators, recordBytesMax } = this.#settings
    const length = recordLength(bytes, this.consumed, end, keepTerminators)
    if (length > recordBytesMax) {
      const record = truncated(bytes.subarray(this.consumed, this.consumed + length), this.#settings)
      this.droppedBytes += length - (record.length - this.#settings.truncationTerminator.length)
      this.cutRecords++
      this.records.push(record)
    } else {
      this.records.push(new Uint8Array(bytes.buffer, bytes.byteOffset + this.consumed, length))
    }
    this.consumed = end
  }
}

function recordLength(bytes: Uint8Array, from: number, end: number, keepTerminators: boolean): number {
  return keepTerminators || bytes[end - 1] !== LINE_FEED ? end - from : end - from - 1
}

/** The beginning of a record that is too long, and the terminator; not with half a character of UTF-8 between them. */
export function truncated(
  record: Uint8Array,
  { recordBytesMax, truncationTerminator }: Pick<RecordSettings, 'recordBytesMax' | 'truncationTerminator'>,
): Uint8Array {
  const kept = characterStart(record, Math.max(0, recordBytesMax - truncationTerminator.length))
  const cut = new Uint8Array(kept + truncationTerminator.length)
  cut.set(record.subarray(0, kept))
  cut.set(truncationTerminator, kept)
  return cut
}

/** Moves an offset back to where its character begins, if it is inside of one; in bytes that are no UTF-8 it stays. */
function characterStart(bytes: Uint8Array, offset: number): number {
  let start = offset
  while (start > 0 && offset - start < 3 && isContinuation(bytes[start]!)) start--
  const first = bytes[start] ?? 0
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1
  return start + length > offset ? start : offset
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}
