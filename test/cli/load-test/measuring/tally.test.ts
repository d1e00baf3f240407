// The counts of a load: the measured time, latencies from the intended time, and what the checks make of losses and refusals.
import { describe, expect, it } from 'vitest'
import { Tally } from '../../../../cli/load-test/measuring/tally.ts'

/** A load of one producer and one key, with a reader: a second of warm-up, and two seconds that are measured. */
function load() {
  const tally = new Tally({ keys: 1, producers: 1, now: 0 })
  tally.measure(1000, 3000)
  const read = tally.addView('e2e')
  return {
    tally,
    send: (intendedAt: number) => tally.send(0, 0, { bytes: 100, intendedAt, now: intendedAt }),
    read: (number: number, intendedAt: number, now: number) =>
      read({ run: 1, producer: 0, key: 0, number, intendedAt }, 100, now),
  }
}

describe('the tally of a load', () => {
  it('counts rates and latencies of the measured time alone, from the intended times', () => {
    const { tally, send, read } = load()
    for (const [at, latency] of [
      [500, 400],
      [1500, 10],
      [2000, 20],
    ] as const) {
      const number = send(at)
      tally.acknowledge(at, 100, at + latency)
      read(number, at, at + 2 * latency)
    }
    expect(tally.summary()).toMatchObject({
      measuredMs: 2000,
      sentRecords: 3,
      sent: { records: 2, recordsPerSecond: 1, bytesPerSecond: 100 },
      acknowledged: { records: 2, recordsPerSecond: 1 },
      ack: { count: 2 },
      lost: 0,
    })
    expect(tally.summary().ack!.max).toBeCloseTo(20, 1)
    // The record of the warm-up was read in the measured time: it counts for the rate, and not as a latency.
    expect(tally.summary()).toMatchObject({ consumed: { records: 3 }, e2e: { count: 2 } })
  })

  it('an acknowledged record that is not read is lost, and a refused one is not, whether or not it is there', () => {
    const { tally, send, read } = load()
    const [stored, lost, refused, unsure] = [send(0), send(1), send(2), send(3)]
    tally.acknowledge(0, 100, 5)
    tally.acknowledge(1, 100, 5)
    tally.fail(0, 0, refused, Object.assign(new Error('full'), { code: 'overloaded' }))
    tally.fail(0, 0, unsure, Object.assign(new Error('who knows'), { code: 'outcomeUnknown' }))
    read(stored, 0, 6)
    read(unsure, 3, 6)
    expect([stored, lost, refused, unsure]).toEqual([1, 2, 3, 4])
    expect(tally.summary()).toMatchObject({
      lost: 1,
      duplicates: 0,
      outOfOrder: 0,
      errors: 2,
      errorKinds: [
        { code: 'overloaded', count: 1, message: 'full' },
        { code: 'outcomeUnknown', count: 1, message: 'who knows' },
      ],
    })
  })

  it('what comes again is a duplicate for a reader, and allowed for a group', () => {
    const { tally, send, read } = load()
    const group = tally.addView('group')
    const number = send(0)
    tally.acknowledge(0, 100, 5)
    for (let time = 0; time < 2; time++) {
      read(number, 0, 6)
      group({ run: 1, producer: 0, key: 0, number, intendedAt: 0 }, 100, 6)
    }
    expect(tally.checks()).toEqual({ lost: 0, duplicates: 1, outOfOrder: 0, reprocessed: 1 })
  })

  it('the lag is that of the slowest reader', () => {
    const { tally, send, read } = load()
    tally.addView('group')
    for (const at of [0, 1, 2]) {
      read(send(at), at, at)
      tally.acknowledge(at, 100, at)
    }
    tally.noteLag()
    expect(tally.lag).toBe(3)
    expect(tally.summary().lagMax).toBe(3)
  })

  it('a load that is stopped early is measured up to then', () => {
    const { tally } = load()
    tally.end(2000)
    expect(tally.measuredMs).toBe(1000)
    const { tally: warming } = load()
    warming.end(500)
    expect(warming.measuredMs).toBe(0)
    expect(warming.summary()).toMatchObject({ acknowledged: { recordsPerSecond: 0 }, ack: undefined })
  })
})
