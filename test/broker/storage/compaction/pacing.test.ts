// The rate of background work, as arithmetic over time that is passed in.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteRate, Pacer } from '../../../../broker/storage/compaction/pacing.ts'
import { createProgress, progressOf, stopCompaction } from '../../../../broker/threads/compaction-progress.ts'

/** Work that may be done at once after a rest: 50 ms' worth. */
const BURST_MS = 50

const work = fc.array(fc.record({ bytes: fc.nat(2_000_000), idleMs: fc.nat(300) }), {
  minLength: 1,
  maxLength: 60,
})

describe('ByteRate', () => {
  test('keeps to the rate over any stretch of time, except for one burst and one piece', () => {
    fc.assert(
      fc.property(work, fc.integer({ min: 1000, max: 100_000_000 }), (pieces, bytesPerSecond) => {
        const rate = new ByteRate(bytesPerSecond)
        const done: { at: number; bytes: number }[] = []
        let now = 0
        for (const { bytes, idleMs } of pieces) {
          now += idleMs
          done.push({ at: now, bytes })
          now += rate.count(bytes, now)
        }
        for (const [first, { at }] of done.entries()) {
          let sum = 0
          for (const piece of done.slice(first)) {
            // Earlier pieces had to be waited for before this one began.
            const allowed = ((piece.at - at + BURST_MS) * bytesPerSecond) / 1000
            expect(sum).toBeLessThanOrEqual(allowed * (1 + 1e-9) + 1)
            sum += piece.bytes
          }
        }
      }),
    )
  })

  test('never delays small pieces at the rate', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(BURST_MS * 1000)), (pieces) => {
        const rate = new ByteRate(1_000_000)
        let now = 0
        for (const bytes of pieces) {
          now += bytes / 1000
          expect(rate.count(bytes, now)).toBeCloseTo(0)
        }
      }),
    )
  })
})

describe('Pacer', () => {
  /** A pacer at 1,000 bytes per millisecond, with a clock that advances while it sleeps. */
  function pacerAt(onSleep: (now: number) => void = () => undefined) {
    const progress = createProgress()
    let now = 0
    const pacer = new Pacer({
      bytesPerSecond: 1_000_000,
      progress,
      elapsed: () => now,
      sleep: async (ms) => {
        now += ms
        onSleep(now)
      },
    })
    return { pacer, progress, now: () => now }
  }

  test('counts reads and writes against one rate, and publishes both', async () => {
    const { pacer, progress, now } = pacerAt()
    pacer.read(300 * 1024)
    pacer.wrote(200 * 1024)
    await pacer.keep()
    expect(now()).toBeCloseTo((500 * 1024) / 1000 - BURST_MS)
    expect(progressOf(progress)).toEqual({ bytesRead: 300 * 1024, bytesWritten: 200 * 1024 })
  })

  test('stops a wait early when asked', async () => {
    const { pacer, progress, now } = pacerAt((time) => {
      if (time >= 100) stopCompaction(progress)
    })
    pacer.read(3_600_000_000)
    await expect(pacer.keep()).rejects.toMatchObject({ code: 'aborted' })
    expect(now()).toBeLessThan(200)
  })
})
