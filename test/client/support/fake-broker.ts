// A broker in memory for tests of the client: one controller and some hosts behind a `dial`, made of the protocol alone.
// It keeps the rules that a client leans on: sequences and epochs of producers, the window of remembered batches, closed
// shards that answer for what they stored. What a test wants to go wrong, it says in `disturb`.
import { duplexPair, type Duplex } from 'node:stream'
import {
  decodeMessage,
  encodeError,
  encodeResponse,
  errorCodes,
  evenRanges,
  FrameReader,
  limits,
  mergeRanges,
  middleOf,
  readRecords,
  RequestRefused,
  splitRange,
  type AppendResult,
  type ErrorCode,
  type FetchedShard,
  type HashKeyRange,
  type OperationName,
  type RequestMessage,
  type RequestOf,
  type ResponseOf,
  type StoredRecord,
} from '../../../protocol/index.ts'
import type { Dial } from '../../../client/index.ts'
import type { Disturbance } from './disturbance.ts'
import { turns } from './drive.ts'
import { administer, routingOf } from './fake-admin.ts'
import { FakeSession, type FakeSubscription } from './fake-session.ts'
import { BASE_TIME, fetchFrom, FakeShard, refusal } from './fake-shard.ts'
import { longPoll } from './long-poll.ts'

export const CONTROLLER_PORT = 7400

export class FakeBroker {
  readonly streamName: string
  streamId = 1
  epoch = 1
  readonly shards: FakeShard[] = []
  readonly hosts = new Map<number, { port: number; isUp: boolean }>()
  /** Called for each request before anything is done. */
  disturb: (message: RequestMessage, session: { port: number }) => Disturbance = () => 'none'
  /** Changes an answer, as a broker of other making may give it. */
  rewrite: (operation: OperationName, response: object) => object = (_, response) => response
  /** What a refusal that a test asks for says. */
  refusalText = (code: ErrorCode) => `refused by the test: ${code}`
  /** Every request that was received, by name. */
  readonly received: OperationName[] = []
  readonly appendSizes: number[] = []
  connections = 0
  /** Where describeRouting says that the hosts are. */
  advertisedHost = '127.0.0.1'
  exists = true
  /** Whatever name is asked for is one of its stream. */
  hasAnyName = false
  targetShardCount: number | undefined
  otherGoal: number | undefined
  /** What streams were made and changed with. */
  readonly settings: RequestOf<'createStream' | 'updateStream'>[] = []
  decisions: ResponseOf<'explainScaling'>['decisions'] = []
  /** Time of arrival by the clock of the test, rather than by a count. */
  usesClock = false
  /** By how much its clock is ahead of the test's, and so of the client's. */
  clockSkewMs = 0
  #count = BASE_TIME
  readonly #sessions = new Set<FakeSession>()
  readonly #lingering: (() => void)[] = []
  /** Requests for the routing that wait until a reshard is published. */
  readonly #routingsHeld: (() => void)[] = []
  /** Fetches that wait for records. */
  readonly #longPolls: (() => void)[] = []
  #appendsSeen = 0

  constructor(options: { stream?: string; shards?: number; hosts?: number } = {}) {
    this.streamName = options.stream ?? 'clicks'
    const hosts = options.hosts ?? 1
    for (let hostId = 1; hostId <= hosts; hostId++) {
      this.hosts.set(hostId, { port: CONTROLLER_PORT + hostId, isUp: true })
    }
    for (const [i, range] of evenRanges(options.shards ?? 1).entries()) {
      this.#addShard(range, [], 1 + (i % hosts), 0)
    }
  }

