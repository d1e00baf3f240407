// Compares bytes at once in `toEqual` and its like: Vitest compares arrays of bytes index by index, by the names of all indexes,
// which took longer than what is tested. Bytes that differ are left to it, which shows where. Set up for every file of tests.
import { expect } from 'vitest'

const REGISTERED = Symbol.for('millrace.byteEquality')

/** True for equal bytes of one class; else undefined, which says nothing. */
function areEqualBytes(a: unknown, b: unknown): true | undefined {
  if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array) || a.constructor !== b.constructor) return
  return Buffer.compare(a, b) === 0 ? true : undefined
}

// This file is run anew for each file of a process, but a process keeps what was added.
const process_ = globalThis as { [REGISTERED]?: true }
if (process_[REGISTERED] !== true) {
  process_[REGISTERED] = true
  expect.addEqualityTesters([areEqualBytes])
}
