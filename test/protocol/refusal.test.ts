// Types decide which operation may fail with which code: `npm run types` checks that the marked lines do not compile.
import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../protocol/error-codes.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { ErrorOf } from '../../protocol/operations.ts'
import { refusal, type Fail } from '../../protocol/refusal.ts'
import type { Context, Handlers } from '../../broker/server/dispatch.ts'
import { fail } from '../support/fail.ts'

const find = (there: boolean, failing: Fail<'streamNotFound'>): string =>
  there ? 'found' : failing('streamNotFound', 'It is not there.')

describe('refusal', () => {
  test('is an error of a code that any operation may fail with, with its cause and its hint', () => {
    const cause = new Error('why')
    const error = refusal('overloaded', 'Too much.', { cause, retryAfterMs: 7 })
    expect(error).toBeInstanceOf(MillraceError)
    expect(error).toMatchObject({ code: 'overloaded', message: 'Too much.', cause, retryAfterMs: 7 })
  })

  test('does not compile with any other code, which needs a Fail from the handler', () => {
    // @ts-expect-error: not every operation declares it
    expect(refusal('streamNotFound', 'It is not there.').code).toBe('streamNotFound')
  })
})

describe('Fail', () => {
  test('an operation that declares a code may call what fails with it', () => {
    const describing = fail as Fail<ErrorOf<'describeStream'>>
    expect(find(true, describing)).toBe('found')
    expect(() => find(false, describing)).toThrow(expect.objectContaining({ code: 'streamNotFound' }))
  })

  test('an operation that does not declare a code cannot call what fails with it', () => {
    const creating = fail as Fail<ErrorOf<'createStream'>>
    // @ts-expect-error: createStream does not declare streamNotFound
    expect(find(true, creating)).toBe('found')
  })

  test('a function that fails with more codes cannot be used where fewer are declared', () => {
    const needs = (failing: Fail<ErrorCode>): void => failing('trimmed', 'It is gone.')
    const reading = fail as Fail<ErrorOf<'resolvePosition'>>
    // @ts-expect-error: it may fail with any code at all
    expect(() => needs(reading)).toThrow('It is gone.')
  })

  test('a handler is held to the table, whatever its context is called', () => {
    const handlers: Pick<Handlers<'describeStream' | 'ping'>, 'ping'> = {
      // @ts-expect-error: ping declares no error of its own
      ping: (_, { fail: failing }) => failing('streamNotFound', 'It is not there.'),
    }
    const context = { fail } as Partial<Context<'ping'>> as Context<'ping'>
    expect(() => handlers.ping({}, context)).toThrow('It is not there.')
  })
})
