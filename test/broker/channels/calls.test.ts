// Calls over a pair of channels in one thread: every call is settled once, by its reply, its failure, or the channel's end.
import { describe, expect, it, vi } from 'vitest'
import type { Channel } from '../../../broker/channels/channel.ts'
import { createCaller, serveCalls, type CallHandlers } from '../../../broker/channels/calls.ts'
import { channelPair } from '../../../broker/channels/channel-pair.ts'
import { invariant, InvariantError } from '../../../protocol/invariant.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { rejectionOf } from '../../support/rejection.ts'

type Calls = {
  double: { request: number; reply: number }
  append: { request: { readonly text: string }; reply: { readonly length: number } }
}

const working: CallHandlers<Calls> = {
  double: (request) => request * 2,
  append: ({ text }) => Promise.resolve({ length: text.length }),
}

function serve(handlers: Partial<CallHandlers<Calls>>, options?: Parameters<typeof serveCalls<Calls>>[2]) {
  const [near, far] = channelPair()
  const { notify } = serveCalls<Calls>(far, { ...working, ...handlers }, options)
  return { caller: createCaller<Calls>(near), notify, far }
}

describe('a call', () => {
  it('fulfils with the reply of a handler, be it immediate or promised', async () => {
    const { caller } = serve({})
    expect(await Promise.all([caller.call('double', 21), caller.call('append', { text: 'four' })])).toEqual([
      42,
      { length: 4 },
    ])
  })

  it('starts in the order of the calls, and is answered as it finishes', async () => {
    const started: number[] = []
    const finish: (() => void)[] = []
    const { caller } = serve({
      double: (request) => {
        started.push(request)
        return new Promise((resolve) => {
          finish.push(() => resolve(request * 2))
        })
      },
    })
    const answered: number[] = []
    const calls = [1, 2, 3].map(async (value) => answered.push(await caller.call('double', value)))
    await expect.poll(() => started.length).toBe(3)
    for (const next of finish.reverse()) next()
    await Promise.all(calls)
    expect({ started, answered }).toEqual({ started: [1, 2, 3], answered: [6, 4, 2] })
  })

  it('rejects with the code, the message and the retry hint of the failure', async () => {
    const { caller } = serve({
      double: () => {
        throw new MillraceError('overloaded', 'the queue is full', { retryAfterMs: 250 })
      },
      append: () => Promise.reject(new MillraceError('storageFull', 'no space')),
    })
    expect(await rejectionOf(caller.call('double', 1))).toMatchObject({
      code: 'overloaded',
      message: 'the queue is full',
      retryAfterMs: 250,
    })
    expect(await rejectionOf(caller.call('append', { text: '' }))).toMatchObject({
      code: 'storageFull',
      retryAfterMs: undefined,
    })
  })

  it('rejects as internal where the failure was not foreseen, with its place for the log', async () => {
    const { caller } = serve({
      double: () => {
        throw new TypeError('undefined is not a shard')
      },
    })
    const failure = await rejectionOf(caller.call('double', 1))
    expect(failure).toMatchObject({ code: 'internal', message: 'double: undefined is not a shard' })
    expect((failure.cause as Error).stack).toContain('calls.test')
  })

  it('is never answered with a broken invariant, which is for the side that holds it', async () => {
    const broken: Error[] = []
    const { caller, far } = serve(
      {
        double: () => {
          invariant(false, 'the tail went backwards')
        },
        append: () => Promise.reject(new InvariantError('the head is gone')),
      },
      { onBroken: (error) => broken.push(error) },
    )
    const calls = [rejectionOf(caller.call('double', 1)), rejectionOf(caller.call('append', { text: '' }))]
    await expect.poll(() => broken.length).toBe(2)
    far.close()
    expect(broken.map(({ message }) => message)).toEqual(['the tail went backwards', 'the head is gone'])
    expect((await Promise.all(calls)).map(({ code }) => code)).toEqual(['outcomeUnknown', 'outcomeUnknown'])
  })
})

describe('the end of the channel', () => {
  it('rejects every open call as outcomeUnknown, all for one cause', async () => {
    const { caller, far } = serve({ double: () => new Promise(() => {}) })
    const calls = [1, 2, 3].map((value) => rejectionOf(caller.call('double', value)))
    far.close()
    const failures = await Promise.all(calls)
    expect(failures.map(({ code }) => code)).toEqual(['outcomeUnknown', 'outcomeUnknown', 'outcomeUnknown'])
    expect(new Set(failures.map(({ cause }) => cause)).size).toBe(1)
  })

  it('refuses later calls as unavailable: nothing was done', async () => {
    const handled = vi.fn<(request: number) => number>()
    const { caller } = serve({ double: handled })
    caller.close()
    expect(await rejectionOf(caller.call('double', 1))).toMatchObject({
      code: 'unavailable',
      sideEffects: 'none',
    })
    expect(handled).not.toHaveBeenCalled()
  })

  it('drops replies and notices that come too late', async () => {
    let finish = (): void => {}
    const { caller, notify, far } = serve({
      double: (request) =>
        new Promise((resolve) => {
          finish = () => resolve(request)
        }),
    })
    const call = rejectionOf(caller.call('double', 1))
    await Promise.resolve()
    far.close()
    finish()
    notify('too late')
    expect((await call).code).toBe('outcomeUnknown')
  })
})

describe('notices', () => {
  it('arrive in order, between the replies', async () => {
    const { caller, notify } = serve({
      double: (request) => {
        notify(`before ${request}`)
        return request
      },
    })
    const seen: unknown[] = []
    caller.onNotice((notice) => seen.push(notice))
    await Promise.all([1, 2].map(async (value) => seen.push(await caller.call('double', value))))
    expect(seen.slice(0, 1)).toEqual(['before 1'])
    expect(seen).toHaveLength(4)
    expect(seen.indexOf('before 2')).toBeLessThan(seen.indexOf(2))
  })

  it('wait for the first listener', async () => {
    const { caller, notify } = serve(working)
    notify('how things stand')
    await caller.call('double', 1)
    const seen: unknown[] = []
    caller.onNotice((notice) => seen.push(notice))
    expect(seen).toEqual(['how things stand'])
  })
})

describe('one channel', () => {
  it('carries calls in both directions', async () => {
    const [near, far] = channelPair()
    serveCalls<Calls>(near, { ...working, double: (request) => request + 1 })
    serveCalls<Calls>(far, working)
    const answers = [createCaller<Calls>(near), createCaller<Calls>(far)].map((caller) =>
      caller.call('double', 10),
    )
    expect(await Promise.all(answers)).toEqual([20, 11])
  })

  it('breaks an invariant by an answer to a call that was never made', () => {
    let deliver = (_message: unknown): void => {}
    const channel: Channel = {
      post: () => {},
      onMessage: (listener) => {
        deliver = listener
      },
      onClose: () => {},
      close: () => {},
    }
    createCaller<Calls>(channel)
    expect(() => deliver(['reply', 7, null])).toThrow(InvariantError)
  })
})
