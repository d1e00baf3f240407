// Back-pressure and bounds of a session: excess requests wait or are refused, unread output is bounded, and deadlines end
// stuck sessions. Time is counted in sweeps, which the test triggers.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { sessionLimits } from '../../../broker/server/admission.ts'
import type { Session } from '../../../broker/server/session.ts'
import { encodeRequest, limits, type ResponseOf } from '../../../protocol/index.ts'
import { outcomeOf } from '../../support/rejection.ts'
import { clicks, pending, serving, settled, type Serving, type ServingOptions } from './serving.ts'

const KiB = 1024

let home: Serving | undefined

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})

afterEach(async () => {
  const closed = home?.server.close()
  await settled()
  pass(sessionLimits.closeDeadlineMs * 2)
  await closed
  if (vi.getTimerCount() > 0) throw new Error('a timer outlived the last session')
  vi.useRealTimers()
  home = undefined
})

function pass(ms: number): void {
  vi.advanceTimersByTime(ms)
}

/** Handlers whose appends wait for the test, and whose describes are answered at once. */
function serveAppends(options: ServingOptions<'append' | 'describeStream'> = {}) {
  const arrived: { finish: (response: ResponseOf<'append'>) => void; session: Session }[] = []
  home = serving<'append' | 'describeStream'>(
    {
      append: (_request, { session }) => {
        const { promise, resolve } = pending<ResponseOf<'append'>>()
        arrived.push({ finish: resolve, session })
        return promise
      },
      describeStream: () => ({ stream: clicks }),
    },
    options,
  )
  return { ...home, arrived }
}

function append(bytes: number) {
  return {
    batches: [{ streamId: 1, shardIndex: 0, batch: new Uint8Array(bytes), producerSecret: undefined }],
  }
}

describe('session: requests in flight', () => {
  it('are bounded in number: one more is overloaded, and there is room again after an answer', async () => {
    const { connect, arrived } = serveAppends({ limits: { requestsInFlightMax: 3 } })
    const connection = await connect()
    const appends = [1, 2, 3].map(() => outcomeOf(connection.request('append', append(10))))
    await expect(connection.request('append', append(10))).rejects.toMatchObject({
      code: 'overloaded',
      retryAfterMs: expect.any(Number) as number,
    })
    arrived[1]!.finish({ results: [] })
    await settled()
    const late = outcomeOf(connection.request('append', append(10)))
    await settled()
    expect(arrived).toHaveLength(4)
    for (const { finish } of arrived) finish({ results: [] })
    expect(await Promise.all([...appends, late])).toEqual(['answered', 'answered', 'answered', 'answered'])
  })

  it('are bounded in bytes: the session reads no more until some are answered', async () => {
    const { connect, arrived } = serveAppends({ limits: { requestBytesInFlightMax: 100 * KiB } })
    const connection = await connect()
    const appends = Array.from({ length: 20 }, () =>
      outcomeOf(connection.request('append', append(30 * KiB))),
    )
    await settled()
    expect(arrived).toHaveLength(4)
    for (let next = 0; next < 20; next++) {
      arrived[next]!.finish({ results: [] })
      await settled()
    }
    expect(await Promise.all(appends)).toEqual(Array.from({ length: 20 }, () => 'answered'))
  })

  it('are bounded in bytes over all sessions', async () => {
    const { connect, arrived } = serveAppends({ limits: { receivedBytesMax: 100 * KiB } })
    const [first, second] = [await connect(), await connect()]
    const held = outcomeOf(first.request('append', append(80 * KiB)))
    await settled()
    expect(await outcomeOf(second.request('append', append(40 * KiB)))).toBe('overloaded')
    arrived[0]!.finish({ results: [] })
    expect(await held).toBe('answered')
    const admitted = outcomeOf(second.request('append', append(40 * KiB)))
    await settled()
    arrived[1]!.finish({ results: [] })
    expect(await admitted).toBe('answered')
  })

  it('include half frames: a client that fills the room with them is cut, and other clients are served', async () => {
    const { connect } = serveAppends({ limits: { receivedBytesMax: 100 * KiB } })
    const [greedy, modest] = [await connect(), await connect()]
    const request = Buffer.concat(encodeRequest('append', 9, append(200 * KiB)))
    greedy.write(request.subarray(0, 150 * KiB))
    await greedy.closed
    expect(greedy.connectionErrors.map(({ code }) => code)).toEqual(['overloaded'])
    expect(await outcomeOf(modest.request('describeStream', { name: 'clicks' }))).toBe('answered')
  })

  it('free their room when their session ends, answered or not', async () => {
    const { connect, arrived } = serveAppends({ limits: { receivedBytesMax: 100 * KiB } })
    for (let round = 0; round < 5; round++) {
      const connection = await connect()
      void outcomeOf(connection.request('append', append(40 * KiB)))
      connection.write(Buffer.concat(encodeRequest('append', 9, append(40 * KiB))).subarray(0, 30 * KiB))
      await settled()
      expect(arrived).toHaveLength(round + 1)
      connection.close()
      await settled()
      arrived[round]!.finish({ results: [] })
      await settled()
    }
  })
})

