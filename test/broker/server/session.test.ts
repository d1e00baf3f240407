// One session over an in-memory stream: the handshake, requests and their answers, events, and its end.
import { afterEach, describe, expect, it } from 'vitest'
import type { Handlers } from '../../../broker/server/dispatch.ts'
import type { Session } from '../../../broker/server/session.ts'
import {
  encodeRequest,
  InvariantError,
  limits,
  MillraceError,
  PROTOCOL_VERSION_MAX,
  SharedResponse,
  type RequestOf,
  type ResponseOf,
} from '../../../protocol/index.ts'
import { rejectionOf } from '../../support/rejection.ts'
import { clicks, identity, pending, serving, settled, type Serving } from './serving.ts'

type Describe = Handlers<'describeStream'>['describeStream']

const describing: Handlers<'describeStream'> = { describeStream: () => ({ stream: clicks }) }

let home: Serving | undefined

afterEach(async () => {
  await home?.server.close()
  if (home?.server.sessionCount) throw new Error('a session outlived its server')
  home = undefined
})

function serveDescribe(describeStream: Describe): Serving {
  return (home = serving({ describeStream }))
}

describe('hello', () => {
  it('answers the identity of the process, the common version, and the limits', async () => {
    const { connect } = (home = serving(describing))
    const connection = await connect({ hello: false })
    expect(await connection.hello()).toEqual({
      version: PROTOCOL_VERSION_MAX,
      ...identity,
      frameBytesMax: limits.frameBytesMax,
      sessionIdleMs: limits.sessionIdleMs,
      access: 'open',
    })
  })

  it('refuses a client of another version by name, and ends the connection', async () => {
    const { connect } = (home = serving(describing))
    const connection = await connect({ hello: false })
    const versions = { versionMin: PROTOCOL_VERSION_MAX + 1, versionMax: PROTOCOL_VERSION_MAX + 7 }
    const error = await rejectionOf(connection.request('hello', { ...versions, client: 'from the future' }))
    expect(error.code).toBe('unsupportedVersion')
    await connection.closed
  })

  it.each(['ping', 'describeStream'] as const)('must come before %s', async (operation) => {
    const { connect, counted } = (home = serving(describing))
    const connection = await connect({ hello: false })
    const error = await rejectionOf(connection.request(operation, { name: 'clicks' }))
    expect(error.code).toBe('helloRequired')
    await connection.closed
    expect(counted.sums('millrace_connections_closed_total')).toEqual({ helloRequired: 1 })
  })

  it('must come before every event', async () => {
    const { connect } = (home = serving(describing))
    const connection = await connect({ hello: false })
    connection.send('credit', { subscriptionId: 1, bytes: 1 })
    await connection.closed
    expect(connection.connectionErrors.map(({ code }) => code)).toEqual(['helloRequired'])
  })

  it('raises the limit on the size of frames, which is small before it', async () => {
    const { connect } = (home = serving<'append'>({ append: () => ({ results: [] }) }))
    const request = append(limits.frameBytesBeforeHello + 1)
    const early = await connect({ hello: false })
    early.write(...encodeRequest('append', 1, request))
    await early.closed
    expect(early.connectionErrors.map(({ code }) => code)).toEqual(['frameTooLarge'])
    const connection = await connect()
    expect(await connection.request('append', request)).toEqual({ results: [] })
  })

  it('may be said again', async () => {
    const { connect } = (home = serving(describing))
    const connection = await connect()
    expect((await connection.hello()).brokerId).toBe(identity.brokerId)
  })
})

