// Lines of which DuckDB's parser of JSON has refused one, made into lines of which each stands for itself: what a record has by itself, a
// control character that no JSON has, the payload as a text. Payloads that cannot be such a text are left out and told. Pure.
import { isUtf8 } from 'node:buffer'
import { ROW_KEY } from './record-columns.ts'
import { GAP_BYTES, type TakenLines } from './row-lines.ts'

/** Between what the record has by itself and its payload. */
export const SEPARATOR = '\u001f'

const SEPARATOR_BYTE = 0x1f
const LINE_FEED = 0x0a
const RETURN = 0x0d
const SPACE = 0x20
const BRACE = 0x7b
const BRACE_END = 0x7d

/** Why a payload is no row. */
export type PayloadFault = 'no JSON object' | 'no UTF-8'

/** A payload that is left out. */
export interface FaultyPayload {
  readonly shard: number
  readonly sequenceNumber: number
  readonly fault: PayloadFault
}

/** Writes into the bytes of the lines, which are good for nothing else afterwards. */
export function exactLines({ bytes, places, count }: TakenLines): {
  readonly bytes: Uint8Array
  readonly faulty: readonly FaultyPayload[]
} {
  const faulty: FaultyPayload[] = []
  const good: Uint8Array[] = []
  let goodFrom = 0
  for (let i = 0; i < count; i++) {
    const start = places[2 * i]!
    const payloadAt = places[2 * i + 1]! - 1
    const next = places[2 * i + 2]!
    const headEnd = payloadAt + 2 - GAP_BYTES
    bytes[headEnd - 1] = BRACE_END
    bytes[payloadAt - 1] = SEPARATOR_BYTE
    bytes[payloadAt] = BRACE
    const payload = bytes.subarray(payloadAt, next - 1)
    const fault = faultOf(payload)
    if (fault === undefined) continue
    const head = JSON.parse(bytes.toString('utf8', start, headEnd)) as Record<string, readonly number[]>
    const [shard, , sequenceNumber] = head[ROW_KEY]!
    faulty.push({ shard: shard!, sequenceNumber: sequenceNumber!, fault })
    good.push(bytes.subarray(goodFrom, start))
    goodFrom = next
  }
  if (faulty.length === 0) return { bytes, faulty }
  return { bytes: Buffer.concat([...good, bytes.subarray(goodFrom)]), faulty }
}

/** Puts spaces in the place of breaks between values. */
function faultOf(payload: Buffer): PayloadFault | undefined {
  if (payload.includes(SEPARATOR_BYTE)) return 'no JSON object'
  if (!isUtf8(payload)) return 'no UTF-8'
  if (!payload.includes(LINE_FEED) && !payload.includes(RETURN)) return undefined
  try {
    JSON.parse(payload.toString('utf8'))
  } catch {
    return 'no JSON object'
  }
  // They are between values, as one in a text is no JSON.
  for (let i = 0; i < payload.length; i++)
    if (payload[i] === LINE_FEED || payload[i] === RETURN) payload[i] = SPACE
  return undefined
}
