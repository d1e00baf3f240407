// Promises about the memory of batches: it is used again when nobody else can have it, and what is kept is bounded.
import { expect, it } from 'vitest'
import { BatchMemory } from '../../../../client/producer/batches/batch-memory.ts'
import { producerLimits } from '../../../../client/producer/options.ts'

it('gives at least what is asked for, and at most about twice that', () => {
  const memory = new BatchMemory()
  for (const bytes of [1, 16 * 1024, 20_000, 64 * 1024, 64 * 1024 + 500, 262_144, 12 * 1024 * 1024]) {
    const { length } = memory.take(bytes)
    expect(length).toBeGreaterThanOrEqual(bytes)
    expect(length).toBeLessThanOrEqual(Math.max(2 * bytes, 17 * 1024))
  }
})

it('gives memory again that was given back, whole, and to one taker only', () => {
  const memory = new BatchMemory()
  const taken = memory.take(100_000)
  memory.give(taken.subarray(0, 70_000))
  const again = memory.take(100_000)
  expect(again.buffer).toBe(taken.buffer)
  expect(again.length).toBe(taken.length)
  expect(memory.take(100_000).buffer).not.toBe(taken.buffer)
})

it('takes nothing back that is not its own, so that no memory of others is ever written', () => {
  const memory = new BatchMemory()
  const foreign = Buffer.allocUnsafeSlow(16 * 1024)
  memory.give(foreign)
  expect(memory.take(16 * 1024).buffer).not.toBe(foreign.buffer)
})

it('keeps no more than its bound', () => {
  const memory = new BatchMemory()
  const bytes = 256 * 1024
  const all = Array.from({ length: 100 }, () => memory.take(bytes))
  for (const taken of all) memory.give(taken)
  const known = new Set(all.map(({ buffer }) => buffer))
  const kept = all.map(() => memory.take(bytes)).filter(({ buffer }) => known.has(buffer))
  expect(kept.length).toBeGreaterThan(0)
  expect(kept.length * bytes).toBeLessThanOrEqual(producerLimits.freeMemoryKeptBytes)
})