describe('session: a request', () => {
  it('reaches its handler and is answered', async () => {
    const { connect } = serveDescribe(({ name }) => ({ stream: { ...clicks, name } }))
    const connection = await connect()
    const { stream } = await connection.request('describeStream', { name: 'visits' })
    expect(stream).toEqual({ ...clicks, name: 'visits' })
  })

  it('gets the same answer where that was encoded once for many clients', async () => {
    const routing = { streamId: 1, epoch: 2, hosts: [{ hostId: 1, host: 'there', port: 7401 }], shards: [] }
    const answer = new SharedResponse('describeRouting', routing)
    home = serving({ describeRouting: () => answer })
    const [one, other] = [await home.connect(), await home.connect()]
    for (const connection of [one, other, one]) {
      expect(await connection.request('describeRouting', { name: 'clicks' })).toEqual(routing)
    }
  })

  it('ping: gets the time of the clock', async () => {
    const { connect } = (home = serving(describing, { now: () => 1234 }))
    expect(await (await connect()).request('ping', {})).toEqual({ now: 1234 })
  })

  it('starts in the order of arrival, and is answered as it finishes', async () => {
    const started: string[] = []
    const waiting = new Map<string, (response: ResponseOf<'describeStream'>) => void>()
    const { connect } = serveDescribe(({ name }) => {
      started.push(name)
      const { promise, resolve } = pending<ResponseOf<'describeStream'>>()
      waiting.set(name, resolve)
      return promise
    })
    const connection = await connect()
    const names = ['a', 'b', 'c', 'd']
    const answered: string[] = []
    const requests = names.map(async (name) => {
      answered.push((await connection.request('describeStream', { name })).stream.name)
    })
    await settled()
    for (const name of names.toReversed()) {
      waiting.get(name)!({ stream: { ...clicks, name } })
      await settled()
    }
    await Promise.all(requests)
    expect({ started, answered }).toEqual({ started: names, answered: names.toReversed() })
  })

  it('has bytes of its own, which later chunks do not change', async () => {
    const seen: Uint8Array[] = []
    const { connect } = (home = serving<'append'>({
      append: ({ batches }) => {
        seen.push(batches[0]!.batch)
        return { results: [] }
      },
    }))
    const connection = await connect()
    for (let fill = 0; fill < 64; fill++) await connection.request('append', append(3000, fill))
    expect(seen.map((batch) => new Set(batch))).toEqual(seen.map((_, fill) => new Set([fill])))
  })

  it('gets code, message and retry hint of the error that its handler throws', async () => {
    const { connect } = serveDescribe((_request, { fail }) =>
      fail('overloaded', 'try again soon', { retryAfterMs: 40 }),
    )
    const error = await rejectionOf((await connect()).request('describeStream', { name: 'clicks' }))
    expect(error).toMatchObject({ code: 'overloaded', message: 'try again soon', retryAfterMs: 40 })
  })

  it('gets internal for an error that its operation does not declare, and the log has the details', async () => {
    const { connect, logged } = serveDescribe(() => {
      throw new MillraceError('corruptBatch', 'a describe has no batches')
    })
    const error = await rejectionOf((await connect()).request('describeStream', { name: 'clicks' }))
    expect(error.code).toBe('internal')
    expect(error.message).not.toContain('batches')
    expect(logged).toHaveLength(1)
  })

  it('gets internal where its handler throws or rejects, and other requests are served', async () => {
    const { connect, logged } = serveDescribe(({ name }) => {
      if (name === 'thrown') throw new TypeError('secret')
      return name === 'rejected' ? Promise.reject(new Error('secret')) : { stream: clicks }
    })
    const connection = await connect()
    for (const name of ['thrown', 'rejected']) {
      const error = await rejectionOf(connection.request('describeStream', { name }))
      expect(error.code).toBe('internal')
      expect(error.message).not.toContain('secret')
    }
    expect((await connection.request('describeStream', { name: 'clicks' })).stream).toEqual(clicks)
    expect(logged).toHaveLength(2)
  })

  it('gets internal, not invalidArgument, where the answer of its handler cannot be encoded', async () => {
    const { connect } = serveDescribe(() => ({ stream: { ...clicks, retentionMs: -1 } }))
    const error = await rejectionOf((await connect()).request('describeStream', { name: 'clicks' }))
    expect(error.code).toBe('internal')
  })

  it('stays unanswered where its handler breaks an invariant, and onBroken is called', async () => {
    const { connect, broken, server } = serveDescribe(({ name }) => {
      const error = new InvariantError(`broken by ${name}`)
      if (name === 'thrown') throw error
      return Promise.reject(error)
    })
    const connection = await connect()
    const requests = ['thrown', 'rejected'].map((name) =>
      rejectionOf(connection.request('describeStream', { name })),
    )
    await settled()
    expect(broken.map(({ message }) => message)).toEqual(['broken by thrown', 'broken by rejected'])
    await server.close()
    expect((await Promise.all(requests)).map(({ code }) => code)).toEqual([
      'outcomeUnknown',
      'outcomeUnknown',
    ])
  })
})

