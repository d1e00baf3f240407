// The data of a load's records: a stamp, by which who reads it checks the order and takes the time, and random bytes. Pure.
//
//  0        4          8       12         16              24
//  ├─ run ──┼─ producer ┼─ key ─┼─ number ─┼─ intended at ─┼─ random bytes …
//    u32      u32         u32     u32        f64
//
// Little-endian. `run` tells the records of this load from others of the stream. `number` counts, from 1, the records of one producer
// for one key. `intended at` is when the record was to be sent, by the monotonic clock of the process that loads.

export const STAMP_BYTES = 24

export interface Stamp {
  readonly run: number
  readonly producer: number
  readonly key: number
  readonly number: number
  readonly intendedAt: number
}

/** Makes data of `bytes` bytes, at least STAMP_BYTES, whose random part is taken from `filling` at a place that `at` decides. */
export function stampedRecord(stamp: Stamp, bytes: number, filling: Uint8Array): Buffer {
  const data = Buffer.allocUnsafe(bytes)
  data.writeUInt32LE(stamp.run, 0)
  data.writeUInt32LE(stamp.producer, 4)
  data.writeUInt32LE(stamp.key, 8)
  data.writeUInt32LE(stamp.number, 12)
  data.writeDoubleLE(stamp.intendedAt, 16)
  for (let at = STAMP_BYTES, from = stamp.number % filling.length; at < bytes; from = 0) {
    const part = filling.subarray(from, Math.min(filling.length, from + bytes - at))
    data.set(part, at)
    at += part.length
  }
  return data
}

/** Reads the stamp of a record of this run; undefined for any other record. */
export function stampOf(data: Uint8Array, run: number): Stamp | undefined {
  if (data.length < STAMP_BYTES) return undefined
  const view = new DataView(data.buffer, data.byteOffset, STAMP_BYTES)
  if (view.getUint32(0, true) !== run) return undefined
  return {
    run,
    producer: view.getUint32(4, true),
    key: view.getUint32(8, true),
    number: view.getUint32(12, true),
    intendedAt: view.getFloat64(16, true),
  }
}
