// The open loop with its real pacer, compiled: every arrival is sent once, in order, with its own intended time, however late.
import { runOpenLoop } from '#dist/cli/load-test/pacing/open-loop.js'
import { describe, expect, it } from 'vitest'

describe('the open loop', () => {
  it('sends each arrival once with its intended time, also those that came due while the loop was busy', async () => {
    const sent: number[] = []
    let startsAt = NaN
    await runOpenLoop({
      perSecond: 1000,
      seconds: 0.2,
      onStart: (at) => {
        startsAt = at
      },
      send: (intendedAt) => {
        // Nothing runs meanwhile, so arrivals of this time are due together.
        if (sent.length === 50) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
        sent.push(intendedAt)
      },
    })
    expect(sent).toEqual(Array.from({ length: 200 }, (_, index) => startsAt + index))
  })

  it('ends when it is stopped, and does not begin if it is stopped already', async () => {
    const stopping = new AbortController()
    const options = { perSecond: 1000, seconds: 3600, stopped: stopping.signal }
    let count = 0
    await runOpenLoop({ ...options, send: () => ++count === 5 && stopping.abort() })
    expect(count).toBe(5)
    await runOpenLoop({ ...options, send: () => count++ })
    expect(count).toBe(5)
  })

  it('rejects with what the sender throws', async () => {
    const send = () => {
      throw new Error('no more')
    }
    await expect(runOpenLoop({ perSecond: 1000, seconds: 1, send })).rejects.toThrow('no more')
  })
})
