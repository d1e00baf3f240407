// Whatever arrives on a connection, the client gets a named error or is cut within a deadline, the process neither throws
// nor grows, and an honest session beside it is still served. Time is counted in sweeps, which the test triggers.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { pack } from 'msgpackr'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { sessionLimits } from '../../../broker/server/admission.ts'
import {
  decodeMessage,
  encodeError,
  encodeEvent,
  encodeFrame,
  encodeRequest,
  FrameReader,
  limits,
  messageKinds,
  type AppendResult,
} from '../../../protocol/index.ts'
import type { RawConnection } from '../../support/raw-connection.ts'
import { createRequest } from '../../support/requests.ts'
import { clicks, serving, settled, type Serving } from './serving.ts'

const stored: AppendResult = {
  code: 0,
  baseSequenceNumber: 0,
  arrivalTime: 0,
  durability: 'disk',
  retryAfterMs: undefined,
  message: undefined,
}

let home: Serving
let honest: RawConnection

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  home = serving<'append' | 'describeStream'>(
    {
      append: ({ batches }) => ({ results: batches.map(() => stored) }),
      describeStream: async ({ name }) => {
        await Promise.resolve()
        return { stream: { ...clicks, name } }
      },
    },
    { events: { credit: () => {} }, maxConnections: 10_000 },
  )
  honest = await home.connect()
})

afterEach(async () => {
  await expectHonestServed()
  const closed = home.server.close()
  await settled()
  vi.advanceTimersByTime(2 * sessionLimits.closeDeadlineMs)
  await closed
  vi.useRealTimers()
  if (home.broken.length + home.logged.length > 0) {
    throw new Error(`input was taken for a defect: ${[...home.broken, ...home.logged].join('; ')}`)
  }
})

async function expectHonestServed(): Promise<void> {
  const { stream } = await honest.request('describeStream', { name: 'honest' })
  expect(stream.name).toBe('honest')
}

/** A valid conversation with every message; mutations start from it. */
const phrases: readonly Buffer[] = [
  encodeRequest('hello', 1, { versionMin: 1, versionMax: 1, client: 'fuzz' }),
  encodeRequest('hello', 2, { versionMin: 60_000, versionMax: 65_535, client: 'fuzz' }),
  encodeRequest('ping', 3, {}),
  encodeRequest('describeStream', 4, { name: 'clicks' }),
  encodeRequest('append', 5, {
    batches: [{ streamId: 1, shardIndex: 2, batch: new Uint8Array(100), producerSecret: undefined }],
  }),
  encodeRequest('append', 6, {
    batches: [{ streamId: 1, shardIndex: 2, batch: new Uint8Array(5000), producerSecret: undefined }],
  }),
  encodeRequest('createStream', 7, createRequest('x')),
  encodeEvent('credit', { subscriptionId: 1, bytes: 100 }),
  encodeEvent('draining', { deadlineMs: 1 }),
  encodeError(8, { code: 'internal', message: 'from a client' }),
  encodeFrame([messageKinds.request, 4095, 9, []]),
].map((chunks) => Buffer.concat(chunks))

const hello = phrases[0]!

interface Outcome {
  /** Kinds of the messages that the broker sent: they must be valid. */
  readonly said: readonly string[]
  readonly closedAtOnce: boolean
  /** True if the connection was closed, by a deadline at the latest. */
  readonly ended: boolean
  /** Number of sessions at the end: only the honest one. */
  readonly sessionsLeft: number
}

const survived = { ended: true, sessionsLeft: 1 }

async function speak(chunks: readonly Uint8Array[]): Promise<Outcome> {
  const socket = home.stream()
  const reader = new FrameReader({ frameBytesMax: limits.frameBytesMax })
  const said: string[] = []
  let closed = false
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
  })
  socket.on('data', (chunk: Buffer) => {
    if (chunk.toString('latin1').startsWith('HTTP/1.1 400')) said.push('http')
    else for (const payload of reader.push(chunk)) said.push(decodeMessage(payload).kind)
  })
  for (const chunk of chunks) {
    if (!socket.writableEnded && !socket.destroyed) socket.write(chunk)
  }
  await settled()
  const closedAtOnce = closed
  // Deadlines end silent sessions and half frames.
  for (let ms = 0; !closed && ms <= sessionLimits.idleMs + 10_000; ms += 5000) {
    vi.advanceTimersByTime(5000)
    await settled()
    await honest.request('ping', {})
  }
  await settled()
  return { said, closedAtOnce, ended: closed, sessionsLeft: home.server.sessionCount }
}

