// Reads runs of records out of files. One buffer at a time, and never more of a long record than its beginning. After each read the
// bytes before it are looked at again: if the file was truncated and written anew meanwhile, nothing of the read counts.
import { FINGERPRINT_BYTES, fingerprintOf, isSame } from '../lines/fingerprint.ts'
import { frame, truncated, type FramedBytes } from '../lines/framing.ts'
import { LinePatterns } from '../lines/line-patterns.ts'
import type { CheckedRange, Fingerprint, LineRun } from '../lines/line-run.ts'
import { RecordEnd } from '../lines/record-end.ts'
import type { OpenedFile } from './disk.ts'
import type { FlowFraming, RunLimits } from './flow-file-settings.ts'
import { moveTo, type TrackedFile } from './tracking/tracked-file.ts'

const LINE_FEED = 0x0a
/** What is read at a time where bytes are only passed. */
const PASSED_BYTES = 1 << 20
/** How much of a long record is passed before other files have their turn. */
const PASSED_BYTES_A_TURN = 32 << 20
/** Pieces in which the beginning of a last line is looked for. */
const LAST_LINE_BYTES = 8 << 10

/** Where reading must stop, and what that place means. */
export interface ReadingEnd {
  readonly to: number
  /** True: a record ends there. */
  readonly isWhole: boolean
}

/** A run; `nothing`: no record is complete; `more`: the file needs another turn; `truncated`: its bytes are others by now. */
export type Reading = LineRun | 'nothing' | 'more' | 'truncated' | 'footer'

export class RunReader {
  readonly #framing: FlowFraming
  readonly #patterns: LinePatterns

  constructor(framing: FlowFraming) {
    this.#framing = framing
    this.#patterns = new LinePatterns(framing)
  }

  get areMultiLine(): boolean {
    return this.#patterns.areMultiLine
  }

  /** Reads on in a file, and moves its offset. */
  async next(file: TrackedFile, handle: OpenedFile, end: ReadingEnd, limits: RunLimits): Promise<Reading> {
    if (file.long !== undefined) return this.#passLong(file, handle, end)
    const longest = this.#framing.recordBytesMax + 1
    let { bytesMax: window, recordsMax } = limits
    let bytes = await this.#readChecked(file, handle, Math.min(end.to, file.offset + window))
    if (bytes === undefined) return 'truncated'
    let framed = this.#frame(file, bytes, end, recordsMax)
    if (framed.consumed === 0 && !framed.isEnded && bytes.length === window && window < longest) {
      // A record that is longer than the taker wants at a time, and perhaps not too long.
      window = longest
      recordsMax = 1
      bytes = await this.#readChecked(file, handle, Math.min(end.to, file.offset + window))
      if (bytes === undefined) return 'truncated'
      framed = this.#frame(file, bytes, end, recordsMax)
    }
    if (framed.consumed === 0 && !framed.isEnded && bytes.length === window) {
      file.long = new RecordEnd(this.#patterns)
      return 'more'
    }
    if (framed.consumed === 0) return framed.isEnded ? 'footer' : 'nothing'
    return this.#run(file, bytes, framed)
  }

  #frame(file: TrackedFile, bytes: Uint8Array, end: ReadingEnd, recordsMax: number): FramedBytes {
    const isWhole = end.isWhole && file.offset + bytes.length >= end.to
    return frame(bytes, this.#patterns, this.#framing, { recordsMax, isWhole })
  }

  /** Where the header of a file ends; undefined where it is not complete. */
  async headerEnd(handle: OpenedFile): Promise<number | undefined> {
    let lines = this.#framing.skipHeaderLines
    const bytes = new Uint8Array(64 << 10)
    for (let at = 0; lines > 0;) {
      const filled = bytes.subarray(0, await handle.read(bytes, at))
      if (filled.length === 0) return undefined
      for (let found = filled.indexOf(LINE_FEED); found !== -1; found = filled.indexOf(LINE_FEED, found + 1))
        if (--lines === 0) return at + found + 1
      at += filled.length
    }
    return 0
  }

  /** Reads a range again, record by record as it was read first; undefined where its bytes are not there any more. */
  async again(
    handle: OpenedFile,
    range: CheckedRange,
  ): Promise<Omit<LineRun, 'path' | 'modifiedAt'> | undefined> {
    const { from, to } = range
    const records: Uint8Array[] = []
    let [droppedBytes, cutRecords] = [0, 0]
    let last: Uint8Array = new Uint8Array(0)
    for (let at = from; at < to;) {
      const window = this.#framing.recordBytesMax + 1 + PASSED_BYTES
      const wanted = Math.min(window, to - at)
      const bytes = await readBytes(handle, at, wanted)
      if (bytes.length < wanted) return undefined
      const isWhole = at + wanted === to
      const framed = frame(bytes, this.#patterns, this.#framing, {
        recordsMax: Number.MAX_SAFE_INTEGER,
        isWhole,
      })
      if (framed.isEnded && framed.consumed === 0) return undefined
      const length = framed.consumed > 0 ? framed.consumed : await this.#longRecord(handle, at, to)
      if (length === undefined) return undefined
      const cut = framed.consumed > 0 ? framed : this.#cut(bytes, length, to === at + length)
      for (const record of cut.records) records.push(record)
      droppedBytes += cut.droppedBytes
      cutRecords += cut.cutRecords
      at += length
      last = bytes
    }
    const tail = await readBytes(handle, to - range.tail.bytes, range.tail.bytes)
    if (last.length === 0 || !isSame(fingerprintOf(tail), range.tail)) return undefined
    return { file: range.file, from, to, tail: range.tail, records, droppedBytes, cutRecords }
  }