describe('session: held reading', () => {
  it('starts no request before as many releases as holds', async () => {
    const { connect, arrived } = serveAppends()
    const connection = await connect()
    void outcomeOf(connection.request('append', append(10)))
    await settled()
    const { session } = arrived[0]!
    session.holdReading()
    session.holdReading()
    const request = outcomeOf(connection.request('describeStream', { name: 'clicks' }))
    await settled()
    session.releaseReading()
    await settled()
    expect(await Promise.race([request, settled().then(() => 'waiting')])).toBe('waiting')
    session.releaseReading()
    expect(await request).toBe('answered')
  })

  it('from inside a handler stops the requests behind it in the same chunk', async () => {
    const started: string[] = []
    let held: Session | undefined
    const { connect } = (home = serving<'describeStream'>({
      describeStream: ({ name }, { session }) => {
        started.push(name)
        if (name === 'hold') (held = session).holdReading()
        return { stream: clicks }
      },
    }))
    const connection = await connect()
    connection.socket.cork()
    const requests = ['first', 'hold', 'third', 'fourth'].map((name) =>
      outcomeOf(connection.request('describeStream', { name })),
    )
    connection.socket.uncork()
    await settled()
    expect(started).toEqual(['first', 'hold'])
    held!.releaseReading()
    expect(await Promise.all(requests)).toEqual(['answered', 'answered', 'answered', 'answered'])
    expect(started).toEqual(['first', 'hold', 'third', 'fourth'])
  })
})

