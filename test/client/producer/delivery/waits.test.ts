// What waiting records are told to wait for, how often, and what the errors say that end them.
import { describe, expect, it } from 'vitest'
import { endOf, notSent, WaitReports, type Wait } from '../../../../client/producer/delivery/waits.ts'
import { errorCodes, type ErrorCode } from '../../../../protocol/error-codes.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'

const codes = Object.keys(errorCodes) as ErrorCode[]
const place = 'shardId-000000000001 at 127.0.0.1:7401'

describe('endOf', () => {
  it.each(codes)('%s: records that cannot be stored keep the code, and are said not to be stored', (code) => {
    const reason = new MillraceError(code, 'No.', { retryAfterMs: 7 })
    const error = endOf(reason, { place, mayBeStored: false, triedMs: 500 })
    expect(error).toMatchObject({ code, sideEffects: 'none', retryAfterMs: 7 })
    expect(error.message).toBe(`No. Records for ${place} were tried for 500 ms and are not stored.`)
  })

  it.each(codes)('%s: records that may be stored are never said not to be', (code) => {
    const error = endOf(new MillraceError(code, 'No'), { place, mayBeStored: true })
    expect(error.sideEffects).toBe('possible')
    expect(error.message).toBe(
      `Records for ${place} may be stored: they were sent, and no answer said what became of them. No.`,
    )
    expect(error.code).toBe(code === 'aborted' ? code : 'outcomeUnknown')
  })

  it('tells what kept them from being stored, and has the reason of the caller as its cause', () => {
    const lastError = new MillraceError('storageFull', 'The disk is full')
    const reason = new MillraceError('aborted', 'Ended.', { cause: 'enough' })
    const error = endOf(reason, { place, mayBeStored: false, lastError })
    expect(error.message).toBe(
      `Ended. Records for ${place} are not stored. The last error: The disk is full.`,
    )
    expect(error.cause).toBe('enough')
    expect(endOf(lastError, { place, mayBeStored: true }).cause).toBe(lastError)
  })
})

describe('notSent', () => {
  it.each(codes)(
    '%s: promises that nothing is stored, and has a code that does not say otherwise',
    (code) => {
      const error = notSent(new MillraceError(code, 'No.'))
      const { sideEffects, retry } = errorCodes[code]
      expect(error.code).toBe(sideEffects === 'possible' && retry !== 'never' ? 'unavailable' : code)
      expect(error).toMatchObject({
        sideEffects: 'none',
        message: 'No. The record was not sent and is not stored.',
      })
    },
  )
})

describe('WaitReports', () => {
  const unavailable = new MillraceError('unavailable', 'No.')
  const wait = (change: Partial<Wait> = {}): Wait => ({
    shardId: 'shardId-000000000001',
    address: 'a:1',
    waitedMs: 5000,
    what: 'an answer of its host',
    error: undefined,
    ...change,
  })
  const told = (reports: WaitReports, waits: Wait[], now: number) =>
    reports.due(waits, now).map(({ message }) => message)

  it('tells a cause once, from five seconds on', () => {
    const reports = new WaitReports()
    expect(told(reports, [wait({ waitedMs: 4999 })], 0)).toEqual([])
    expect(told(reports, [wait({ waitedMs: 5999 })], 1000)).toEqual([
      'records for shardId-000000000001 have waited 5 s for an answer of its host',
    ])
    for (let now = 2000; now < 120_000; now += 1000) expect(told(reports, [wait()], now)).toEqual([])
  })

  it('tells another cause, and the same one of another host; one of many shards once', () => {
    const reports = new WaitReports()
    expect(told(reports, [wait()], 0)).toHaveLength(1)
    expect(told(reports, [wait({ error: unavailable })], 1000)).toHaveLength(1)
    expect(told(reports, [wait(), wait({ address: 'b:1' })], 2000)).toHaveLength(1)
    const shards = [1, 2, 3].map((n) => wait({ shardId: `s${n}`, waitedMs: 5000 + n, address: 'c:1' }))
    expect(told(reports, shards, 3000)).toEqual([
      'records for s3 and 2 other shards have waited 5 s for an answer of its host',
    ])
  })

  it('tells a cause that comes and goes again only after the interval', () => {
    const reports = new WaitReports()
    let count = 0
    for (let now = 0; now < 60_000; now += 2000) {
      count += told(reports, [wait()], now).length
      told(reports, [wait({ waitedMs: 0 })], now + 1000)
    }
    expect(count).toBe(2)
    expect(told(reports, [], 200_000)).toEqual([])
    expect(told(reports, [wait()], 201_000)).toHaveLength(1)
  })
})
