// The error that crosses boundaries: it carries what its table says, and is known wherever it comes from.
import { describe, expect, test } from 'vitest'
import { errorCodes, type ErrorCode } from '../../protocol/error-codes.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'

describe('MillraceError', () => {
  test.each(Object.keys(errorCodes) as ErrorCode[])('%s: carries what the table says', (code) => {
    const error = new MillraceError(code, 'why')
    expect(error).toMatchObject({ name: 'MillraceError', message: 'why', code, retryAfterMs: undefined })
    expect(error.retry).toBe(errorCodes[code].retry)
    expect(error.sideEffects).toBe(errorCodes[code].sideEffects)
  })

  test('keeps its cause, and has none where none was given', () => {
    const cause = new Error('disk')
    expect(new MillraceError('internal', 'why', { cause, retryAfterMs: 5 })).toMatchObject({
      cause,
      retryAfterMs: 5,
    })
    expect('cause' in new MillraceError('internal', 'why')).toBe(false)
  })

  test('is: knows its own, by code too, and the errors of another copy of the package', () => {
    const error = new MillraceError('trimmed', 'why')
    expect(MillraceError.is(error)).toBe(true)
    expect(MillraceError.is(error, 'trimmed')).toBe(true)
    expect(MillraceError.is(error, 'internal')).toBe(false)
    const foreign = Object.assign(new Error('why'), { code: 'trimmed', [Symbol.for('millrace.error')]: true })
    expect(MillraceError.is(foreign, 'trimmed')).toBe(true)
  })

  test('keeps its fields in JSON, in a copy, and in a clone of its JSON', () => {
    const records = { shardId: 'shardId-000000000001', firstSequenceNumber: 7, nextSequenceNumber: 9 }
    const system = Object.assign(new Error('no space'), { code: 'ENOSPC' })
    const inner = new MillraceError('storageFull', 'The disk is full.', { cause: system })
    const error = new MillraceError('corruptData', 'why', { records, retryAfterMs: 5, cause: inner })
    const fields = { code: 'corruptData', message: 'why', retry: 'never', sideEffects: 'none', ...records }
    const json = {
      name: 'MillraceError',
      ...fields,
      retryAfterMs: 5,
      cause: {
        name: 'MillraceError',
        code: 'storageFull',
        message: 'The disk is full.',
        retry: 'backoff',
        sideEffects: 'none',
        cause: { name: 'Error', message: 'no space', code: 'ENOSPC' },
      },
    }
    expect(JSON.parse(JSON.stringify(error))).toEqual(json)
    expect(structuredClone(error.toJSON())).toEqual(json)
    const copy = { ...(error as object) }
    expect(copy).toMatchObject(fields)
    expect(Object.keys(error)).toEqual(expect.arrayContaining(Object.keys(fields)))
    expect(MillraceError.is(copy, 'corruptData')).toBe(true)
    const short = { name: 'MillraceError', code: 'closed', message: 'x', retry: 'never', sideEffects: 'none' }
    expect(new MillraceError('closed', 'x').toJSON()).toEqual(short)
  })

  test('shows any cause in JSON, and of a circle of causes only a part', () => {
    const causeOf = (cause: unknown) => new MillraceError('aborted', 'why', { cause }).toJSON().cause
    expect(['enough', 7, null, { a: 1 }, Symbol('s')].map(causeOf)).toEqual([
      'enough',
      7,
      null,
      'a value of type object',
      'a value of type symbol',
    ])
    const circle = new MillraceError('internal', 'why', { cause: undefined })
    Object.defineProperty(circle, 'cause', { value: circle })
    expect(JSON.stringify(circle).match(/internal/g)).toHaveLength(5)
  })

  test('may promise that nothing was done where its code leaves that open', () => {
    expect(new MillraceError('aborted', 'why', { sideEffects: 'none' }).sideEffects).toBe('none')
  })

  test.each([new Error('x'), { code: 'trimmed' }, null, undefined, 'trimmed'])('is: %o is none', (value) => {
    expect(MillraceError.is(value)).toBe(false)
  })
})
