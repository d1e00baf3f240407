// One connection, against a peer that the test plays byte by byte.
import { duplexPair, type Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openConnection, type Connection } from '../../../client/connecting/connection.ts'
import { resolveSettings, type ConnectOptions } from '../../../client/settings.ts'
import {
  decodeMessage,
  encodeError,
  encodeEvent,
  encodeResponse,
  FrameReader,
  limits,
  type Message,
  type RequestMessage,
} from '../../../protocol/index.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const endpoint = { host: 'a', port: 1, hostId: 1 }
const never = new AbortController().signal

/** A peer that answers hello and leaves all other frames to the test. */
function peer(options: { sayHello?: boolean; version?: number } = {}) {
  const [near, far] = duplexPair()
  const received: Message[] = []
  const frames = new FrameReader({ frameBytesMax: limits.frameBytesMax })
  const write = (chunks: readonly Uint8Array[]) => {
    for (const chunk of chunks) far.write(chunk)
  }
  far.on('data', (chunk: Uint8Array) => {
    for (const message of frames.push(chunk).map(decodeMessage)) {
      received.push(message)
      if (message.kind !== 'request' || message.operation !== 'hello' || options.sayHello === false) continue
      const { frameBytesMax, sessionIdleMs } = limits
      const { version = 1 } = options
      const welcome = { version, brokerId: 'b', hostId: 1, software: 's', frameBytesMax, sessionIdleMs }
      const rest = { role: 'host', access: 'open' } as const
      write(encodeResponse('hello', message.correlationId, { ...welcome, ...rest }))
    }
  })
  const requests = () => received.filter((message): message is RequestMessage => message.kind === 'request')
  return { near, far, received, requests, write }
}

async function connected(
  options: ConnectOptions = {},
): Promise<{ connection: Connection } & ReturnType<typeof peer>> {
  const other = peer()
  const settings = resolveSettings({ dial: () => Promise.resolve(other.near), ...options })
  const connection = await driven(openConnection(endpoint, settings, never))
  return { connection, ...other }
}

describe('openConnection', () => {
  it('introduces itself and takes frames of full size only after hello', async () => {
    const { connection, requests } = await connected({ clientName: 'the test' })
    expect(requests()[0]).toMatchObject({
      operation: 'hello',
      request: { client: 'the test', versionMin: 1 },
    })
    expect(connection.frameBytesMax).toBe(limits.frameBytesMax)
    connection.close(new Error('done'))
  })

  it('refuses a peer that chooses a version that was not offered', async () => {
    const newer = peer({ version: 2 })
    const settings = resolveSettings({ dial: () => Promise.resolve(newer.near) })
    await expect(driven(openConnection(endpoint, settings, never))).rejects.toMatchObject({
      code: 'unsupportedVersion',
      message: 'a:1 wants to speak version 2 of the protocol, and was offered 1 to 1.',
    })
  })

  it('is unavailable if dialling fails, hello is not answered in time, or the peer speaks another protocol', async () => {
    const refused = resolveSettings({ dial: () => Promise.reject(new Error('ECONNREFUSED')) })
    await expect(driven(openConnection(endpoint, refused, never))).rejects.toMatchObject({
      code: 'unavailable',
      message: 'No connection to a:1: ECONNREFUSED.',
    })
    const silent = peer({ sayHello: false })
    const waiting = resolveSettings({ dial: () => Promise.resolve(silent.near) })
    await expect(driven(openConnection(endpoint, waiting, never))).rejects.toMatchObject({
      code: 'unavailable',
      message: 'No connection to a:1: it did not answer in time.',
    })
    expect(silent.near.destroyed).toBe(true)
    const web = peer({ sayHello: false })
    web.far.write('HTTP/1.1 400 Bad Request\r\n\r\n')
    const talking = resolveSettings({ dial: () => Promise.resolve(web.near) })
    await expect(driven(openConnection(endpoint, talking, never))).rejects.toMatchObject({
      code: 'unavailable',
    })
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each([
    [{ ...endpoint, hostId: 2 }, 'b', 'host 1 of the broker answers there, not host 2'],
    [{ ...endpoint, hostId: 0 }, undefined, 'host 1 of the broker answers there, not the controller'],
    [endpoint, 'other', 'another broker answers there (b)'],
  ])(
    'is unavailable, and ends the stream, where another process answers than was meant',
    async (...meant) => {
      const [wanted, brokerId, message] = meant
      const other = peer()
      const settings = resolveSettings({ dial: () => Promise.resolve(other.near) })
      await expect(driven(openConnection(wanted, settings, never, brokerId))).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining(message) as string,
      })
      expect(other.near.destroyed).toBe(true)
      expect(vi.getTimerCount()).toBe(0)
    },
  )

  it('ends a stream that arrives after the wait has ended', async () => {
    const late = peer()
    let arrive!: (stream: Duplex) => void
    const aborter = new AbortController()
    const settings = resolveSettings({ dial: () => new Promise((resolve) => (arrive = resolve)) })
    const opening = openConnection(endpoint, settings, aborter.signal)
    opening.catch(() => {})
    await turns()
    aborter.abort(new Error('closing'))
    await expect(opening).rejects.toMatchObject({ code: 'unavailable' })
    arrive(late.near)
    await turns()
    expect(late.near.destroyed).toBe(true)
  })
})

