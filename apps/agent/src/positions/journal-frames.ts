// How facts lie in the journal. Pure.
//
//     one frame = what one flush made durable together = one line
//     crc32 (8 hex digits) SP bytes of the array (8 hex digits) SP JSON array of facts LF
//
// A frame is written only after the one before it was flushed. So a crash can tear the last frame alone, and leaves nothing behind it:
// an unreadable line that anything follows is damage, and is never passed over.
import { crc32 } from 'node:zlib'

const DIGITS = 8
const HEADER_BYTES = 2 * (DIGITS + 1)
const LINE_FEED = 0x0a

/** Facts of a journal, and where its intact part ends. */
export interface JournalContent {
  readonly facts: readonly unknown[]
  readonly intactBytes: number
}

export function encodeFrame(facts: readonly unknown[]): Buffer {
  const body = Buffer.from(JSON.stringify(facts))
  return Buffer.concat([Buffer.from(headerOf(body)), body, Buffer.from('\n')])
}

/** Reads a journal. Throws a sentence for the operator where it is damaged before its last frame. */
export function decodeFrames(bytes: Buffer, path: string): JournalContent {
  const facts: unknown[] = []
  let intactBytes = 0
  let damagedAt: number | undefined
  for (let at = 0; at < bytes.length;) {
    const lineEnd = bytes.indexOf(LINE_FEED, at)
    const end = lineEnd === -1 ? bytes.length : lineEnd
    const frame = lineEnd === -1 ? undefined : factsIn(bytes.subarray(at, end))
    if (frame === undefined) {
      damagedAt ??= at
    } else if (damagedAt !== undefined) {
      throw damage(path, damagedAt)
    } else {
      for (const fact of frame) facts.push(fact)
      intactBytes = end + 1
    }
    at = end + 1
  }
  if (damagedAt !== undefined && bytes.length > claimedEnd(bytes, damagedAt)) throw damage(path, damagedAt)
  return { facts, intactBytes }
}

/** Where a frame that cannot be read says that it ends. */
function claimedEnd(bytes: Buffer, at: number): number {
  const length = /^[0-9a-f]{8} ([0-9a-f]{8}) $/.exec(bytes.toString('latin1', at, at + HEADER_BYTES))?.[1]
  return length === undefined ? bytes.length : at + HEADER_BYTES + Number.parseInt(length, 16) + 1
}

function damage(path: string, at: number): Error {
  return new Error(
    `${path} is damaged at byte ${at}, and more follows. ` +
      'Bring it back from a backup, or move it away: files are then read from their initial positions.',
  )
}

function factsIn(line: Buffer): readonly unknown[] | undefined {
  const body = line.subarray(HEADER_BYTES)
  if (line.toString('latin1', 0, HEADER_BYTES) !== headerOf(body)) return undefined
  try {
    const facts: unknown = JSON.parse(body.toString())
    return Array.isArray(facts) ? (facts as readonly unknown[]) : undefined
  } catch {
    return undefined
  }
}

function headerOf(body: Buffer): string {
  return `${digits(crc32(body))} ${digits(body.length)} `
}

function digits(value: number): string {
  return value.toString(16).padStart(DIGITS, '0')
}
