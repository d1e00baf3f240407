// Each combination of retries, bisect, partial reports, age, windows and parallelization, with each way in which a function fails, against the calls
// that the documentation prescribes.
import { describe, expect, it } from 'vitest'
import { laneOfKey } from '../../src/mapping/lane-of-key.ts'
import type { MappingRules } from '../../src/mapping/rules.ts'
import { prescribedCalls } from './prescribed-calls.ts'
import { plainRules, SimulatedShard, type Script, type TestRecord } from './simulated-shard.ts'

const COUNT = 30
const CALL_MS = 7
const requestId = 'r'
const failed = {
  ok: false,
  requestId,
  errorType: 'Error',
  errorMessage: 'poison',
  isThrottle: false,
} as const

const records: readonly TestRecord[] = Array.from({ length: COUNT }, (_, i) => ({
  sequenceNumber: i * 3,
  key: `key ${i % 7}`,
  arrivedAt: Math.floor(i / 4) * 400,
}))

/** The state is the sum of what was seen: a call that is missing or doubled shows in all that follow. */
const stateOf = ({ window, records: numbers }: Parameters<Script>[0]): { sum: number } => ({
  sum: ((window?.state as { sum?: number } | undefined)?.sum ?? 0) + numbers.reduce((a, b) => a + b, 0),
})

const poisons = [9, 12, 45, 87]
const isPoison = (number: number): boolean => poisons.includes(number)

const failures: Readonly<Record<string, Script>> = {
  never: (call) => ({ ok: true, requestId, state: stateOf(call) }),
  'for three calls': (call, nth) =>
    call.records.some(isPoison) && nth < 4 ? failed : { ok: true, requestId, state: stateOf(call) },
  'for nine calls': (call, nth) =>
    call.records.some(isPoison) && nth < 10 ? failed : { ok: true, requestId, state: stateOf(call) },
  'by throttles, and once by itself': (call, nth) =>
    nth < 4 ? { ...failed, isThrottle: nth !== 2 } : { ok: true, requestId, state: stateOf(call) },
  'at the last call of windows': (call, nth) =>
    call.window?.isFinal === true && nth % 3 !== 0 ? failed : { ok: true, requestId, state: stateOf(call) },
  'by report': (call, nth) => {
    const failedFrom = nth < 5 ? call.records.find(isPoison) : undefined
    const done = call.records.filter((number) => number < (failedFrom ?? Infinity))
    return { ok: true, requestId, failedFrom, state: stateOf({ ...call, records: done }) }
  },
  'by report of the last record, for three calls': (call, nth) => {
    const failedFrom = nth < 4 ? call.records.at(-1) : undefined
    const done = call.records.filter((number) => number < (failedFrom ?? Infinity))
    return { ok: true, requestId, failedFrom, state: stateOf({ ...call, records: done }) }
  },
}

const axes = {
  retriesMax: [-1, 0, 2],
  bisectsOnError: [false, true],
  recordAgeMaxMs: [-1, 60_000, 1500],
  tumblingWindowMs: [0, 1000],
  lanes: [1, 3],
  batchSize: [1, 5, 100],
} as const

/** Every combination of one value of each axis; windows have one lane. */
function combinations(): readonly MappingRules[] {
  let rules: readonly MappingRules[] = [plainRules]
  for (const [name, values] of Object.entries(axes)) {
    rules = rules.flatMap((rule) => values.map((value) => ({ ...rule, [name]: value })))
  }
  return rules.filter(({ lanes, tumblingWindowMs }) => lanes === 1 || tumblingWindowMs === 0)
}

describe.each(Object.entries(failures))('a function that fails %s', (_, script) => {
  it.each(combinations())(
    '$retriesMax retries, bisect $bisectsOnError, age $recordAgeMaxMs, window $tumblingWindowMs, $lanes lanes, batches of $batchSize',
    (rules) => {
      const shard = new SimulatedShard({ rules, records, script, callMs: CALL_MS, tellMs: 0 })
      shard.feed(Infinity, { isEnded: true })
      shard.run()
      expect(shard.machine.isThrough).toBe(true)
      expect(shard.position).toBe(records.at(-1)!.sequenceNumber + 1)
      for (let lane = 0; lane < rules.lanes; lane++) {
        const own = records.filter(({ key }) => laneOfKey(key, rules.lanes) === lane)
        const prescribed = prescribedCalls(own, rules, script, CALL_MS)
        const calls = shard.calls
          .filter((call) => call.lane === lane)
          .map(({ records: numbers, window }) => ({
            records: numbers,
            ...(window !== undefined && { window: [window.start, window.state, window.isFinal] as const }),
          }))
        expect(calls).toEqual(prescribed.calls)
        const numbers = new Set(own.map(({ sequenceNumber }) => sequenceNumber))
        const gaveUp = shard.givenUp.filter((each) => numbers.has(each.records[0]!))
        expect(gaveUp.map((each) => `${each.condition} ${each.records.join(' ')}`)).toEqual(
          prescribed.givenUp,
        )
      }
    },
  )
})

it('the table has every pair of rules that may stand together', () => {
  expect(combinations()).toHaveLength(3 * 2 * 3 * 3 * 3)
})