describe('session: a client that does not read', () => {
  const chunk = new Uint8Array(64 * KiB)

  /** Handlers whose describes send a megabyte of events before they answer. */
  function servePushes(bounds: ServingOptions<'describeStream'>['limits']) {
    const sessions = new Set<Session>()
    let started = 0
    home = serving<'describeStream'>(
      {
        describeStream: (_request, { session }) => {
          started++
          sessions.add(session)
          for (let i = 0; i < 16; i++) {
            session.sendEvent('records', {
              subscriptionId: 1,
              batches: [chunk],
              nextSequenceNumber: 1,
              tail: 1,
              millisBehindLatest: 0,
              time: undefined,
            })
          }
          return { stream: clicks }
        },
      },
      { limits: { highWaterBytes: 2 * 1024 * KiB, ...bounds } },
    )
    return { ...home, sessions, started: () => started }
  }

  it('has no more requests started above the high-water mark, and all of them once it reads', async () => {
    const { connect, sessions, started } = servePushes({})
    const connection = await connect()
    connection.socket.pause()
    const requests = Array.from({ length: 20 }, () =>
      outcomeOf(connection.request('describeStream', { name: 'x' })),
    )
    await settled()
    const [session] = [...sessions]
    expect(started()).toBeLessThan(5)
    expect(session!.queuedBytes).toBeLessThan(4 * 1024 * KiB)
    let drained = 0
    session!.onDrain(() => drained++)
    connection.socket.resume()
    expect(await Promise.all(requests)).toEqual(requests.map(() => 'answered'))
    await settled()
    expect(started()).toBe(20)
    expect(drained).toBeGreaterThan(0)
    expect(session!.queuedBytes).toBe(0)
  })

  it('is cut as slowConsumer when too much waits for too long, and its queue is freed', async () => {
    const { connect, sessions, counted } = servePushes({
      queuedBytesMax: 1024 * KiB,
      slowConsumerMs: 3000,
      stallMs: 60_000,
    })
    const connection = await connect()
    connection.socket.pause()
    for (let i = 0; i < 4; i++) void outcomeOf(connection.request('describeStream', { name: 'x' }))
    await settled()
    pass(3000)
    expect(counted.sums('millrace_connections_closed_total')).toEqual({})
    pass(1000)
    await connection.closed
    expect(counted.sums('millrace_connections_closed_total')).toEqual({ slowConsumer: 1 })
    expect([...sessions][0]!.queuedBytes).toBe(0)
  })

  it('is cut when it takes nothing at all, however little waits', async () => {
    const { connect, counted } = servePushes({ highWaterBytes: 64 * KiB })
    const connection = await connect()
    connection.socket.pause()
    void outcomeOf(connection.request('describeStream', { name: 'x' }))
    await settled()
    pass(sessionLimits.stallMs + 2 * sessionLimits.sweepMs)
    await connection.closed
    expect(counted.sums('millrace_connections_closed_total')).toEqual({ timedOut: 1 })
  })
})

describe('session: deadlines', () => {
  it('close a connection that never says hello, with a named error', async () => {
    const { connect, counted } = serveAppends()
    const connection = await connect({ hello: false })
    pass(limits.helloDeadlineMs - 1)
    await settled()
    expect(connection.socket.destroyed).toBe(false)
    pass(sessionLimits.sweepMs)
    await connection.closed
    expect(connection.connectionErrors.map(({ code }) => code)).toEqual(['timedOut'])
    expect(counted.sums('millrace_connections_closed_total')).toEqual({ timedOut: 1 })
  })

  it('close a connection whose frame drips in byte by byte', async () => {
    const { connect } = serveAppends()
    const connection = await connect()
    const request = Buffer.concat(encodeRequest('append', 9, append(200)))
    for (let sent = 0; !connection.socket.destroyed && sent < request.length; sent++) {
      connection.write(request.subarray(sent, sent + 1))
      await settled()
      pass(1000)
      await settled()
    }
    await connection.closed
    expect(connection.connectionErrors.map(({ code }) => code)).toEqual(['timedOut'])
  })

  it('spare an idle client that pings, and close one that does not', async () => {
    const { connect, server } = serveAppends()
    const [lively, silent] = [await connect(), await connect()]
    for (let third = 0; third < 6; third++) {
      pass(limits.sessionIdleMs / 3)
      await lively.request('ping', {})
    }
    await silent.closed
    expect(silent.connectionErrors.map(({ code }) => code)).toEqual(['timedOut'])
    expect(server.sessionCount).toBe(1)
  })

  it('end a connection whose peer never closes its side', async () => {
    const { stream, server } = serveAppends()
    const socket = stream()
    socket.write(Buffer.from([0, 0, 0, 0])) // malformed; after that the client neither reads nor ends
    await settled()
    expect(server.sessionCount).toBe(1)
    pass(sessionLimits.closeDeadlineMs + 2 * sessionLimits.sweepMs)
    await settled()
    expect(server.sessionCount).toBe(0)
  })

  it('take one timer for a thousand sessions, and none when they are gone', async () => {
    const { connect, server } = serveAppends({ maxConnections: 1100 })
    const connections = await Promise.all(Array.from({ length: 1000 }, () => connect()))
    expect(vi.getTimerCount()).toBe(1)
    for (const connection of connections) connection.close()
    await settled()
    expect(server.sessionCount).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
    await connect()
    expect(vi.getTimerCount()).toBe(1)
  })
})
