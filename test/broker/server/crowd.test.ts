// Many idle clients, or many that read nothing: other clients are still served, and memory stays bounded.
import { describe, expect, it } from 'vitest'
import type { Session } from '../../../broker/server/session.ts'
import { RawConnection } from '../../support/raw-connection.ts'
import { outcomeOf } from '../../support/rejection.ts'
import { clicks, pending, serving, settled } from './serving.ts'

const KiB = 1024

describe('server, in a flood of connections', () => {
  it('that only say hello: makes room for a client that asks, and leaves connections at work alone', async () => {
    const answer = pending<{ stream: typeof clicks }>()
    const home = serving<'describeStream' | 'deleteStream'>(
      { describeStream: () => answer.promise, deleteStream: () => ({}) },
      { maxConnections: 32 },
    )
    const busy = await home.connect()
    const asked = outcomeOf(busy.request('describeStream', { name: 'clicks' }))
    const recent = await home.connect()
    await recent.request('deleteStream', { name: 'clicks', expectedId: undefined })
    const idle: RawConnection[] = []
    for (let i = 0; i < 100; i++) idle.push(await home.connect())
    expect(home.server.sessionCount).toBeLessThanOrEqual(32)
    const comer = await home.connect()
    expect(await outcomeOf(comer.request('deleteStream', { name: 'clicks', expectedId: undefined }))).toBe(
      'answered',
    )
    expect(await outcomeOf(recent.request('deleteStream', { name: 'clicks', expectedId: undefined }))).toBe(
      'answered',
    )
    answer.resolve({ stream: clicks })
    expect(await asked).toBe('answered')
    await idle[0]!.closed
    expect(idle[0]!.connectionErrors.map(({ code }) => code)).toEqual(['overloaded'])
    await home.server.close()
  })

  it('that say nothing: makes room for a client that says hello', async () => {
    const home = serving<'deleteStream'>({ deleteStream: () => ({}) }, { maxConnections: 32 })
    const silent = Array.from({ length: 100 }, () => home.stream())
    await settled()
    const comer = await home.connect()
    expect(await outcomeOf(comer.request('deleteStream', { name: 'clicks', expectedId: undefined }))).toBe(
      'answered',
    )
    for (const stream of silent) stream.destroy()
    await home.server.close()
  })

  it('from one address, all at work: keeps the reserve for other addresses', async () => {
    const home = serving<'deleteStream'>({ deleteStream: () => ({}) }, { maxConnections: 32 })
    const connectFrom = async (remote: string) => {
      const connection = new RawConnection(home.stream(remote))
      await connection.hello()
      await connection.request('deleteStream', { name: 'clicks', expectedId: undefined })
      return connection
    }
    for (let i = 0; i < 30; i++) await connectFrom(`10.0.0.1:${i + 1}`)
    const oneMore = new RawConnection(home.stream('10.0.0.1:31'))
    await oneMore.closed
    expect(oneMore.connectionErrors.map(({ code }) => code)).toEqual(['overloaded'])
    expect(await outcomeOf(connectFrom('10.0.0.2:1'))).toBe('answered')
    await home.server.close()
  })
})

describe('server, with many clients that read nothing,', () => {
  it('cuts the largest that takes nothing when their common budget is used up, and no client that reads', async () => {
    const sessions: Session[] = []
    const home = serving<'deleteStream'>(
      {
        deleteStream: (_request, { session }) => {
          sessions.push(session)
          return {}
        },
      },
      { maxConnections: 100, limits: { queuedBytesOfAllMax: 1024 * KiB } },
    )
    const reader = await home.connect()
    await reader.request('deleteStream', { name: 'clicks', expectedId: undefined })
    const [readerSession] = sessions.splice(0)
    const deaf = await Promise.all(Array.from({ length: 40 }, () => home.connect()))
    for (const connection of deaf)
      await connection.request('deleteStream', { name: 'clicks', expectedId: undefined })
    for (const connection of deaf) connection.socket.pause()
    // Each event has a buffer of its own, as what is read from storage does.
    const records = () => ({
      subscriptionId: 1,
      batches: [Buffer.alloc(KiB)],
      nextSequenceNumber: 1,
      tail: 1,
      millisBehindLatest: 0,
      time: 0,
    })
    const open = new Set(sessions)
    for (const session of sessions) session.onClose(() => open.delete(session))
    const queued = () => [...open].reduce((bytes, { queuedBytes }) => bytes + queuedBytes, 0)
    let most = 0
    for (let round = 0; round < 64; round++) {
      for (const session of sessions) {
        session.sendEvent('records', records())
        most = Math.max(most, queued())
      }
      readerSession!.sendEvent('records', records())
      await settled()
    }
    const cut = home.counted.sum('millrace_connections_closed_total', 'slowConsumer')
    expect(most).toBeGreaterThan(512 * KiB)
    expect(most).toBeLessThan(1024 * KiB + 2 * KiB)
    expect(cut).toBeGreaterThan(0)
    expect(cut).toBeLessThan(40)
    expect(reader.events).toHaveLength(64)
    await home.server.close()
  })
})

describe('server, with clients that let many requests wait,', () => {
  it('gives each session a share when the requests of all are many, and serves others meanwhile', async () => {
    const answer = pending<{ stream: typeof clicks }>()
    const home = serving<'describeStream' | 'deleteStream'>(
      { describeStream: () => answer.promise, deleteStream: () => ({}) },
      { maxConnections: 100, limits: { requestsOfAllMax: 320 } },
    )
    const greedy = await Promise.all(Array.from({ length: 10 }, () => home.connect()))
    const asked = greedy.flatMap((connection) =>
      Array.from({ length: 100 }, () => outcomeOf(connection.request('describeStream', { name: 'clicks' }))),
    )
    const comer = await home.connect()
    expect(await outcomeOf(comer.request('deleteStream', { name: 'clicks', expectedId: undefined }))).toBe(
      'answered',
    )
    answer.resolve({ stream: clicks })
    const outcomes = await Promise.all(asked)
    const served = outcomes.filter((outcome) => outcome === 'answered').length
    expect(served).toBeGreaterThanOrEqual(160)
    expect(served).toBeLessThanOrEqual(320)
    expect(outcomes.filter((outcome) => outcome === 'overloaded').length).toBe(1000 - served)
    await home.server.close()
  })
})
