// Frames of an answer without end: `application/vnd.amazon.eventstream`. Pure.
//
//   ┌──────────────┬────────────────┬─────────────┬─────────┬─────────┬──────────────┐
//   │ total length │ headers length │ CRC32 of    │ headers │ payload │ CRC32 of all │
//   │ 4            │ 4              │ these 8   4 │         │         │ before     4 │
//   └──────────────┴────────────────┴─────────────┴─────────┴─────────┴──────────────┘
//   header: 1 length of its name, name, 1 type (7: text), 2 length of its value, value; everything big-endian
import { crc32 } from 'node:zlib'

export const EVENT_STREAM_TYPE = 'application/vnd.amazon.eventstream'

const PRELUDE_BYTES = 8
const CRC_BYTES = 4
const TEXT_TYPE = 7

/** An event, or the error that ends the stream. */
export interface EventFrame {
  readonly kind: 'event' | 'exception'
  /** Name of the event, or of the error. */
  readonly name: string
  readonly contentType: string
  readonly payload: string | Uint8Array
}

/** The bytes of one frame. */
export function encodeFrame({ kind, name, contentType, payload }: EventFrame): Uint8Array {
  const headers = headersOf({ kind, name, contentType })
  const payloadBytes = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length
  const total = PRELUDE_BYTES + CRC_BYTES + headers.length + payloadBytes + CRC_BYTES
  const frame = Buffer.allocUnsafe(total)
  frame.writeUInt32BE(total, 0)
  frame.writeUInt32BE(headers.length, 4)
  frame.writeUInt32BE(crc32(frame.subarray(0, PRELUDE_BYTES)), PRELUDE_BYTES)
  let at = PRELUDE_BYTES + CRC_BYTES
  frame.set(headers, at)
  at += headers.length
  if (typeof payload === 'string') frame.write(payload, at)
  else frame.set(payload, at)
  frame.writeUInt32BE(crc32(frame.subarray(0, total - CRC_BYTES)), total - CRC_BYTES)
  return frame
}

/** Headers are the same in frame after frame: there are as many as names of events. */
const known = new Map<string, Buffer>()
const KNOWN_MAX = 64

function headersOf({ kind, name, contentType }: Omit<EventFrame, 'payload'>): Buffer {
  const key = `${kind} ${name} ${contentType}`
  const found = known.get(key)
  if (found !== undefined) return found
  const headers = Buffer.concat([
    textHeader(':message-type', kind),
    textHeader(kind === 'event' ? ':event-type' : ':exception-type', name),
    textHeader(':content-type', contentType),
  ])
  if (known.size < KNOWN_MAX) known.set(key, headers)
  return headers
}

function textHeader(name: string, value: string): Buffer {
  const valueLength = Buffer.alloc(2)
  valueLength.writeUInt16BE(Buffer.byteLength(value))
  return Buffer.concat([
    Buffer.from([Buffer.byteLength(name)]),
    Buffer.from(name),
    Buffer.from([TEXT_TYPE]),
    valueLength,
    Buffer.from(value),
  ])
}