describe('Connection', () => {
  it('matches answers to requests in any order', async () => {
    const { connection, requests, write } = await connected()
    const first = connection.request('ping', {})
    const second = connection.request('describeStream', { name: 's' })
    await turns()
    const [, ping, describeStream] = requests()
    write(encodeError(describeStream!.correlationId, { code: 'streamNotFound', message: 'no s' }))
    write(encodeResponse('ping', ping!.correlationId, { now: 7 }))
    await expect(second).rejects.toMatchObject({ code: 'streamNotFound', message: 'no s' })
    await expect(first).resolves.toEqual({ now: 7 })
    connection.close(new Error('done'))
  })

  it('gives the reason of the broker for ending it, with one full stop', async () => {
    const message = 'This process is about to stop.'
    const { connection, write } = await connected()
    const open = connection.request('ping', {})
    write(encodeError(0, { code: 'unavailable', message }))
    await expect(open).rejects.toMatchObject({
      code: 'connectionLost',
      message: `The connection to a:1 was lost: ${message}`,
    })
    const refusing = peer({ sayHello: false })
    refusing.write(encodeError(0, { code: 'unavailable', message }))
    const settings = resolveSettings({ dial: () => Promise.resolve(refusing.near) })
    await expect(driven(openConnection(endpoint, settings, never))).rejects.toMatchObject({
      code: 'unavailable',
      message: `No connection to a:1: The connection to a:1 was lost: ${message}`,
    })
  })

  it('settles each open request once with connectionLost when the peer goes, and refuses the next as unavailable', async () => {
    const { connection, far } = await connected()
    const open = [connection.request('ping', {}), connection.request('ping', {})]
    const ended = vi.fn<(error: Error) => void>()
    connection.onEnd(ended)
    far.end()
    for (const request of open) await expect(request).rejects.toMatchObject({ code: 'connectionLost' })
    expect(ended).toHaveBeenCalledOnce()
    expect(() => connection.send('ping', {}, () => {})).toThrow(
      expect.objectContaining({ code: 'unavailable' }),
    )
    expect(vi.getTimerCount()).toBe(0)
  })

  it('gives up a peer that misses a deadline: that request timedOut, the others connectionLost', async () => {
    const { connection } = await connected({ requestTimeoutMs: 1000 })
    const late = connection.request('ping', {})
    await pass(500)
    const younger = connection.request('ping', {})
    late.catch(() => {})
    younger.catch(() => {})
    await pass(1000)
    await expect(late).rejects.toMatchObject({ code: 'timedOut', sideEffects: 'possible' })
    await expect(younger).rejects.toMatchObject({ code: 'connectionLost' })
    expect(connection.isOpen).toBe(false)
  })

  it('adds the time that a request lets the broker wait to its deadline', async () => {
    const { connection, requests, write } = await connected({ requestTimeoutMs: 1000 })
    const waiting = connection.request('ping', {}, 5000)
    await pass(4000)
    write(encodeResponse('ping', requests().at(-1)!.correlationId, { now: 1 }))
    await expect(driven(waiting)).resolves.toEqual({ now: 1 })
    connection.close(new Error('done'))
  })

  it('pings when it has sent nothing for a third of the idle time, and ends if the peer is gone', async () => {
    const { connection, requests } = await connected({ requestTimeoutMs: 1000 })
    await pass(limits.sessionIdleMs / 3 + 500, 100)
    expect(requests().filter(({ operation }) => operation === 'ping')).toHaveLength(1)
    await pass(2000, 100)
    expect(connection.isOpen).toBe(false)
  })

  it('bounds the number of unanswered requests', async () => {
    const { connection } = await connected()
    for (let i = 0; i < limits.sessionRequestsInFlightMax; i++) connection.send('ping', {}, () => {})
    expect(() => connection.send('ping', {}, () => {})).toThrow(
      expect.objectContaining({ code: 'overloaded' }),
    )
    connection.close(new Error('done'))
  })

  it('hands a subscription its events, even if the first is in the same chunk as the answer', async () => {
    const { connection, requests, write } = await connected()
    const seen: string[] = []
    const position = { type: 'LATEST', sequenceNumber: undefined, timestamp: undefined } as const
    const request = { streamId: 1, shardIndex: 0, position, creditBytes: 1, consumer: undefined }
    connection.send('subscribe', request, (_error, response) => {
      connection.listen(response!.subscriptionId, ({ event }) => seen.push(event))
    })
    await turns()
    const { correlationId } = requests().at(-1)!
    const beat = encodeEvent('heartbeat', {
      subscriptionId: 9,
      nextSequenceNumber: 0,
      tail: 0,
      time: undefined,
    })
    const answer = encodeResponse('subscribe', correlationId, { subscriptionId: 9, sequenceNumber: 0 })
    write([Buffer.concat([...answer, ...beat])])
    await turns()
    expect(seen).toEqual(['heartbeat'])
    connection.unlisten(9)
    write(beat)
    await turns()
    expect(seen).toEqual(['heartbeat'])
    connection.close(new Error('done'))
  })

  it('ends with the reason that the broker gives for closing it', async () => {
    const { connection, write } = await connected()
    const open = connection.request('ping', {})
    write(encodeError(0, { code: 'frameTooLarge', message: 'too much' }))
    await expect(open).rejects.toMatchObject({ code: 'connectionLost', cause: { code: 'frameTooLarge' } })
  })

  it.each([
    ['garbage', Uint8Array.of(4, 0, 0, 0, 0xc1, 0xc1, 0xc1, 0xc1)],
    ['a frame that is too large', Uint8Array.of(0xff, 0xff, 0xff, 0x7f)],
    ['an empty frame', Uint8Array.of(0, 0, 0, 0)],
  ])('ends on %s', async (_what, bytes) => {
    const { connection, far } = await connected()
    far.write(bytes)
    await turns()
    expect(connection.isOpen).toBe(false)
  })

  it('holds the writes of a turn until its end, so that they leave in one piece', async () => {
    const { connection, near, requests } = await connected()
    for (let i = 0; i < 10; i++) connection.send('ping', {}, () => {})
    expect(near.writableCorked).toBe(1)
    await turns()
    expect(near.writableCorked).toBe(0)
    expect(requests()).toHaveLength(11)
    connection.close(new Error('done'))
  })

  it('an answer that does not fit its operation is internal, and the connection goes on', async () => {
    const { connection, requests, write } = await connected()
    const answer = connection.request('ping', {})
    answer.catch(() => {})
    await turns()
    const { correlationId } = requests().at(-1)!
    write(encodeResponse('splitShard', correlationId, { children: [1, 2], epoch: 2 }))
    await expect(answer).rejects.toMatchObject({ code: 'internal' })
    expect(connection.isOpen).toBe(true)
    connection.close(new Error('done'))
  })
})
