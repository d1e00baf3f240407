// The sequence of calls that Lambda's documentation prescribes, written out for the cases that people look up: each line of a table is a mapping,
// a function that fails in some way, and the calls that follow.
import { describe, expect, it } from 'vitest'
import type { MappingRules } from '../../src/mapping/rules.ts'
import {
  plainRules,
  recordsOf,
  SimulatedShard,
  type Script,
  type SimulationOptions,
} from './simulated-shard.ts'

const requestId = 'r'
const done = { ok: true, requestId } as const
const failed = {
  ok: false,
  requestId,
  errorType: 'Error',
  errorMessage: 'poison',
  isThrottle: false,
} as const
const throttled = { ...failed, isThrottle: true } as const

/** Fails calls with one of these records. */
const poison =
  (...numbers: readonly number[]): Script =>
  ({ records }) =>
    records.some((number) => numbers.includes(number)) ? failed : done

/** Reports the first of these records. */
const report =
  (...numbers: readonly number[]): Script =>
  ({ records }) => {
    const failedFrom = records.find((number) => numbers.includes(number))
    return failedFrom === undefined ? done : { ...done, failedFrom }
  }

function callsOf(
  rules: Partial<MappingRules>,
  script: Script,
  rest: Partial<SimulationOptions> = {},
): SimulatedShard {
  const shard = new SimulatedShard({
    rules: { ...plainRules, ...rules },
    records: recordsOf(8),
    script,
    ...rest,
  })
  shard.feed()
  return shard.run()
}

const written = (shard: SimulatedShard): string[] => shard.calls.map(({ records }) => records.join(' '))
const givenUp = (shard: SimulatedShard): string[] =>
  shard.givenUp.map(({ condition, records }) => `${condition}: ${records.join(' ')}`)