  /** Where the last record begins that is not complete: what a file that is read from its end is read from. */
  async lastStart(handle: OpenedFile, size: number): Promise<number> {
    const farthest = Math.max(0, size - this.#framing.recordBytesMax - 1)
    for (let end = size; end > farthest;) {
      const from = Math.max(farthest, end - LAST_LINE_BYTES)
      const lineFeed = (await readBytes(handle, from, end - from)).lastIndexOf(LINE_FEED)
      if (lineFeed !== -1) return from + lineFeed + 1
      end = from
    }
    return farthest === 0 ? 0 : size
  }

  /** What recognises a file that is read up to an offset. */
  async fingerprints(handle: OpenedFile, offset: number): Promise<{ head: Fingerprint; tail: Fingerprint }> {
    const tailFrom = Math.max(0, offset - FINGERPRINT_BYTES)
    const head = fingerprintOf(await readBytes(handle, 0, Math.min(offset, FINGERPRINT_BYTES)))
    return { head, tail: fingerprintOf(await readBytes(handle, tailFrom, offset - tailFrom)) }
  }

  /** Looks for the end of a long record, for a turn. */
  async #passLong(file: TrackedFile, handle: OpenedFile, end: ReadingEnd): Promise<Reading> {
    const long = file.long!
    const turnEnd = long.seen + PASSED_BYTES_A_TURN
    const scratch = new Uint8Array(PASSED_BYTES)
    let length: number | undefined
    while (length === undefined && long.seen < turnEnd) {
      const at = file.offset + long.seen
      const target = scratch.subarray(0, Math.min(scratch.length, end.to - at))
      const filled = target.length === 0 ? target : target.subarray(0, await handle.read(target, at))
      if (filled.length > 0) length = long.take(filled)
      else if (!end.isWhole) return (await isIntact(handle, file)) ? 'nothing' : 'truncated'
      else length = long.seen
    }
    if (!(await isIntact(handle, file))) return 'truncated'
    if (length === undefined) return 'more'
    const head = await readBytes(handle, file.offset, Math.min(length, this.#framing.recordBytesMax + 1))
    const last = await readBytes(handle, file.offset + length - 1, 1)
    const framed = this.#cut(head, length, last[0] !== LINE_FEED)
    const tailFrom = Math.max(file.offset, file.offset + length - FINGERPRINT_BYTES)
    const tail = fingerprintOf(await readBytes(handle, tailFrom, file.offset + length - tailFrom))
    return this.#moved(file, framed, tail)
  }

  /** The one record of a range that is longer than a buffer. */
  #cut(head: Uint8Array, length: number, isWithoutEnd: boolean): FramedBytes {
    const { keepTerminators, truncationTerminator } = this.#framing
    const record = truncated(head, this.#framing)
    const bytes = keepTerminators || isWithoutEnd ? length : length - 1
    const droppedBytes = bytes - (record.length - truncationTerminator.length)
    return { records: [record], consumed: length, droppedBytes, cutRecords: 1, isEnded: false }
  }

  /** How long the record at an offset is, if it ends by `to`. */
  async #longRecord(handle: OpenedFile, from: number, to: number): Promise<number | undefined> {
    const end = new RecordEnd(this.#patterns)
    const scratch = new Uint8Array(PASSED_BYTES)
    while (from + end.seen < to) {
      const target = scratch.subarray(0, Math.min(scratch.length, to - from - end.seen))
      const filled = target.subarray(0, await handle.read(target, from + end.seen))
      if (filled.length === 0) return undefined
      const length = end.take(filled)
      if (length !== undefined) return length
    }
    return to - from
  }

  #run(file: TrackedFile, bytes: Uint8Array, framed: FramedBytes): LineRun {
    const { consumed } = framed
    const tail = fingerprintOf(bytes.subarray(Math.max(0, consumed - FINGERPRINT_BYTES), consumed))
    if (file.offset === 0) file.head = fingerprintOf(bytes.subarray(0, Math.min(consumed, FINGERPRINT_BYTES)))
    return this.#moved(file, framed, tail)
  }

  #moved(file: TrackedFile, framed: FramedBytes, tail: Fingerprint): LineRun {
    const { records, consumed, droppedBytes, cutRecords } = framed
    const [from, to] = [file.offset, file.offset + consumed]
    moveTo(file, to, tail)
    const about = { path: file.path, modifiedAt: file.facts.modifiedAt }
    return { file: file.file, from, to, tail, records, droppedBytes, cutRecords, ...about }
  }

