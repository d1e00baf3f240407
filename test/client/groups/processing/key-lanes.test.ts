// Lanes of keys: each key's records are handled in their order, one call at a time, and the position never passes a gap.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KeyLanes, type LaneRun } from '../../../../client/groups/processing/key-lanes.ts'

/** What a test does next: admit a record of a key, start what can be, complete a record of a run, or end a run. */
const step = fc.oneof(
  fc.record({ type: fc.constant('admit' as const), key: fc.integer({ min: 0, max: 4 }) }),
  fc.record({ type: fc.constant('start' as const) }),
  fc.record({ type: fc.constant('finish' as const), which: fc.nat(), isWhole: fc.boolean() }),
  fc.record({ type: fc.constant('trim' as const) }),
)

interface Call {
  readonly run: LaneRun<number>
  left: number
}

describe('lanes of keys', () => {
  it('keep the order of each key, one call a key, so many calls at most; the position is behind what is done without a gap', () => {
    fc.assert(
      fc.property(
        fc.record({ lanes: fc.integer({ min: 1, max: 4 }), runMax: fc.integer({ min: 1, max: 3 }) }),
        fc.array(step, { maxLength: 200 }),
        (options, steps) => {
          const lanes = new KeyLanes<number>({ ...options, next: 0 })
          let admitted = 0
          let started = 0
          const isDone: boolean[] = []
          const keyOf: string[] = []
          const handled = new Map<string, number[]>()
          const calls: Call[] = []
          for (const each of steps) {
            switch (each.type) {
              case 'admit': {
                const key = `k${each.key}`
                keyOf[admitted] = key
                isDone[admitted] = false
                lanes.admit(key, admitted, admitted + 1)
                admitted++
                break
              }
              case 'start': {
                const run = lanes.start()
                if (run === undefined) break
                const { key } = run[0]!
                expect(run.every((entry) => entry.key === key)).toBe(true)
                expect(run.length).toBeLessThanOrEqual(options.runMax)
                expect(calls.some((call) => call.run[0]!.key === key)).toBe(false)
                handled.set(key, [...(handled.get(key) ?? []), ...run.map(({ record }) => record)])
                started = Math.max(started, ...run.map(({ record }) => record + 1))
                calls.push({ run, left: 0 })
                expect(calls.length).toBeLessThanOrEqual(options.lanes)
                break
              }
              case 'finish': {
                const call = calls[each.which % Math.max(1, calls.length)]
                if (call === undefined) break
                const entry = call.run[call.left++]!
                lanes.complete(entry)
                isDone[entry.record] = true
                if (call.left < call.run.length) break
                lanes.finish(call.run)
                calls.splice(calls.indexOf(call), 1)
                break
              }
              case 'trim':
                lanes.trim()
                admitted = Math.max(started, lanes.next)
                isDone.length = admitted
                for (const [key, records] of handled)
                  handled.set(
                    key,
                    records.filter((record) => record < admitted),
                  )
            }
            const gap = isDone.findIndex((done) => !done)
            expect(lanes.next).toBe(gap < 0 ? isDone.length : gap)
            expect(lanes.running).toBe(calls.length)
          }
          for (const [key, records] of handled) {
            const ofKey = keyOf.flatMap((other, record) =>
              other === key && record < admitted ? [record] : [],
            )
            expect(records).toEqual(ofKey.slice(0, records.length))
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('after trim, everything up to the last record that was started can be finished', () => {
    const lanes = new KeyLanes<number>({ lanes: 2, runMax: 1, next: 0 })
    for (const [record, key] of ['a', 'a', 'b', 'c', 'a'].entries()) lanes.admit(key, record, record + 1)
    const first = lanes.start()!
    const second = lanes.start()!
    expect([first[0]!.record, second[0]!.record]).toEqual([0, 2])
    lanes.trim()
    lanes.complete(second[0]!)
    lanes.finish(second)
    expect(lanes.start()).toBeUndefined()
    lanes.complete(first[0]!)
    lanes.finish(first)
    const third = lanes.start()!
    expect(third[0]!.record).toBe(1)
    lanes.complete(third[0]!)
    lanes.finish(third)
    expect(lanes.start()).toBeUndefined()
    expect([lanes.next, lanes.size]).toEqual([3, 0])
  })
})