describe('the sequence of calls', () => {
  it.each<[string, Partial<MappingRules>, Script, calls: string[], gaveUp: string[]]>([
    ['all is well', {}, () => done, ['0 1 2 3', '4 5 6 7'], []],
    [
      'a batch is tried again until it succeeds',
      {},
      (call, nth) => (call.records[0] === 0 && nth < 4 ? failed : done),
      ['0 1 2 3', '0 1 2 3', '0 1 2 3', '0 1 2 3', '4 5 6 7'],
      [],
    ],
    [
      'retries are counted after the first attempt',
      { retriesMax: 2 },
      poison(1),
      ['0 1 2 3', '0 1 2 3', '0 1 2 3', '4 5 6 7'],
      ['RetryAttemptsExhausted: 0 1 2 3'],
    ],
    ['no retries', { retriesMax: 0 }, poison(1), ['0 1 2 3', '4 5 6 7'], ['RetryAttemptsExhausted: 0 1 2 3']],
    [
      'throttles are no attempts',
      { retriesMax: 0 },
      (_, nth) => (nth < 3 ? throttled : done),
      ['0 1 2 3', '0 1 2 3', '0 1 2 3', '4 5 6 7', '4 5 6 7', '4 5 6 7'],
      [],
    ],
    [
      'halves are no attempts, and the record that fails is given up alone',
      { retriesMax: 0, bisectsOnError: true },
      poison(2),
      ['0 1 2 3', '0 1', '2 3', '2', '3', '4 5 6 7'],
      ['RetryAttemptsExhausted: 2'],
    ],
    [
      'a single record is tried again as often as any batch',
      { retriesMax: 1, bisectsOnError: true },
      poison(0),
      ['0 1 2 3', '0 1', '0', '0', '1', '2 3', '4 5 6 7'],
      ['RetryAttemptsExhausted: 0'],
    ],
    [
      'two records that fail',
      { retriesMax: 0, bisectsOnError: true },
      poison(0, 3),
      ['0 1 2 3', '0 1', '0', '1', '2 3', '2', '3', '4 5 6 7'],
      ['RetryAttemptsExhausted: 0', 'RetryAttemptsExhausted: 3'],
    ],
    [
      'from the reported record on the batch is tried again, and that counts',
      { retriesMax: 2 },
      report(2),
      ['0 1 2 3', '2 3', '2 3', '4 5 6 7'],
      ['RetryAttemptsExhausted: 2 3'],
    ],
    [
      'the report of a later record is no new count',
      { retriesMax: 1 },
      ({ records }) => ({ ...done, failedFrom: records.at(-1)! }),
      ['0 1 2 3', '3', '4 5 6 7', '7'],
      ['RetryAttemptsExhausted: 3', 'RetryAttemptsExhausted: 7'],
    ],
    [
      'with bisect the batch is split at the reported record, and that is no attempt',
      { retriesMax: 0, bisectsOnError: true },
      report(2),
      ['0 1 2 3', '2 3', '2', '3', '4 5 6 7'],
      ['RetryAttemptsExhausted: 2'],
    ],
  ])('%s', (_, rules, script, calls, gaveUp) => {
    const shard = callsOf(rules, script)
    expect(written(shard)).toEqual(calls)
    expect(givenUp(shard)).toEqual(gaveUp)
    expect(shard.position).toBe(8)
  })

  it('records that are too old are given up without a call, and those that grow old are given up between attempts', () => {
    const shard = new SimulatedShard({
      rules: { ...plainRules, recordAgeMaxMs: 60_000 },
      records: recordsOf(8, { everyMs: 10_000 }),
      script: poison(4),
    })
    shard.now = 65_000
    shard.feed()
    shard.run()
    const ages = givenUp(shard)
    expect(ages).toHaveLength(2)
    expect(ages[0]).toBe('RecordAgeExceeded: 0')
    expect(written(shard)[0]).toBe('1 2 3')
    // Tried until its first record, and perhaps others meanwhile, was too old: the rest is well.
    expect(written(shard).filter((call) => call === '4 5 6 7').length).toBeGreaterThan(5)
    const [, grown] = /^RecordAgeExceeded: (4.*)$/.exec(ages[1]!)!
    expect(written(shard).at(-1)).toBe('4 5 6 7'.slice(grown!.length + 1))
  })

  it('throttles end by the age of the records', () => {
    const shard = callsOf({ recordAgeMaxMs: 60_000 }, () => throttled)
    expect(givenUp(shard)).toEqual(['RecordAgeExceeded: 0 1 2 3', 'RecordAgeExceeded: 4 5 6 7'])
  })

  it('with defaults a poison record blocks its shard for good, and says so', () => {
    const shard = new SimulatedShard({ rules: plainRules, records: recordsOf(8), script: poison(1) })
    shard.feed()
    shard.run(7 * 24 * 60 * 60 * 1000)
    expect(new Set(written(shard))).toEqual(new Set(['0 1 2 3']))
    expect(shard.position).toBe(0)
    expect(shard.machine.progress().standstills).toEqual([
      {
        reason: 'retrying',
        detail: 'Error: poison',
        lane: 0,
        from: 0,
        to: 4,
        attempts: shard.calls.length,
        since: 10,
      },
    ])
  })

  it('with defaults a batch that fails is given up when its records expire, and what never failed is called with all the same', () => {
    const DAY = 24 * 60 * 60 * 1000
    const rules = { ...plainRules, retentionMs: DAY }
    const shard = new SimulatedShard({ rules, records: recordsOf(8), script: poison(1) })
    shard.feed()
    shard.run()
    expect(shard.now).toBeGreaterThan(DAY)
    expect(givenUp(shard)).toEqual(['RecordAgeExceeded: 0 1 2 3'])
    expect(written(shard).at(-1)).toBe('4 5 6 7')
    expect(shard.position).toBe(8)
  })

  it('with parallelization it blocks its lane alone', () => {
    const records = recordsOf(400, { keys: 40 })
    const shard = new SimulatedShard({ rules: { ...plainRules, lanes: 4 }, records, script: poison(0) })
    shard.feed()
    shard.run(60_000)
    const blocked = shard.calls[0]!.lane
    const lanes = new Map(shard.calls.map(({ lane, records: [first] }) => [first!, lane]))
    expect(new Set(lanes.values()).size).toBe(4)
    expect(shard.position).toBe(0)
    expect(
      new Set(shard.calls.filter(({ lane }) => lane === blocked).map(({ records }) => records.join(' ')))
        .size,
    ).toBe(1)
    const kept = shard.machine.progress()
    expect(kept.doneBelow.filter((number) => number === 400)).toHaveLength(3)
    expect(kept.standstills).toMatchObject([{ lane: blocked, reason: 'retrying' }])
  })

  it('what is skipped by command goes at once, and the rest of its batch is called with again', () => {
    const shard = new SimulatedShard({ rules: plainRules, records: recordsOf(8), script: poison(1) })
    shard.feed()
    shard.run(60_000)
    shard.machine.skip([{ from: 1, to: 2 }])
    const before = shard.calls.length
    shard.step()
    shard.run()
    expect(written(shard).slice(before)).toEqual(['0 2 3', '4 5 6 7'])
    expect(givenUp(shard)).toEqual(['SkippedByOperator: 1'])
    expect(shard.position).toBe(8)
  })
})

