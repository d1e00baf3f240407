// A proxy on the loopback between a client and the processes of a broker, which knows where appends and their answers begin
// and end, and cuts the connection at one place of one of them: before it, within its length or content, or right behind
// it. What the client has sent when it is cut may also arrive later, after the client has begun again elsewhere. Runs in the
// test's process, over real sockets.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { decodeMessage, FrameReader, limits, operations, type Message } from '../../../protocol/index.ts'
import { FRAME_PREFIX_BYTES } from '../../../protocol/frame/frame.ts'
import { dialTcp } from '../../../client/connecting/transport.ts'
import type { Dial } from '../../../client/index.ts'
import type { Random } from '../../support/random.ts'

/** How many bytes of a frame still pass. */
type Part = (frameBytes: number, random: Random) => number

interface Place {
  readonly of: 'request' | 'answer'
  readonly part: Part
  /** What was kept back arrives later all the same. */
  readonly isLate?: true
}

const none: Part = () => 0
const withinLength: Part = () => FRAME_PREFIX_BYTES - 2
const behindLength: Part = () => FRAME_PREFIX_BYTES
const within: Part = (bytes, random) => FRAME_PREFIX_BYTES + 1 + random.below(bytes - FRAME_PREFIX_BYTES - 2)
const allButOne: Part = (bytes) => bytes - 1
const whole: Part = (bytes) => bytes

/** Every kind of place in an append: before it is sent, on its way, when it is stored and not acknowledged, and behind. */
export const cutPlaces = {
  'before an append': { of: 'request', part: none },
  'within the length of an append': { of: 'request', part: withinLength },
  'behind the length of an append': { of: 'request', part: behindLength },
  'within an append': { of: 'request', part: within },
  'before the last byte of an append': { of: 'request', part: allButOne },
  'right behind an append': { of: 'request', part: whole },
  'before an append that arrives later': { of: 'request', part: none, isLate: true },
  'before the answer to an append': { of: 'answer', part: none },
  'within the length of the answer': { of: 'answer', part: withinLength },
  'behind the length of the answer': { of: 'answer', part: behindLength },
  'within the answer': { of: 'answer', part: within },
  'before the last byte of the answer': { of: 'answer', part: allButOne },
  'right behind the answer': { of: 'answer', part: whole },
} as const satisfies Record<string, Place>

export type CutPlace = keyof typeof cutPlaces

export interface Cut {
  readonly at: CutPlace
  /** Appends, or answers, that pass before. */
  readonly skip: number
  /** Called right before the connection is cut: the moment to kill somebody. */
  readonly onReached?: () => void
}

/** Answers to appends until what is late arrives: by then the client has sent it again. */
const LATE_BY_ANSWERS = 4

export class CuttingProxy implements AsyncDisposable {
  /** Cuts so far. */
  count = 0
  readonly #random: Random
  readonly #entries = new Map<number, Promise<Server>>()
  readonly #sockets = new Set<Socket>()
  #armed: { cut: Cut; left: number; reached: () => void } | undefined
  #late: { deliver: () => void; answersLeft: number }[] = []

  constructor(random: Random) {
    this.#random = random
  }

  /** Leads each connection of a client through the proxy. */
  readonly dial: Dial = async ({ port }, signal) => {
    const entries = this.#entries.get(port) ?? this.#open(port)
    this.#entries.set(port, entries)
    const { port: entry } = (await entries).address() as AddressInfo
    return dialTcp({ host: '127.0.0.1', port: entry }, signal)
  }

