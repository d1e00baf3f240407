// Tests how failures are printed: a sentence that says what to do, an exit code, and a stack only for a defect.
import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../broker/config/config-error.ts'
import { exitCodes } from '../../cli/exit-codes.ts'
import { Failure, reportFailure, type FailedTarget } from '../../cli/failure.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'

const url = 'millrace://127.0.0.1:7400'
const target = { url, origin: 'default' }

function systemError(code: string, path?: string): Error {
  return Object.assign(new Error(`connect ${code}`), { code, syscall: 'connect', path })
}

describe('reportFailure', () => {
  it('tells how to start a broker where none answers, however deep the cause lies', () => {
    const cause = new MillraceError('connectionLost', 'lost', { cause: systemError('ECONNREFUSED') })
    const report = reportFailure(new MillraceError('unavailable', 'no', { cause }), target)
    expect(report.exit).toBe('unreachable')
    expect(report.message).toBe(
      `No broker answers at ${url}: nothing listens there. Start one with \`millrace serve\`, ` +
        'or name another with --url or MILLRACE_URL.',
    )
  })

  it('takes the words of a daemon that cannot listen as they are', () => {
    const refused = new MillraceError(
      'unavailable',
      'mill is not a known name; choose another with --host.',
      {
        cause: systemError('ENOTFOUND'),
      },
    )
    expect(reportFailure(refused)).toEqual({ message: refused.message, exit: 'failed' })
  })

  it('gives a missing stream its own exit code and says where to look', () => {
    const report = reportFailure(new MillraceError('streamNotFound', 'There is no stream clicks'), target)
    expect(report.exit).toBe('notFound')
    expect(report.message).toMatch(/^There is no stream clicks\. See `millrace stream list`/)
  })

  it('says of a group that is missing where to look, and of one in use how it is done all the same', () => {
    const missing = reportFailure(new MillraceError('groupNotFound', 'There is no group called billing.'))
    expect(missing).toEqual({
      message: 'There is no group called billing. See `millrace group list`.',
      exit: 'notFound',
    })
    const used = reportFailure(
      new MillraceError('groupInUse', 'Group billing has 2 members: stop them first.'),
    )
    expect(used.exit).toBe('failed')
    expect(used.message).toContain('With `--force`')
  })

  it('says of a refused credential where it came from, or how to give one', () => {
    const error = new MillraceError('unauthenticated', 'The broker wants a token')
    const advice = (more: Partial<FailedTarget>): string => {
      const { message, exit } = reportFailure(error, { ...target, ...more })
      expect(exit).toBe('denied')
      return message
    }
    expect(advice({ token: { origin: 'profile prod' } })).toBe(
      'The broker wants a token. The token is that of profile prod.',
    )
    expect(advice({})).toMatch(
      /^The broker wants a token\. Give a token: --token-file, .*MILLRACE_TOKEN.*profile/,
    )
    expect(advice({ unreadable: '/srv/data/local-profile.json' })).toMatch(
      /local-profile\.json names a token, and this user may not read it: run this as the user of the broker/,
    )
  })

  it('says of what is not permitted where to look, and gives it an exit code of its own', () => {
    const error = new MillraceError('permissionDenied', 'It takes the grant orders:write')
    expect(reportFailure(error, target)).toEqual({
      message: 'It takes the grant orders:write. See `millrace principal describe` for what you may do.',
      exit: 'denied',
    })
    expect(reportFailure(error, { ...target, token: { origin: 'profile prod' } }).message).toBe(
      'It takes the grant orders:write. The token is that of profile prod: see `millrace principal describe` for what it may do.',
    )
  })

  it('says where TLS is spoken to in plain text why, if that is because a file could not be read', () => {
    const error = new MillraceError('tlsFailed', 'This port speaks TLS alone')
    const { message, exit } = reportFailure(error, { ...target, unreadable: '/srv/data/local-profile.json' })
    expect(exit).toBe('unreachable')
    expect(message).toMatch(
      /^This port speaks TLS alone\. \/srv\/data\/local-profile\.json says how to reach/,
    )
  })

  it('takes the words of configuration and of failures as they are', () => {
    expect(reportFailure(new ConfigError('--port is x.'))).toEqual({ message: '--port is x.', exit: 'usage' })
    expect(reportFailure(new Failure('No.', 'interrupted'))).toEqual({ message: 'No.', exit: 'interrupted' })
  })

  it('names the file of a system error', () => {
    expect(reportFailure(systemError('ENOENT', 'clicks.csv')).message).toBe('clicks.csv does not exist.')
    const notMade = Object.assign(systemError('ENOENT', '/proc/data'), { syscall: 'mkdir' })
    expect(reportFailure(notMade).message).toBe('/proc/data cannot be created there.')
  })

  it('reports what went wrong first, where closing went wrong as well', () => {
    const both = Object.assign(new Error('two'), {
      error: new Error('closing'),
      suppressed: new Failure('First.'),
    })
    expect(reportFailure(both).message).toBe('First.')
  })

  it('shows a stack for an error of an unknown kind', () => {
    const { message, exit } = reportFailure(new TypeError('x is not a function'))
    expect(exit).toBe('failed')
    expect(message).toContain('defect')
    expect(message).toContain('failure.test.ts')
  })
})

describe('exitCodes', () => {
  it('no two outcomes share a code', () => {
    const codes = Object.values(exitCodes).map(({ code }) => code)
    expect(new Set(codes).size).toBe(codes.length)
  })
})
