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

  test.each([new Error('x'), { code: 'trimmed' }, null, undefined, 'trimmed'])('is: %o is none', (value) => {
    expect(MillraceError.is(value)).toBe(false)
  })
})