  /** Cuts one connection; fulfils when it is cut. */
  cut(cut: Cut): Promise<void> {
    return new Promise((reached) => {
      this.#armed = { cut, left: cut.skip, reached }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    for (const entry of this.#entries.values()) {
      const server = await entry
      server.close()
      await once(server, 'close')
    }
  }

  async #open(port: number): Promise<Server> {
    const server = createServer({ noDelay: true }, (client) => this.#connect(client, port))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return server
  }

  #connect(client: Socket, port: number): void {
    const host = connect({ host: '127.0.0.1', port, noDelay: true })
    for (const [socket, other] of [
      [client, host],
      [host, client],
    ] as const) {
      this.#sockets.add(socket)
      // A peer that is killed resets its connections: that is what the test is about.
      socket.on('error', () => {})
      socket.once('close', () => {
        this.#sockets.delete(socket)
        other.end()
      })
    }
    const link = new Link(client, host)
    client.on('data', (chunk: Uint8Array) => {
      for (const frame of link.fromClient.push(chunk)) {
        if (link.isCut) return
        const isAppend = link.noteRequest(frame)
        if (!isAppend || !this.#isDue('request')) host.write(frame)
        else this.#cut(link, frame, host)
      }
    })
    host.on('data', (chunk: Uint8Array) => {
      for (const frame of link.fromHost.push(chunk)) {
        const isAnswer = link.noteAnswer(frame)
        if (isAnswer) this.#answered()
        if (link.isCut) continue
        if (!isAnswer || !this.#isDue('answer')) client.write(frame)
        else this.#cut(link, frame, client)
      }
    })
  }

  #isDue(of: Place['of']): boolean {
    const armed = this.#armed
    return armed !== undefined && cutPlaces[armed.cut.at].of === of && armed.left-- <= 0
  }

  #cut(link: Link, frame: Buffer, target: Socket): void {
    const { cut, reached } = this.#armed!
    this.#armed = undefined
    const { part, isLate }: Place = cutPlaces[cut.at]
    link.isCut = true
    const passes = frame.subarray(0, part(frame.length, this.#random))
    cut.onReached?.()
    if (isLate === true) {
      link.client.removeAllListeners('close')
      link.client.destroy()
      const deliver = () => void link.host.end(frame)
      this.#late.push({ deliver, answersLeft: LATE_BY_ANSWERS })
    } else if (target === link.host) {
      link.host.end(passes)
      link.client.destroy()
    } else {
      link.client.end(passes)
      link.host.destroy()
    }
    this.count++
    reached()
  }

  #answered(): void {
    for (const late of this.#late) if (--late.answersLeft === 0) late.deliver()
    this.#late = this.#late.filter(({ answersLeft }) => answersLeft > 0)
  }
}

/** The two sockets of one connection, and which of its requests are appends. */
class Link {
  readonly client: Socket
  readonly host: Socket
  readonly fromClient = new Frames()
  readonly fromHost = new Frames()
  isCut = false
  readonly #appends = new Set<number>()

  constructor(client: Socket, host: Socket) {
    this.client = client
    this.host = host
  }

  /** True for an append. */
  noteRequest(frame: Buffer): boolean {
    const message = messageOf(frame)
    if (message.kind !== 'request' || message.operation !== 'append') return false
    this.#appends.add(message.correlationId)
    return true
  }

  /** True for the answer to an append. */
  noteAnswer(frame: Buffer): boolean {
    const message = messageOf(frame)
    if (message.kind === 'error') return this.#appends.delete(message.correlationId)
    return (
      message.kind === 'response' &&
      message.id === operations.append.id &&
      this.#appends.delete(message.correlationId)
    )
  }
}

/** Cuts what comes over a socket into whole frames, each with its length. */
class Frames {
  readonly #reader = new FrameReader({ frameBytesMax: limits.frameBytesMax })

  push(chunk: Uint8Array): Buffer[] {
    return this.#reader.push(chunk).map((payload) => {
      const prefix = Buffer.alloc(FRAME_PREFIX_BYTES)
      prefix.writeUInt32LE(payload.length)
      return Buffer.concat([prefix, payload])
    })
  }
}

function messageOf(frame: Buffer): Message {
  return decodeMessage(frame.subarray(FRAME_PREFIX_BYTES))
}