describe('session: events', () => {
  it('of a client go to their handler with the session; those of the session go to the client', async () => {
    const credits: [number, string][] = []
    let session: Session | undefined
    const { connect } = (home = serving<'describeStream'>(
      {
        describeStream: (_request, context) => {
          session = context.session
          return { stream: clicks }
        },
      },
      {
        events: {
          credit: ({ bytes }, from) => {
            credits.push([bytes, from.client])
            from.sendEvent('heartbeat', {
              subscriptionId: 1,
              nextSequenceNumber: 2,
              tail: 3,
              time: undefined,
            })
          },
        },
      },
    ))
    const connection = await connect()
    await connection.request('describeStream', { name: 'clicks' })
    connection.send('credit', { subscriptionId: 1, bytes: 500 })
    await settled()
    expect(credits).toEqual([[500, 'raw test connection']])
    expect(connection.events).toEqual([
      { kind: 'event', event: 'heartbeat', body: { subscriptionId: 1, nextSequenceNumber: 2, tail: 3 } },
    ])
    expect(session?.client).toBe('raw test connection')
  })

  it.each([
    ['a refusal', new MillraceError('subscriptionNotFound', 'no subscription 1'), 'subscriptionNotFound', 0],
    ['a defect', new TypeError('oops'), 'internal', 1],
  ])('end the session by name where their handler throws %s', async (_what, thrown, code, lines) => {
    const { connect, logged } = (home = serving(describing, {
      events: {
        credit: () => {
          throw thrown
        },
      },
    }))
    const connection = await connect()
    connection.send('credit', { subscriptionId: 1, bytes: 500 })
    await connection.closed
    expect(connection.connectionErrors.map((error) => error.code)).toEqual([code])
    expect(logged).toHaveLength(lines)
  })
})

describe('the end of a session', () => {
  it('aborts its handlers, calls its listeners, and drops later answers', async () => {
    const { promise, resolve } = pending<ResponseOf<'describeStream'>>()
    const told: string[] = []
    const { connect, server, counted } = serveDescribe((_request, { session, signal }) => {
      signal.addEventListener('abort', () => told.push('aborted'))
      session.onClose(() => told.push('closed'))
      return promise
    })
    const connection = await connect()
    const request = rejectionOf(connection.request('describeStream', { name: 'clicks' }))
    await settled()
    connection.close()
    expect((await request).code).toBe('connectionLost')
    await settled()
    expect(told).toEqual(['aborted', 'closed'])
    expect(server.sessionCount).toBe(0)
    expect(counted.sums('millrace_connections_closed_total')).toEqual({ clientLeft: 1 })
    resolve({ stream: clicks })
    await settled()
  })

  it('by the broker takes effect at once: later requests in the same chunk are not started', async () => {
    const started: string[] = []
    const { connect } = serveDescribe(({ name }, { session }) => {
      started.push(name)
      session.close('slowConsumer', 'enough')
      return { stream: clicks }
    })
    const connection = await connect()
    connection.write(
      ...encodeRequest('describeStream', 7, { name: 'first' }),
      ...encodeRequest('describeStream', 8, { name: 'second' }),
    )
    await connection.closed
    expect(started).toEqual(['first'])
    expect(connection.connectionErrors.map(({ code }) => code)).toEqual(['slowConsumer'])
  })

  it('by the broker tells the client why', async () => {
    let session: Session | undefined
    const { connect, counted } = serveDescribe((_request, context) => {
      session = context.session
      return { stream: clicks }
    })
    const connection = await connect()
    await connection.request('describeStream', { name: 'clicks' })
    session!.close('slowConsumer', 'no credit was given for a minute')
    session!.close('internal', 'only the first reason counts')
    session!.sendEvent('heartbeat', { subscriptionId: 1, nextSequenceNumber: 0, tail: 0, time: undefined })
    await connection.closed
    expect(connection.connectionErrors.map(({ code }) => code)).toEqual(['slowConsumer'])
    expect(connection.events).toEqual([])
    expect(counted.sums('millrace_connections_closed_total')).toEqual({ slowConsumer: 1 })
    let told = false
    session!.onClose(() => {
      told = true
    })
    expect(told).toBe(true)
  })
})

function append(bytes: number, fill = 7): RequestOf<'append'> {
  return {
    batches: [
      { streamId: 1, shardIndex: 0, batch: new Uint8Array(bytes).fill(fill), producerSecret: undefined },
    ],
  }
}
