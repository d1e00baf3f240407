// Producers that keep just below the limits of a shard: against the host's own throttle, over a network that delays each batch
// by another time, alone and with others. Nothing here takes real time.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Throttle, writeLimits } from '../../../../broker/host/limits/throttle.ts'
import { paceRules, ShardPace, type WriteLimits } from '../../../../client/producer/pacing/shard-pace.ts'
import { noShardLimits } from '../../../../protocol/structs.ts'
import { randomOf } from '../../../support/random.ts'

interface Scene {
  readonly limits: WriteLimits
  readonly producers: number
  /** The largest batch, by the seconds for which it uses up the limits. */
  readonly batchSpanMax: number
  readonly delayMsMax: number
  readonly seed: number
}

const SPAN_MS = 120_000
const RECORD_BYTES = 100

/** Producers that always have something to send, each one batch after the other, as long as the span is. */
function run({ limits, producers, batchSpanMax, delayMsMax, seed }: Scene) {
  const perSecond = limits.writeRecordsPerSecond || limits.writeBytesPerSecond / RECORD_BYTES
  const batchRecordsMax = Math.ceil(batchSpanMax * perSecond)
  const random = randomOf(seed)
  const throttle = new Throttle(writeLimits)
  throttle.set({ ...noShardLimits, ...limits }, 0)
  const paces = Array.from({ length: producers }, () => new ShardPace(limits, 0))
  const counts = { sent: 0, refused: 0, bytes: 0, records: 0 }
  /** What happens next, by time. */
  const events: { at: number; run: () => void }[] = []
  const at = (time: number, run: () => void) => void events.push({ at: time, run })
  const send = (pace: ShardPace, now: number): void => {
    const waitMs = pace.waitMs(now)
    if (waitMs > 0) return at(now + waitMs, () => send(pace, now + waitMs))
    const records = 1 + random.below(batchRecordsMax)
    const bytes = records * RECORD_BYTES
    pace.take(bytes, records, now)
    counts.sent++
    const arrival = now + random.below(delayMsMax + 1)
    at(arrival, () => {
      const usedUp = throttle.usedUp(arrival)
      if (usedUp === undefined) {
        throttle.take(bytes, records, arrival)
        counts.bytes += bytes
        counts.records += records
      }
      const answer = arrival + 1 + random.below(delayMsMax + 1)
      at(answer, () => {
        if (usedUp !== undefined) {
          counts.refused++
          pace.refused(usedUp.waitMs, answer)
        }
      })
    })
    at(now + 1, () => send(pace, now + 1))
  }
  for (const pace of paces) at(0, () => send(pace, 0))
  for (;;) {
    let next = 0
    for (const [i, event] of events.entries()) if (event.at < events[next]!.at) next = i
    const [event] = events.splice(next, 1)
    if (event === undefined || event.at > SPAN_MS) break
    event.run()
  }
  const { writeBytesPerSecond, writeRecordsPerSecond } = limits
  const used = Math.max(
    writeBytesPerSecond === 0 ? 0 : counts.bytes / (SPAN_MS / 1000) / writeBytesPerSecond,
    writeRecordsPerSecond === 0 ? 0 : counts.records / (SPAN_MS / 1000) / writeRecordsPerSecond,
  )
  return { ...counts, used, shares: paces.map(({ share }) => share) }
}

const scenes = (producers: fc.Arbitrary<number>): fc.Arbitrary<Scene> =>
  fc.record({
    limits: fc.constantFrom(
      { writeBytesPerSecond: 1024 * 1024, writeRecordsPerSecond: 1000 },
      { writeBytesPerSecond: 50_000, writeRecordsPerSecond: 0 },
      { writeBytesPerSecond: 0, writeRecordsPerSecond: 200 },
    ),
    producers,
    batchSpanMax: fc.constantFrom(0.02, 0.05, 0.1, 0.2),
    delayMsMax: fc.constantFrom(0, 1, 20),
    seed: fc.nat(),
  })

describe('the pace of a shard', () => {
  it('uses nearly all of the limits when alone, and is hardly ever refused', () => {
    fc.assert(
      fc.property(scenes(fc.constant(1)), (scene) => {
        const { sent, refused, used } = run(scene)
        expect(used).toBeGreaterThan(0.9)
        expect(refused).toBeLessThanOrEqual(3 + sent / 50)
      }),
      { numRuns: 30 },
    )
  })

  it('leaves room for others that write to the shard, and together they use most of the limits', () => {
    fc.assert(
      fc.property(scenes(fc.integer({ min: 2, max: 6 })), (scene) => {
        const { sent, refused, used, shares } = run(scene)
        expect(used).toBeGreaterThan(0.75)
        expect(refused).toBeLessThanOrEqual(20 * scene.producers + sent / 10)
        for (const share of shares) expect(share).toBeLessThan(paceRules.shareMax)
      }),
      { numRuns: 20 },
    )
  })

  it('goes back to all of the limits once nobody else writes', () => {
    const pace = new ShardPace({ writeBytesPerSecond: 1000, writeRecordsPerSecond: 0 }, 0)
    for (let now = 0; now < 10_000; now += 1000) pace.refused(1, now)
    expect(pace.share).toBeLessThan(0.5)
    for (let now = 10_000; now < 300_000; now += 1000) pace.waitMs(now)
    expect(pace.share).toBe(paceRules.shareMax)
  })

  it('takes changed limits at once, and none where there are none any more', () => {
    const pace = new ShardPace({ writeBytesPerSecond: 1000, writeRecordsPerSecond: 10 }, 0)
    pace.take(2000, 1, 1)
    const before = pace.waitMs(1)
    expect(before).toBeGreaterThan(1000)
    pace.setLimits({ writeBytesPerSecond: 10_000, writeRecordsPerSecond: 10 }, 1)
    expect(pace.waitMs(1)).toBeLessThan(before / 5)
    pace.setLimits({ writeBytesPerSecond: 0, writeRecordsPerSecond: 0 }, 1)
    expect(pace.waitMs(1)).toBe(0)
  })
})
