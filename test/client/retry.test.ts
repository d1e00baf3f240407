// Which requests are repeated, when, and for how long.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { backoffMs, boundsFor, mayRepeat, retrying } from '../../client/retry.ts'
import { resolveSettings } from '../../client/settings.ts'
import { errorCodes, type ErrorCode } from '../../protocol/error-codes.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { driven, fakeTime } from './support/drive.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const settings = resolveSettings({ requestTimeoutMs: 1000, retry: { backoffMinMs: 10, backoffMaxMs: 100 } })

function failing(...codes: ErrorCode[]) {
  const left = codes.values()
  let calls = 0
  const run = () => {
    calls++
    const code = left.next().value
    return code === undefined ? Promise.resolve('done') : Promise.reject(new MillraceError(code, code))
  }
  return { run, calls: () => calls }
}

describe('mayRepeat', () => {
  it('follows the error table: any retry kind but never, and side effects only for idempotent requests', () => {
    for (const [code, entry] of Object.entries(errorCodes)) {
      const error = new MillraceError(code as ErrorCode, code)
      expect(mayRepeat(error, true)).toBe(entry.retry !== 'never')
      expect(mayRepeat(error, false)).toBe(entry.retry !== 'never' && entry.sideEffects === 'none')
    }
    expect(mayRepeat(new TypeError('a defect'), true)).toBe(false)
  })
})

describe('backoffMs', () => {
  it('grows to its bound, at random in its upper half, and never undercuts what the broker asked', () => {
    const policy = { backoffMinMs: 10, backoffMaxMs: 100 }
    fc.assert(
      fc.property(
        fc.nat(100),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.nat(500),
        (attempt, chance, asked) => {
          const ceiling = Math.min(100, 10 * 2 ** attempt)
          const delay = backoffMs(policy, attempt, () => chance, asked)
          expect(delay).toBeGreaterThanOrEqual(Math.max(asked, ceiling / 2))
          expect(delay).toBeLessThanOrEqual(Math.max(asked, ceiling))
        },
      ),
    )
  })
})

describe('what a broker asks', () => {
  it('is not waited for longer than a minute, nor longer than a timer can hold', () => {
    expect(backoffMs({ backoffMinMs: 1, backoffMaxMs: 1 }, 0, () => 0, Number.MAX_SAFE_INTEGER)).toBe(60_000)
  })

  it('fresh routing is asked for soon, for some seconds', () => {
    const policy = { backoffMinMs: 50, backoffMaxMs: 2000, giveUpAfterMs: Infinity }
    expect(boundsFor({ retry: 'reroute' }, policy, 10)).toEqual({ backoffMinMs: 10, backoffMaxMs: 100 })
    expect(boundsFor({ retry: 'reroute' }, policy, 1000)).toBe(policy)
  })
})

describe('retrying', () => {
  const options = { settings, idempotent: true, signal: undefined, what: 'the request' }

  it('tries again until it succeeds', async () => {
    const { run, calls } = failing('unavailable', 'overloaded', 'connectionLost')
    await expect(driven(retrying(run, options))).resolves.toBe('done')
    expect(calls()).toBe(4)
  })

  it('throws an error at once if the request may not be repeated', async () => {
    const never = failing('streamNotFound')
    await expect(driven(retrying(never.run, options))).rejects.toMatchObject({ code: 'streamNotFound' })
    expect(never.calls()).toBe(1)
    const possible = failing('connectionLost')
    const once = { ...options, idempotent: false }
    await expect(driven(retrying(possible.run, once))).rejects.toMatchObject({ code: 'connectionLost' })
    expect(possible.calls()).toBe(1)
  })

  it('tries again with a new routing only requests that use it: the controller would answer the same', async () => {
    const routed = failing('shardNotFound')
    await expect(driven(retrying(routed.run, { ...options, isRouted: true }))).resolves.toBe('done')
    const asked = failing('shardNotFound')
    await expect(driven(retrying(asked.run, options))).rejects.toMatchObject({ code: 'shardNotFound' })
    expect(asked.calls()).toBe(1)
  })

  it('throws the last error when the time is over', async () => {
    const { run } = failing(...Array.from({ length: 100 }, () => 'unavailable' as const))
    const before = performance.now()
    await expect(driven(retrying(run, options))).rejects.toMatchObject({ code: 'unavailable' })
    expect(performance.now() - before).toBeLessThanOrEqual(1010)
  })

  it('gives a slow attempt the rest of the time, and no more', async () => {
    const ended = vi.fn<() => void>()
    const hanging = (signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          ended()
          reject(new MillraceError('aborted', 'ended'))
        })
      })
    await expect(driven(retrying(hanging, options))).rejects.toMatchObject({ code: 'timedOut' })
    expect(ended).toHaveBeenCalledOnce()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('ends with aborted when the signal fires, also while it waits to try again', async () => {
    const aborter = new AbortController()
    const { run } = failing('unavailable', 'unavailable')
    const result = retrying(run, { ...options, signal: aborter.signal })
    result.catch(() => {})
    await Promise.resolve()
    aborter.abort(new Error('enough'))
    await expect(result).rejects.toMatchObject({ code: 'aborted', cause: new Error('enough') })
    expect(vi.getTimerCount()).toBe(0)
  })
})
