// What answers say of their batch: the forms of success and of failure that Lambda documents.
import { describe, expect, it } from 'vitest'
import { kinesisSequenceNumber } from 'millrace/protocol'
import { verdictOf, type JudgedCall } from '../../src/mapping/verdict.ts'

const call: JudgedCall = {
  shardIndex: 2,
  sequenceNumbers: [5, 6, 9],
  reportsItemFailures: true,
  needsState: false,
}
const numberOf = (sequenceNumber: number, shardIndex = 2): string =>
  kinesisSequenceNumber({
    shardIndex,
    shardCreatedAt: new Date(1e12),
    sequenceNumber,
    arrivalTime: new Date(2e12),
  })
const judged = (payload: unknown, changes: Partial<JudgedCall> = {}): ReturnType<typeof verdictOf> =>
  verdictOf({ ok: true, payload, requestId: 'r', durationMs: 1 }, { ...call, ...changes }, undefined)
const items = (...identifiers: readonly unknown[]): unknown => ({
  batchItemFailures: identifiers.map((itemIdentifier) => ({ itemIdentifier })),
})

describe('a report', () => {
  it.each<[string, unknown]>([
    ['null', null],
    ['nothing', undefined],
    ['an empty text', ''],
    ['an empty object', {}],
    ['an empty list', { batchItemFailures: [] }],
    ['a list that is null', { batchItemFailures: null }],
    ['other fields', { ok: true }],
  ])('%s: all is well', (_, payload) => {
    expect(judged(payload)).toMatchObject({ ok: true, failedFrom: undefined })
  })

  it.each<[string, unknown]>([
    ['an empty identifier', items('')],
    ['an identifier that is null', items(null)],
    ['an identifier under a wrong name', { batchItemFailures: [{ identifier: numberOf(5) }] }],
    ['an item that is no object', { batchItemFailures: [numberOf(5)] }],
    ['a number that is not in the batch', items(numberOf(7))],
    ['a number of another shard', items(numberOf(5, 3))],
    ['one good and one bad', items(numberOf(5), 'x')],
    ['a list that is none', { batchItemFailures: 'all' }],
    ['a text', 'done'],
    ['an array', []],
  ])('%s: all has failed', (_, payload) => {
    expect(judged(payload)).toMatchObject({ ok: false, errorType: 'InvalidAnswer', isThrottle: false })
  })

  it('counts from its lowest number on', () => {
    expect(judged(items(numberOf(9)))).toMatchObject({ ok: true, failedFrom: 9 })
    expect(judged(items(numberOf(9), numberOf(6)))).toMatchObject({ ok: true, failedFrom: 6 })
  })

  it('is not looked at where the mapping does not ask for reports', () => {
    expect(judged(items('x'), { reportsItemFailures: false })).toMatchObject({
      ok: true,
      failedFrom: undefined,
    })
  })
})

it('a state must be returned with windows, and is measured', () => {
  expect(judged({ state: { a: 'ä' } }, { needsState: true })).toMatchObject({
    ok: true,
    state: { a: 'ä' },
    stateBytes: 10,
  })
  for (const payload of [null, {}, 'x', { State: {} }]) {
    expect(judged(payload, { needsState: true, reportsItemFailures: false })).toMatchObject({ ok: false })
  }
})

it('errors and throttles are told apart', () => {
  const error = { errorType: 'TypeError', errorMessage: 'no' }
  expect(verdictOf({ ok: false, error, requestId: 'r', durationMs: 1 }, call, undefined)).toEqual({
    ok: false,
    requestId: 'r',
    ...error,
    isThrottle: false,
  })
  const throttle = {
    ok: false,
    error: { ...error, isThrottle: true },
    requestId: 'r',
    durationMs: 1,
  } as const
  expect(verdictOf(throttle, call, undefined)).toMatchObject({ ok: false, isThrottle: true })
})