describe('batches', () => {
  it('gather until they are full or their window is over', () => {
    const shard = new SimulatedShard({
      rules: { ...plainRules, batchWindowMs: 1000 },
      records: recordsOf(7),
      script: () => done,
    })
    shard.feed(3)
    expect(shard.calls).toEqual([])
    shard.run(900)
    shard.now = 900
    shard.feed(1)
    expect(written(shard)).toEqual(['0 1 2 3'])
    shard.feed()
    shard.run(1899)
    expect(shard.calls).toHaveLength(1)
    shard.run()
    expect(shard.calls.map(({ at, records }) => [at, records.join(' ')])).toEqual([
      [900, '0 1 2 3'],
      [1900, '4 5 6'],
    ])
  })

  it('have no more than 6 MB, as base64, and a record that is larger goes alone', () => {
    const MiB = 1024 * 1024
    const sizes = [2, 2, 1.5, 1, 7, 1, 1]
    const records = recordsOf(7).map((record, i) => ({ ...record, eventBytes: sizes[i]! * MiB }))
    const shard = new SimulatedShard({ rules: { ...plainRules, batchSize: 10 }, records, script: () => done })
    shard.feed()
    expect(written(shard.run())).toEqual(['0 1 2', '3', '4', '5 6'])
  })

  it('no more records are asked for when enough wait', () => {
    const shard = new SimulatedShard({ rules: plainRules, records: recordsOf(100), script: poison(0) })
    shard.feed(8)
    expect(shard.machine.hasRoom).toBe(true)
    shard.feed(20)
    expect(shard.machine.hasRoom).toBe(false)
  })
})

describe('windows', () => {
  const sum: Script = ({ window, records }) => ({
    ...done,
    state: { sum: ((window?.state as { sum?: number } | undefined)?.sum ?? 0) + records.length },
  })
  const calls = (shard: SimulatedShard): unknown[] =>
    shard.calls.map(({ at, records, window }) => [at, records.join(' '), window?.state, window?.isFinal])

  it('are closed by the clock a second after their end, once no records wait', () => {
    const rules = { ...plainRules, tumblingWindowMs: 10_000 }
    const shard = new SimulatedShard({ rules, records: recordsOf(3), script: sum })
    shard.feed()
    shard.run(60_000)
    // That nothing waits has not been said.
    expect(calls(shard)).toEqual([[0, '0 1 2', {}, false]])
    expect(shard.position).toBe(2)
    shard.machine.tip(true)
    shard.run()
    expect(calls(shard).slice(1)).toEqual([[shard.calls[1]!.at, '', { sum: 3 }, true]])
    expect(shard.position).toBe(3)
  })

  it('end early by a state that is too large, and go on with an empty one', () => {
    const rules = { ...plainRules, tumblingWindowMs: 10_000, batchSize: 2 }
    const script: Script = (call) => ({ ...sum(call, 1), stateBytes: call.records[0] === 2 ? 2 ** 21 : 10 })
    const shard = new SimulatedShard({ rules, records: recordsOf(6), script })
    shard.feed(Infinity, { isEnded: true })
    shard.run()
    expect(
      shard.calls.map(({ records, window }) => [
        records.join(' '),
        window?.state,
        window?.isFinal,
        window?.isTerminatedEarly,
      ]),
    ).toEqual([
      ['0 1', {}, false, false],
      ['2 3', { sum: 2 }, false, false],
      ['', { sum: 4 }, true, true],
      ['4 5', {}, false, false],
      ['', { sum: 2 }, true, false],
    ])
  })

  it('a last call that fails is tried again for ever, and is passed by command', () => {
    const rules = { ...plainRules, tumblingWindowMs: 10_000, retriesMax: 0, recordAgeMaxMs: 60_000 }
    const script: Script = (call, nth) => (call.window?.isFinal === true ? failed : sum(call, nth))
    const shard = new SimulatedShard({ rules, records: recordsOf(3), script })
    shard.feed(Infinity, { isEnded: true })
    shard.run(10 * 60_000)
    expect(shard.calls.length).toBeGreaterThan(10)
    expect(shard.machine.progress().standstills).toMatchObject([{ reason: 'finalCall', from: 2, to: 3 }])
    shard.machine.skip([{ from: 2, to: 3 }])
    shard.step()
    shard.run()
    expect(shard.machine.isThrough).toBe(true)
  })
})
