// The calls that Lambda's documentation prescribes for one lane, worked out the plain way: one batch after the other, to its end, with a clock
// that goes on with each call and each wait. It shares nothing with the machine but the length of waits.
import { retryDelayMs, type MappingRules } from '../../src/mapping/rules.ts'
import type { Script, TestCall, TestRecord } from './simulated-shard.ts'

export interface Prescribed {
  readonly calls: {
    readonly records: readonly number[]
    readonly window?: readonly [start: number, state: unknown, isFinal: boolean]
  }[]
  readonly givenUp: string[]
}

const EVENT_RECORDS_ROOM = Infinity

/** All records are there from the beginning, and the shard has ended behind them. */
export function prescribedCalls(
  records: readonly TestRecord[],
  rules: MappingRules,
  script: Script,
  callMs: number,
): Prescribed {
  const calls: Prescribed['calls'] = []
  const givenUp: string[] = []
  const counts = new Map<number, number>()
  const length = rules.tumblingWindowMs
  let now = 0
  let state: unknown = {}
  let hasState = false

  const startOf = ({ arrivedAt }: TestRecord): number => arrivedAt - (arrivedAt % length)

  const call = (batch: readonly TestRecord[], start: number, isFinal = false): ReturnType<Script> => {
    const numbers = batch.map(({ sequenceNumber }) => sequenceNumber)
    calls.push({ records: numbers, ...(length > 0 && { window: [start, state, isFinal] as const }) })
    const nth = (counts.get(numbers[0] ?? -1) ?? 0) + 1
    counts.set(numbers[0] ?? -1, nth)
    const window =
      length > 0 ? { start, end: start + length, state, isFinal, isTerminatedEarly: false } : undefined
    const told: TestCall = { at: now, lane: 0, records: numbers, window }
    const outcome = script(told, nth)
    now += callMs
    return outcome
  }

  const run = (given: readonly TestRecord[], attemptsBefore: number, failuresBefore: number): void => {
    let batch = given
    let attempts = attemptsBefore
    let failures = failuresBefore
    for (;;) {
      if (rules.recordAgeMaxMs >= 0) {
        const old = batch.filter(({ arrivedAt }) => now - arrivedAt > rules.recordAgeMaxMs)
        if (old.length > 0)
          givenUp.push(`RecordAgeExceeded ${old.map(({ sequenceNumber }) => sequenceNumber).join(' ')}`)
        batch = batch.slice(old.length)
      }
      if (batch.length === 0) return
      const outcome = call(batch, length > 0 ? startOf(batch[0]!) : 0)
      let isSplit = false
      if (outcome.ok) {
        const done = batch.filter(
          ({ sequenceNumber }) => sequenceNumber < (outcome.failedFrom ?? EVENT_RECORDS_ROOM),
        )
        if (done.length > 0 && length > 0) [state, hasState] = [outcome.state, true]
        if (done.length === batch.length) return
        isSplit = done.length > 0
        batch = batch.slice(done.length)
      }
      failures++
      if (!outcome.ok && outcome.isThrottle) {
        now += retryDelayMs(failures, () => 0)
        continue
      }
      if (rules.bisectsOnError && isSplit) continue
      if (rules.bisectsOnError && batch.length > 1) {
        const half = Math.ceil(batch.length / 2)
        run(batch.slice(0, half), attempts, failures)
        run(batch.slice(half), attempts, failures)
        return
      }
      attempts++
      if (rules.retriesMax >= 0 && attempts > rules.retriesMax) {
        givenUp.push(`RetryAttemptsExhausted ${batch.map(({ sequenceNumber }) => sequenceNumber).join(' ')}`)
        return
      }
      now += retryDelayMs(failures, () => 0)
    }
  }

  const end = (start: number): void => {
    if (!hasState) return
    for (let failures = 1; !call([], start, true).ok; failures++) now += retryDelayMs(failures, () => 0)
    ;[state, hasState] = [{}, false]
  }

  let rest = records
  while (rest.length > 0) {
    const start = length > 0 ? startOf(rest[0]!) : 0
    const inWindow = length > 0 ? rest.findIndex((record) => startOf(record) !== start) : -1
    const count = Math.min(rules.batchSize, inWindow < 0 ? rest.length : inWindow)
    run(rest.slice(0, count), 0, 0)
    rest = rest.slice(count)
    if (length > 0 && (rest.length === 0 || startOf(rest[0]!) !== start)) end(start)
  }
  return { calls, givenUp }
}
