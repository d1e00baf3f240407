// Drain and close of a server: running requests are answered, new ones refused, clients told, and nothing is left.
import { describe, expect, it } from 'vitest'
import type { Session } from '../../../broker/server/session.ts'
import { encodeRequest, MillraceError, type ResponseOf } from '../../../protocol/index.ts'
import { RawConnection } from '../../support/raw-connection.ts'
import { outcomeOf } from '../../support/rejection.ts'
import { clicks, pending, serving, settled } from './serving.ts'

type Described = ResponseOf<'describeStream'>

const LONG_MS = 60_000

function serveWaiting() {
  const running: { resolve(response: Described): void; session: Session; signal: AbortSignal }[] = []
  const home = serving<'describeStream'>({
    describeStream: (_request, { session, signal }) => {
      const { promise, resolve } = pending<Described>()
      running.push({ resolve, session, signal })
      return promise
    },
  })
  return { ...home, running }
}

describe('drain', () => {
  it('tells clients, answers running requests, refuses new ones, and then ends every connection', async () => {
    const { server, connect, running, counted } = serveWaiting()
    const [busy, idle] = [await connect(), await connect()]
    const request = outcomeOf(busy.request('describeStream', { name: 'clicks' }))
    await settled()
    const drained = server.drain(LONG_MS)
    await settled()
    expect(busy.events).toEqual([{ kind: 'event', event: 'draining', body: { deadlineMs: LONG_MS } }])
    expect(idle.events).toHaveLength(1)
    expect(await outcomeOf(idle.request('describeStream', { name: 'clicks' }))).toBe('unavailable')
    expect(await outcomeOf(idle.request('ping', {}))).toBe('answered')
    running[0]!.resolve({ stream: clicks })
    expect(await request).toBe('answered')
    await drained
    await Promise.all([busy.closed, idle.closed])
    expect(server.sessionCount).toBe(0)
    expect(counted.sums('millrace_connections_closed_total')).toEqual({ shutdown: 2 })
  })

  it('refuses requests that wait because reading is held', async () => {
    const { server, connect, running } = serveWaiting()
    const connection = await connect()
    const first = outcomeOf(connection.request('describeStream', { name: 'clicks' }))
    await settled()
    running[0]!.session.holdReading()
    connection.write(
      Buffer.concat([2, 3].flatMap((id) => encodeRequest('describeStream', id + 100, { name: 'clicks' }))),
    )
    await settled()
    const drained = server.drain(LONG_MS)
    await settled()
    running[0]!.resolve({ stream: clicks })
    expect(await first).toBe('answered')
    await drained
    expect(connection.connectionErrors.map(({ code }) => code)).toEqual(['unavailable', 'unavailable'])
    expect(running).toHaveLength(1)
  })

  it('gives up at its deadline: aborts handlers, and answers their requests outcomeUnknown', async () => {
    const { server, connect, running } = serveWaiting()
    const request = outcomeOf((await connect()).request('describeStream', { name: 'clicks' }))
    await settled()
    expect(running[0]!.signal.aborted).toBe(false)
    await server.drain(1)
    expect(running[0]!.signal.aborted).toBe(true)
    expect(await request).toBe('outcomeUnknown')
    running[0]!.resolve({ stream: clicks })
    await settled()
  })

  it('lets a handler that listens to the signal answer by itself', async () => {
    const { server, connect } = serving<'describeStream'>({
      describeStream: (_request, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new MillraceError('unavailable', 'nothing was done')))
        }),
    })
    const request = outcomeOf((await connect()).request('describeStream', { name: 'clicks' }))
    await settled()
    await server.drain(1)
    expect(await request).toBe('unavailable')
  })

  it('refuses connections that arrive later', async () => {
    const { server, connect, running, stream, counted } = serveWaiting()
    const first = outcomeOf((await connect()).request('describeStream', { name: 'clicks' }))
    await settled()
    const drained = server.drain(LONG_MS)
    const late = new RawConnection(stream())
    await late.closed
    expect(late.connectionErrors.map(({ code }) => code)).toEqual(['unavailable'])
    expect(counted.sum('millrace_connections_refused_total')).toBe(1)
    running[0]!.resolve({ stream: clicks })
    await Promise.all([first, drained])
  })

  it('returns the same drain to every caller, and ends at once without connections', async () => {
    const { server } = serveWaiting()
    const drained = server.drain(LONG_MS)
    expect(server.drain(1)).toBe(drained)
    await drained
  })

  it('waits for a running request whose client has left', async () => {
    const { server, connect, running } = serveWaiting()
    const connection = await connect()
    void outcomeOf(connection.request('describeStream', { name: 'clicks' }))
    await settled()
    connection.close()
    await connection.closed
    let drained = false
    const draining = server.drain(LONG_MS).then(() => {
      drained = true
    })
    await settled()
    expect(drained).toBe(false)
    running[0]!.resolve({ stream: clicks })
    await draining
  })
})

describe('close', () => {
  it('ends every connection at once, and answers running requests outcomeUnknown', async () => {
    const { server, connect } = serveWaiting()
    const connection = await connect()
    const request = outcomeOf(connection.request('describeStream', { name: 'clicks' }))
    await settled()
    await server.close()
    expect(await request).toBe('outcomeUnknown')
    await connection.closed
  })
})

describe('maxConnections', () => {
  it('turns away one connection more with a named error, and accepts one again when there is room', async () => {
    const { server, connect, stream, counted } = serving<'describeStream'>(
      { describeStream: () => ({ stream: clicks }) },
      { maxConnections: 2 },
    )
    const [first, second] = [await connect(), await connect()]
    for (const used of [first, second]) await used.request('describeStream', { name: 'clicks' })
    const third = new RawConnection(stream())
    await third.closed
    expect(third.connectionErrors.map(({ code }) => code)).toEqual(['overloaded'])
    expect(counted.sum('millrace_connections_refused_total')).toBe(1)
    first.close()
    await first.closed
    await settled()
    const fourth = await connect()
    expect(await outcomeOf(fourth.request('describeStream', { name: 'clicks' }))).toBe('answered')
    await server.close()
  })

  it('cuts connections without a message while many are being turned away', async () => {
    const { server, stream, connect } = serving<'describeStream'>(
      { describeStream: () => ({ stream: clicks }) },
      { maxConnections: 1 },
    )
    const used = await connect()
    await used.request('describeStream', { name: 'clicks' })
    const sockets = Array.from({ length: 100 }, () => stream())
    await settled()
    expect(server.sessionCount).toBeLessThan(70)
    expect(sockets.filter((socket) => socket.destroyed).length).toBeGreaterThan(30)
    for (const socket of sockets) socket.destroy()
    await server.close()
  })
})
