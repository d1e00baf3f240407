// Records that carry their intended send time, from which a subscriber computes their latency.

const TIME_BYTES = 8

/** A payload of at least eight bytes that begins with a monotonic time. */
export function timedPayload(bytes: number, at: number): Buffer {
  const payload = Buffer.alloc(Math.max(TIME_BYTES, bytes), 1)
  payload.writeDoubleLE(at)
  return payload
}

export function timeOf(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset, TIME_BYTES).getFloat64(0, true)
}