function framed(payload: Uint8Array): Buffer {
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32LE(payload.length)
  return Buffer.concat([prefix, payload])
}

/** Cuts bytes into chunks at the given places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const bounds = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b)
  return [0, ...bounds].map((from, i) => bytes.subarray(from, bounds[i] ?? bytes.length))
}

const places = fc.array(fc.nat(), { maxLength: 4 })

describe('a session', () => {
  it('survives random bytes, before hello and after it', async () => {
    const input = fc.record({
      bytes: fc.uint8Array({ minLength: 1, maxLength: 600 }),
      greeted: fc.boolean(),
      places,
    })
    await fc.assert(
      fc.asyncProperty(input, async ({ bytes, greeted, places }) => {
        expect(await speak([...(greeted ? [hello] : []), ...cut(bytes, places)])).toMatchObject(survived)
      }),
      { numRuns: 150 },
    )
  })

  it('survives framed random bytes: each is malformed, and ends the connection at once', async () => {
    const payload = fc
      .uint8Array({ minLength: 1, maxLength: 300 })
      .filter((bytes) => (bytes[0]! & 0xf0) !== 0x90)
    await fc.assert(
      fc.asyncProperty(payload, async (bytes) => {
        expect(await speak([hello, framed(bytes)])).toEqual({
          said: ['response', 'error'],
          closedAtOnce: true,
          ...survived,
        })
      }),
      { numRuns: 100 },
    )
  })

  it('survives envelopes of any values', async () => {
    const wire: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(null, true, false, -1, 0, 1.5, Number.NaN, 2 ** 53, 2 ** 32),
        fc.nat(300),
        fc.string({ maxLength: 20 }),
        fc.uint8Array({ maxLength: 20 }),
        fc.array(tie('value'), { maxLength: 5 }),
      ),
    })).value
    const kind = fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: 1, max: 4 }) },
      { weight: 1, arbitrary: wire },
    )
    const id = fc.oneof({ weight: 5, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: wire })
    const envelope = fc.tuple(kind, id, fc.oneof(fc.nat(9), wire), wire)
    await fc.assert(
      fc.asyncProperty(fc.array(envelope, { minLength: 1, maxLength: 5 }), async (envelopes) => {
        expect(await speak([hello, ...envelopes.map((fields) => framed(pack(fields)))])).toMatchObject(
          survived,
        )
      }),
      { numRuns: 150 },
    )
  })

  it('survives valid conversations with bytes changed, lost, doubled and cut', async () => {
    const mutation = fc.record({
      how: fc.constantFrom('flip', 'drop', 'double', 'truncate', 'none'),
      at: fc.nat(),
      by: fc.integer({ min: 1, max: 255 }),
      length: fc.integer({ min: 1, max: 8 }),
    })
    const conversation = fc.record({
      said: fc.array(fc.nat(phrases.length - 1), { minLength: 1, maxLength: 6 }),
      mutations: fc.array(mutation, { minLength: 1, maxLength: 3 }),
      places,
    })
    await fc.assert(
      fc.asyncProperty(conversation, async ({ said, mutations, places }) => {
        let bytes = Buffer.concat([hello, ...said.map((phrase) => phrases[phrase]!)])
        for (const { how, at, by, length } of mutations) {
          const from = at % bytes.length
          const [head, piece, tail] = [
            bytes.subarray(0, from),
            bytes.subarray(from, from + length),
            bytes.subarray(from),
          ]
          if (how === 'flip') bytes[from] = bytes[from]! ^ by
          else if (how === 'drop') bytes = Buffer.concat([head, bytes.subarray(from + length)])
          else if (how === 'double') bytes = Buffer.concat([head, piece, tail])
          else if (how === 'truncate') bytes = Buffer.from(head)
          if (bytes.length === 0) break
        }
        expect(await speak(cut(bytes, places))).toMatchObject(survived)
      }),
      { numRuns: 200 },
    )
  })
})

describe('memory of the server', () => {
  setFlagsFromString('--expose-gc')
  const collectOnce = runInNewContext('gc') as () => void
  /** The first collection frees buffers in the background; the second one begins when that is done. */
  const collect = () => {
    collectOnce()
    collectOnce()
  }

  /** Returns the bytes that the process has allocated and not collected. */
  function used(): number {
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }

  const BYTES_PER_INPUT_BYTE_MAX = 64
  const FIXED_BYTES_MAX = 1024 * 1024

  function repeated(hex: string, bytes: number): Buffer {
    return Buffer.alloc(bytes, Buffer.from(hex, 'hex'))
  }

  const SIZE = 60_000
  const bombs: readonly (readonly [string, Buffer])[] = [
    ['an array of 4 billion', framed(Buffer.from('ddffffffff', 'hex'))],
    ['text of 4 billion bytes', framed(Buffer.from('dbffffffff', 'hex'))],
    ['bytes of 4 billion', framed(Buffer.from('c6ffffffff', 'hex'))],
    ['arrays of 65,535 in arrays', framed(repeated('dcffff', SIZE))],
    ['arrays of one in arrays', framed(repeated('91', SIZE))],
    ['maps of 65,535 in maps', framed(repeated('deffff', SIZE))],
    [
      'a flat array of empty arrays',
      framed(Buffer.concat([Buffer.from('dcea5c', 'hex'), repeated('90', SIZE)])),
    ],
    [
      'a flat array of empty texts',
      framed(Buffer.concat([Buffer.from('dcea5c', 'hex'), repeated('a0', SIZE)])),
    ],
    [
      'a flat array of empty bytes',
      framed(Buffer.concat([Buffer.from('dc7530', 'hex'), repeated('c400', SIZE)])),
    ],
    ['a frame that claims 16 MiB', Buffer.concat([Buffer.from('ffffff00', 'hex'), Buffer.alloc(SIZE)])],
  ]

  const floods: readonly (readonly [string, Buffer])[] = [
    ['tiny frames of nothing', repeated('01000000c0', SIZE)],
    ['pings', flood((id) => encodeRequest('ping', id, {}))],
    ['unknown operations', flood((id) => encodeFrame([messageKinds.request, 999, id, []]))],
    ['requests that are served', flood((id) => encodeRequest('describeStream', id, { name: 'x' }))],
  ]

  function flood(message: (id: number) => Uint8Array[]): Buffer {
    return Buffer.concat(Array.from({ length: 4000 }, (_, i) => message(i + 2)).flat())
  }

  /** Sends hello and `bytes`, and measures memory before the connection ends. */
  async function growthBy(
    bytes: Uint8Array,
    options: { reads: boolean; collected: boolean },
  ): Promise<number> {
    collect()
    const before = used()
    const socket = home.stream()
    socket.on('error', () => {})
    if (options.reads) socket.resume()
    socket.write(hello)
    socket.write(bytes)
    await settled()
    if (options.collected) collect()
    const growth = used() - before
    socket.destroy()
    await settled()
    return growth
  }

  it.each(bombs)('grows by a bounded number of bytes for each received byte of %s', async (_what, bomb) => {
    await speak([hello, bomb]) // warms up code, so that the next run measures only data
    const growth = await growthBy(bomb, { reads: true, collected: false })
    expect(growth).toBeLessThan(FIXED_BYTES_MAX + BYTES_PER_INPUT_BYTE_MAX * bomb.length)
  })

  it.each(floods)(
    'holds a bounded number of bytes for %s whose answers are never read',
    async (_what, flood) => {
      await speak([hello, flood])
      const growth = await growthBy(flood, { reads: false, collected: true })
      expect(growth).toBeLessThan(FIXED_BYTES_MAX + BYTES_PER_INPUT_BYTE_MAX * flood.length)
    },
  )

  it('stays flat over hundreds of hostile connections', async () => {
    const hostile = [...bombs, ...floods]
    for (const [, bytes] of hostile) await speak([hello, bytes])
    collect()
    const before = used()
    for (let round = 0; round < 15; round++) {
      for (const [, bytes] of hostile) await speak([hello, bytes])
    }
    collect()
    expect(used() - before).toBeLessThan(2 * FIXED_BYTES_MAX)
  })
})
