// How facts lie in the journal. Pure.
//
//     one frame = what one flush made durable together = one line
//     crc32 (8 hex digits) SP JSON array of facts LF
//
// A frame is written only after the one before it was flushed. So a crash can tear the last frame alone: an unreadable line that
// readable ones follow is damage, and is never passed over.
import { crc32 } from 'node:zlib'

const CHECKSUM_DIGITS = 8
const LINE_FEED = 0x0a

/** Facts of a journal, and where its intact part ends. */
export interface JournalContent {
  readonly facts: readonly unknown[]
  readonly intactBytes: number
}

export function encodeFrame(facts: readonly unknown[]): Buffer {
  const body = JSON.stringify(facts)
  return Buffer.from(`${checksum(Buffer.from(body))} ${body}\n`)
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
      throw new Error(
        `${path} is damaged at byte ${damagedAt}: what is intact goes on at byte ${at}. ` +
          'Bring it back from a backup, or move it away: files are then read from their initial positions.',
      )
    } else {
      for (const fact of frame) facts.push(fact)
      intactBytes = end + 1
    }
    at = end + 1
  }
  return { facts, intactBytes }
}

function factsIn(line: Buffer): readonly unknown[] | undefined {
  const body = line.subarray(CHECKSUM_DIGITS + 1)
  if (line.toString('latin1', 0, CHECKSUM_DIGITS + 1) !== `${checksum(body)} `) return undefined
  try {
    const facts: unknown = JSON.parse(body.toString())
    return Array.isArray(facts) ? (facts as readonly unknown[]) : undefined
  } catch {
    return undefined
  }
}

function checksum(body: Buffer): string {
  return crc32(body).toString(16).padStart(CHECKSUM_DIGITS, '0')
}