  /** Reads from the file's offset; undefined where the bytes before it are others than they were. */
  async #readChecked(file: TrackedFile, handle: OpenedFile, to: number): Promise<Uint8Array | undefined> {
    const lead = file.tail.bytes
    const all = await readBytes(handle, file.offset - lead, to - file.offset + lead)
    if (!isSame(fingerprintOf(all.subarray(0, lead)), file.tail)) return undefined
    if (!(await checkHead(handle, file))) return undefined
    file.intactSize = file.facts.size
    return all.subarray(lead)
  }
}

/** True where a file has the bytes that were read of it, as far as fingerprints tell. */
export async function isIntact(
  handle: OpenedFile,
  { head, tail, offset }: Pick<TrackedFile, 'head' | 'tail' | 'offset'>,
): Promise<boolean> {
  const bytes = await readBytes(handle, offset - tail.bytes, tail.bytes)
  return (
    isSame(fingerprintOf(bytes), tail) && isSame(fingerprintOf(await readBytes(handle, 0, head.bytes)), head)
  )
}

/** Compares a file's first bytes, and remembers more of them as more are read. */
async function checkHead(handle: OpenedFile, file: TrackedFile): Promise<boolean> {
  const { head, offset } = file
  const bytes = await readBytes(handle, 0, Math.max(head.bytes, Math.min(FINGERPRINT_BYTES, offset)))
  if (!isSame(fingerprintOf(bytes.subarray(0, head.bytes)), head)) return false
  if (bytes.length > head.bytes) file.head = fingerprintOf(bytes)
  return true
}

export async function readBytes(handle: OpenedFile, offset: number, length: number): Promise<Uint8Array> {
  // Not zeroed: what is not filled is never looked at.
  const buffer = Buffer.allocUnsafeSlow(length)
  const bytes = new Uint8Array(buffer.buffer, 0, length)
  return bytes.subarray(0, await handle.read(bytes, offset))
}