  readonly dial: Dial = ({ port }) => {
    const host = [...this.hosts.values()].find((candidate) => candidate.port === port)
    if (port !== CONTROLLER_PORT && !host?.isUp) {
      return Promise.reject(new Error(`connect ECONNREFUSED 127.0.0.1:${port}`))
    }
    const [near, far] = duplexPair()
    this.#serve(far, port)
    return Promise.resolve(near)
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  /** Breaks the connections of a process. */
  disconnect(port?: number): void {
    for (const session of this.#sessions) {
      if (port === undefined || session.port === port) session.drop()
    }
  }

  stopHost(hostId: number): void {
    const host = this.hosts.get(hostId)!
    host.isUp = false
    this.disconnect(host.port)
  }

  /** Starts it again, as a restarted process does: maybe on another port. */
  startHost(hostId: number, port = this.hosts.get(hostId)!.port): void {
    this.hosts.set(hostId, { port, isUp: true })
  }

  get openShards(): FakeShard[] {
    return this.shards.filter((shard) => shard.state === 'OPEN')
  }

  /** Closes shards and puts two in the place of each, all in one epoch. */
  split(...indexes: number[]): void {
    this.reshard(
      indexes.map((index) => {
        const { range } = this.shards[index]!
        const middle = middleOf(range)
        return { parents: [index], ranges: middle === undefined ? [range] : splitRange(range, [middle]) }
      }),
    )
  }

  /** Closes two shards whose ranges touch and puts one in their place. */
  merge(index: number, adjacent: number): void {
    const range = mergeRanges(this.shards[index]!.range, this.shards[adjacent]!.range)
    this.reshard([{ parents: [index, adjacent], ranges: [range!] }])
  }

  /** Publishes children in the place of their parents; they lie on the hosts in turn. Answers the children. */
  reshard(moves: readonly { parents: number[]; ranges: HashKeyRange[] }[]): number[] {
    const first = this.shards.length
    for (const { parents, ranges } of moves) {
      const closed = parents.map((index) => this.shards[index]!)
      for (const parent of closed) {
        parent.state = 'CLOSED'
        parent.isSealed = false
      }
      const start = Math.max(...closed.map(({ tail }) => tail))
      for (const range of ranges) {
        this.#addShard(range, parents, 1 + (this.shards.length % this.hosts.size), start)
      }
    }
    this.epoch++
    this.#pushAll()
    for (const answer of this.#routingsHeld.splice(0)) answer()
    return this.shards.slice(first).map(({ index }) => index)
  }

  /** The first step of a reshard: the shard takes no more, and whoever asks for the routing waits until it is done. */
  seal(...indexes: number[]): void {
    for (const index of indexes) this.shards[index]!.isSealed = true
  }

  /** The shard has expired and is forgotten. */
  expire(index: number): void {
    this.shards[index]!.isGone = true
  }

  /** All records of a shard, in order. */
  recordsOf(index: number): StoredRecord[] {
    return this.shards[index]!.batches.flatMap((batch) => readRecords(batch))
  }

  /** Appends a batch by itself, as another producer would. */
  store(index: number, batch: Uint8Array): void {
    this.shards[index]!.store(batch, this.#now())
    this.#pushAll()
  }

  /** Does now what still lingers on broken connections. */
  releaseLingering(): void {
    for (const work of this.#lingering.splice(0)) work()
  }

  /** Sends the heartbeats of every subscription. */
  beat(): void {
    for (const session of this.#sessions) session.beat()
  }

  /** Ends every subscription with a code. */
  endSubscriptions(code: ErrorCode): void {
    for (const session of this.#sessions) session.endAll(errorCodes[code].id, `ended by the test: ${code}`)
  }

  subscriptions(): FakeSubscription[] {
    return [...this.#sessions].flatMap((session) => [...session.subscriptions.values()])
  }

  #addShard(range: HashKeyRange, parents: readonly number[], hostId: number, start: number): void {
    this.shards.push(new FakeShard({ index: this.shards.length, range, parents, hostId, start }))
  }

  /** Its clock. */
  get time(): number {
    return this.usesClock ? Date.now() + this.clockSkewMs : this.#count
  }

  #serve(stream: Duplex, port: number): void {
    this.connections++
    const dropped = () => this.#sessions.delete(session)
    const session: FakeSession = new FakeSession(stream, port, { dropped, time: () => this.time })
    this.#sessions.add(session)
    const frames = new FrameReader({ frameBytesMax: limits.frameBytesMax })
    stream.on('data', (chunk: Uint8Array) => {
      for (const payload of frames.push(chunk)) {
        if (!session.isOpen) return
        this.#receive(session, payload)
      }
    })
  }

  #receive(session: FakeSession, payload: Uint8Array): void {
    try {
      const message = decodeMessage(payload)
      if (message.kind === 'request') this.#request(session, message)
      else if (message.kind === 'event' && message.event === 'credit') {
        session.credit(message.body.subscriptionId, message.body.bytes)
      }
    } catch (error) {
      if (!(error instanceof RequestRefused)) throw error
      session.write(encodeError(error.correlationId, error.error))
    }
  }

  #request(session: FakeSession, message: RequestMessage): void {
    this.received.push(message.operation)
    if (message.operation === 'append') {
      this.appendSizes.push(message.request.batches.length)
      // Two appends later, what lingers is done: after the client has begun again.
      if (this.#lingering.length > 0 && ++this.#appendsSeen % 2 === 0) this.releaseLingering()
    }
    const disturbance = this.disturb(message, session)
    if (disturbance === 'none') this.#answer(session, message)
    else if (disturbance === 'late') void turns().then(() => this.#answer(session, message))
    else if (disturbance === 'lostBefore') session.drop()
    else if (disturbance === 'lostAfter') {
      this.#perform(session, message)
      session.drop()
    } else if (disturbance === 'lingers') {
      this.#lingering.push(() => this.#perform(session, message))
      session.drop()
    } else if (disturbance !== 'hangs') {
      if ('refuse' in disturbance) {
        const { refuse: code, retryAfterMs } = disturbance
        session.write(
          encodeError(message.correlationId, { code, message: this.refusalText(code), retryAfterMs }),
        )
      } else {
        this.#answer(session, message, disturbance)
      }
    }
  }

  #answer(
    session: FakeSession,
    message: RequestMessage,
    disturbance?: Extract<Disturbance, { refuseBatch: unknown }>,
  ): void {
    const response = this.#perform(session, message, disturbance)
    if (response !== undefined) {
      const answer = this.rewrite(message.operation, response)
      session.write(encodeResponse(message.operation, message.correlationId, answer as never))
    }
    session.push()
  }

  /** Does the request; undefined where it was answered already, or will be later. */
  #perform(
    session: FakeSession,
    message: RequestMessage,
    disturbance?: Extract<Disturbance, { refuseBatch: unknown }>,
  ): ResponseOf<OperationName> | undefined {
    const fail = (code: ErrorCode): undefined => {
      session.write(encodeError(message.correlationId, { code, message: `the fake says ${code}` }))
      return undefined
    }
    switch (message.operation) {
      case 'hello':
        return {
          version: 1,
          brokerId: 'fake',
          role: session.port === CONTROLLER_PORT ? 'controller' : 'host',
          hostId: [...this.hosts].find(([, { port }]) => port === session.port)?.[0] ?? 0,
          software: 'fake',
          frameBytesMax: limits.frameBytesMax,
          sessionIdleMs: limits.sessionIdleMs,
        }
      case 'ping':
        return { now: this.time }
      case 'describeRouting':
        if (!this.exists || !this.#isNamed(message.request.name)) return fail('streamNotFound')
        if (!this.shards.some(({ isSealed }) => isSealed)) return routingOf(this)
        this.#routingsHeld.push(() =>
          session.write(encodeResponse('describeRouting', message.correlationId, routingOf(this))),
        )
        return undefined
      case 'append': {
        const results = message.request.batches.map((entry, place): AppendResult => {
          const code = disturbance?.refuseBatch(place)
          if (code !== undefined && !disturbance?.stores) return refusal(code)
          const result = this.#append(session, entry)
          return code === undefined ? result : refusal(code)
        })
        this.#pushAll()
        return { results }
      }
      case 'resolvePosition': {
        const shard = this.#shardAt(session, message.request)
        if (shard === undefined) return fail('shardNotFound')
        const sequenceNumber = shard.resolve(message.request.position)
        if (typeof sequenceNumber === 'string') return fail(sequenceNumber)
        return { sequenceNumber, trimHorizon: shard.trimHorizon, tail: shard.tail }
      }
      case 'fetch':
        return this.#fetch(session, message)
      case 'subscribe': {
        const { request } = message
        const shard = this.#shardAt(session, request)
        if (shard === undefined) return fail('shardNotFound')
        const next = shard.resolve(request.position)
        if (typeof next === 'string') return fail(next)
        const subscriptionId = session.subscribe(shard, next, request.creditBytes)
        return { subscriptionId, sequenceNumber: next }
      }
      case 'unsubscribe':
        session.subscriptions.delete(message.request.subscriptionId)
        return {}
      case 'deleteStream':
        this.exists = false
        return {}
      default:
        if (!this.exists) return fail('streamNotFound')
        return administer(this, message) ?? fail('unknownOperation')
    }
  }

  #isNamed(name: string): boolean {
    return this.hasAnyName || name === this.streamName
  }

  #shardAt(session: FakeSession, place: { streamId: number; shardIndex: number }): FakeShard | undefined {
    const shard = this.shards[place.shardIndex]
    if (!this.exists || place.streamId !== this.streamId || shard === undefined || shard.isGone)
      return undefined
    return this.hosts.get(shard.hostId)!.port === session.port ? shard : undefined
  }

  #append(session: FakeSession, entry: RequestOf<'append'>['batches'][number]): AppendResult {
    const shard = this.#shardAt(session, entry)
    return shard === undefined ? refusal('shardNotFound') : shard.append(entry, this.#now())
  }

  #now(): number {
    return this.usesClock ? this.time : ++this.#count
  }

  #fetch(
    session: FakeSession,
    message: RequestMessage & { operation: 'fetch' },
  ): ResponseOf<'fetch'> | undefined {
    const { request } = message
    let left = request.bytesMax
    const shards = request.shards.map((entry): FetchedShard => {
      const answer = fetchFrom(this.#shardAt(session, entry), entry.sequenceNumber, left)
      left -= answer.batches.reduce((bytes, batch) => bytes + batch.length, 0)
      return answer
    })
    const isEmpty = shards.every((shard) => shard.code === 0 && shard.batches.length === 0 && !shard.ended)
    if (!isEmpty || request.waitMs === 0) return { shards, time: this.time }
    const atOnce = { ...message, request: { ...request, waitMs: 0 } }
    const respond = () =>
      session.write(encodeResponse('fetch', message.correlationId, this.#fetch(session, atOnce)!))
    this.#longPolls.push(longPoll(session, request.waitMs, respond))
    return undefined
  }

  /** Lets everything that waits for records look again. */
  #pushAll(): void {
    for (const poll of this.#longPolls.splice(0)) poll()
    for (const session of this.#sessions) session.push()
  }
}
