// A broker in memory for tests of the client: one controller and some hosts behind a `dial`, made of the protocol alone.
// It keeps the rules that a client leans on: sequences and epochs of producers, the window of remembered batches, closed
// shards that answer for what they stored. What a test wants to go wrong, it says in `disturb`.
import { duplexPair, type Duplex } from 'node:stream'
import {
  baseSequenceNumberAt,
  checkBatch,
  batchWithin,
  decodeMessage,
  encodeError,
  encodeEvent,
  encodeResponse,
  errorCodes,
  evenRanges,
  FrameReader,
  hashKeyToBytes,
  limits,
  MillraceError,
  readBatchHeader,
  readRecords,
  recordCountAt,
  RequestRefused,
  stampBatch,
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

export interface FakeShard {
  readonly index: number
  readonly range: HashKeyRange
  readonly parents: readonly number[]
  hostId: number
  state: 'OPEN' | 'CLOSED'
  readonly batches: Uint8Array[]
  startingSequenceNumber: number
  trimHorizon: number
  tail: number
  readonly producers: Map<number, FakeProducerRow>
}

interface FakeProducerRow {
  epoch: number
  next: number
  window: { first: number; count: number; base: number; arrivalTime: number }[]
}

/** What becomes of one request. 'lingers': the connection breaks, and the request is done later all the same. */
export type Disturbance =
  | 'none'
  | 'lostBefore'
  | 'lostAfter'
  | 'lingers'
  | 'hangs'
  | { readonly refuse: ErrorCode; readonly retryAfterMs?: number }
  /** Of an append: each batch by itself; undefined lets it pass. */
  | { readonly refuseBatch: (place: number) => ErrorCode | undefined; readonly stores?: boolean }

interface FakeSession {
  readonly stream: Duplex
  readonly port: number
  nextSubscriptionId: number
  readonly subscriptions: Map<number, FakeSubscription>
}

interface FakeSubscription {
  readonly id: number
  readonly shard: FakeShard
  next: number
  credit: number
}

export const CONTROLLER_PORT = 7400
const BASE_TIME = 1_700_000_000_000

export class FakeBroker {
  readonly streamName: string
  streamId = 1
  epoch = 1
  readonly shards: FakeShard[] = []
  readonly hosts = new Map<number, { port: number; isUp: boolean }>()
  /** Called for each request before anything is done. */
  disturb: (message: RequestMessage, session: { port: number }) => Disturbance = () => 'none'
  /** Every request that was received, by name. */
  readonly received: OperationName[] = []
  readonly appendSizes: number[] = []
  connections = 0
  exists = true
  #clock = BASE_TIME
  readonly #sessions = new Set<FakeSession>()
  readonly #lingering: (() => void)[] = []
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
      if (port === undefined || session.port === port) this.#drop(session)
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

  /** Closes a shard and puts two in its place. */
  split(index: number): void {
    const parent = this.shards[index]!
    parent.state = 'CLOSED'
    const middle = new Uint32Array(4)
    const words = (range: Uint32Array) => range.reduce((value, word) => (value << 32n) | BigInt(word), 0n)
    const cut = (words(parent.range.start) + words(parent.range.end)) / 2n
    for (let i = 0; i < 4; i++) middle[i] = Number((cut >> BigInt(96 - 32 * i)) & 0xffff_ffffn)
    const above = new Uint32Array(4)
    for (let i = 0; i < 4; i++) above[i] = Number(((cut + 1n) >> BigInt(96 - 32 * i)) & 0xffff_ffffn)
    this.#addShard({ start: parent.range.start, end: middle }, [index], parent.hostId, parent.tail)
    this.#addShard({ start: above, end: parent.range.end }, [index], parent.hostId, parent.tail)
    this.epoch++
    this.#pushAll()
  }

  /** All records of a shard, in order. */
  recordsOf(index: number): StoredRecord[] {
    return this.shards[index]!.batches.flatMap((batch) => readRecords(batch))
  }

  /** Appends a batch by itself, as another producer would. */
  store(index: number, batch: Uint8Array): void {
    this.#store(this.shards[index]!, batch)
    this.#pushAll()
  }

  /** Forgets the records below a number. */
  trim(index: number, horizon: number): void {
    const shard = this.shards[index]!
    shard.trimHorizon = horizon
    while (
      shard.batches.length > 0 &&
      baseSequenceNumberAt(shard.batches[0]!, 0) + recordCountAt(shard.batches[0]!, 0) <= horizon
    ) {
      shard.batches.shift()
    }
  }

  /** Does now what still lingers on broken connections. */
  releaseLingering(): void {
    for (const work of this.#lingering.splice(0)) work()
  }

  beat(): void {
    for (const session of this.#sessions) {
      for (const { id, shard, next } of session.subscriptions.values()) {
        this.#write(
          session,
          encodeEvent('heartbeat', { subscriptionId: id, nextSequenceNumber: next, tail: shard.tail }),
        )
      }
    }
  }

  /** Ends every subscription with a code. */
  endSubscriptions(code: ErrorCode): void {
    for (const session of this.#sessions) {
      for (const subscription of session.subscriptions.values()) {
        session.subscriptions.delete(subscription.id)
        this.#endSubscription(session, subscription, errorCodes[code].id, `ended by the test: ${code}`)
      }
    }
  }

  subscriptions(): FakeSubscription[] {
    return [...this.#sessions].flatMap((session) => [...session.subscriptions.values()])
  }

  #addShard(range: HashKeyRange, parents: readonly number[], hostId: number, start: number): void {
    this.shards.push({
      index: this.shards.length,
      range,
      parents,
      hostId,
      state: 'OPEN',
      batches: [],
      startingSequenceNumber: start,
      trimHorizon: start,
      tail: start,
      producers: new Map(),
    })
  }

  #serve(stream: Duplex, port: number): void {
    this.connections++
    const session: FakeSession = { stream, port, nextSubscriptionId: 1, subscriptions: new Map() }
    this.#sessions.add(session)
    const frames = new FrameReader({ frameBytesMax: limits.frameBytesMax })
    stream.on('data', (chunk: Uint8Array) => {
      for (const payload of frames.push(chunk)) {
        if (!this.#sessions.has(session)) return
        this.#receive(session, payload)
      }
    })
    stream.on('error', () => this.#drop(session))
    stream.on('end', () => this.#drop(session))
    stream.on('close', () => this.#drop(session))
  }

  #receive(session: FakeSession, payload: Uint8Array): void {
    try {
      const message = decodeMessage(payload)
      if (message.kind === 'request') this.#request(session, message)
      else if (message.kind === 'event' && message.event === 'credit') {
        const subscription = session.subscriptions.get(message.body.subscriptionId)
        if (subscription === undefined) return
        subscription.credit += message.body.bytes
        this.#push(session, subscription)
      }
    } catch (error) {
      if (!(error instanceof RequestRefused)) throw error
      this.#write(session, encodeError(error.correlationId, error.error))
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
    else if (disturbance === 'lostBefore') this.#drop(session)
    else if (disturbance === 'lostAfter') {
      this.#perform(session, message)
      this.#drop(session)
    } else if (disturbance === 'lingers') {
      this.#lingering.push(() => this.#perform(session, message))
      this.#drop(session)
    } else if (disturbance !== 'hangs') {
      if ('refuse' in disturbance) {
        const { refuse: code, retryAfterMs } = disturbance
        this.#write(
          session,
          encodeError(message.correlationId, { code, message: `refused by the test: ${code}`, retryAfterMs }),
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
      this.#write(session, encodeResponse(message.operation, message.correlationId, response as never))
    }
    for (const subscription of session.subscriptions.values()) this.#push(session, subscription)
  }

  /** Does the request; undefined where it was answered already, or will be later. */
  #perform(
    session: FakeSession,
    message: RequestMessage,
    disturbance?: Extract<Disturbance, { refuseBatch: unknown }>,
  ): ResponseOf<OperationName> | undefined {
    const fail = (code: ErrorCode): undefined => {
      this.#write(session, encodeError(message.correlationId, { code, message: `the fake says ${code}` }))
      return undefined
    }
    switch (message.operation) {
      case 'hello':
        return {
          version: 1,
          brokerId: 'fake',
          role: session.port === CONTROLLER_PORT ? 'controller' : 'host',
          hostId: 0,
          software: 'fake',
          frameBytesMax: limits.frameBytesMax,
          sessionIdleMs: limits.sessionIdleMs,
        }
      case 'ping':
        return { now: this.#clock }
      case 'describeRouting':
        return this.exists && message.request.name === this.streamName
          ? this.#routing()
          : fail('streamNotFound')
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
        const sequenceNumber = this.#resolve(shard, message.request.position)
        if (typeof sequenceNumber === 'string') return fail(sequenceNumber)
        return { sequenceNumber, trimHorizon: shard.trimHorizon, tail: shard.tail }
      }
      case 'fetch':
        return this.#fetch(session, message)
      case 'subscribe': {
        const { request } = message
        const shard = this.#shardAt(session, request)
        if (shard === undefined) return fail('shardNotFound')
        const next = this.#resolve(shard, request.position)
        if (typeof next === 'string') return fail(next)
        const id = session.nextSubscriptionId++
        session.subscriptions.set(id, { id, shard, next, credit: request.creditBytes })
        return { subscriptionId: id, sequenceNumber: next }
      }
      case 'unsubscribe':
        session.subscriptions.delete(message.request.subscriptionId)
        return {}
      case 'describeStream':
      case 'createStream':
      case 'updateStream':
        return this.exists ? { stream: this.#describe() } : fail('streamNotFound')
      case 'deleteStream':
        this.exists = false
        return {}
      default:
        return fail('unknownOperation')
    }
  }

  #describe(): ResponseOf<'describeStream'>['stream'] {
    return {
      name: this.streamName,
      id: this.streamId,
      status: 'ACTIVE',
      openShardCount: this.shards.filter((shard) => shard.state === 'OPEN').length,
      retentionMs: limits.retentionMsDefault,
      createdAt: BASE_TIME,
    }
  }

  #routing(): ResponseOf<'describeRouting'> {
    return {
      streamId: this.streamId,
      epoch: this.epoch,
      hosts: [...this.hosts].map(([hostId, { port }]) => ({ hostId, host: '127.0.0.1', port })),
      shards: this.shards.map(({ index, range, state, hostId, parents }) => ({
        index,
        parents,
        startingHashKey: hashKeyToBytes(range.start),
        endingHashKey: hashKeyToBytes(range.end),
        state,
        hostId,
      })),
    }
  }

  #shardAt(session: FakeSession, place: { streamId: number; shardIndex: number }): FakeShard | undefined {
    const shard = this.shards[place.shardIndex]
    if (!this.exists || place.streamId !== this.streamId || shard === undefined) return undefined
    return this.hosts.get(shard.hostId)!.port === session.port ? shard : undefined
  }

  #resolve(
    shard: FakeShard,
    position: RequestOf<'subscribe'>['position'],
  ): number | 'trimmed' | 'invalidPosition' {
    const { trimHorizon, tail } = shard
    switch (position.type) {
      case 'TRIM_HORIZON':
        return trimHorizon
      case 'LATEST':
        return tail
      case 'AT_TIMESTAMP': {
        const found = shard.batches.find((batch) => readBatchHeader(batch).arrivalTime >= position.timestamp!)
        return found === undefined ? tail : baseSequenceNumberAt(found, 0)
      }
      default: {
        const wanted = position.sequenceNumber! + (position.type === 'AFTER_SEQUENCE_NUMBER' ? 1 : 0)
        if (wanted < trimHorizon) return 'trimmed'
        return wanted > tail ? 'invalidPosition' : wanted
      }
    }
  }

  #append(
    session: FakeSession,
    entry: { streamId: number; shardIndex: number; batch: Uint8Array },
  ): AppendResult {
    const shard = this.#shardAt(session, entry)
    if (shard === undefined) return refusal('shardNotFound')
    const fault = checkBatch(entry.batch)
    if (fault !== undefined) return refusal(fault.code)
    if (!batchWithin(entry.batch, shard.range.start, shard.range.end)) return refusal('hashKeyOutOfRange')
    const header = readBatchHeader(entry.batch)
    const { producerId, producerEpoch: epoch, firstProducerSequence: first, recordCount: count } = header
    const row = shard.producers.get(producerId) ?? { epoch: -1, next: 0, window: [] }
    if (epoch < row.epoch) return refusal('producerFenced')
    const known = row.window.find((batch) => batch.first === first && batch.count === count)
    if (epoch === row.epoch && known !== undefined) return stored(known.base, known.arrivalTime)
    if (epoch === row.epoch && first < row.next) return refusal('duplicateTooOld')
    if (shard.state === 'CLOSED') return refusal('shardClosed')
    if (first !== (epoch > row.epoch ? 0 : row.next)) return refusal('outOfOrderSequence')
    const batch = Uint8Array.from(entry.batch)
    const { base, arrivalTime } = this.#store(shard, batch)
    const window = epoch > row.epoch ? [] : row.window
    window.push({ first, count, base, arrivalTime })
    shard.producers.set(producerId, {
      epoch,
      next: first + count,
      window: window.slice(-limits.producerWindowBatches),
    })
    return stored(base, arrivalTime)
  }

  #store(shard: FakeShard, batch: Uint8Array): { base: number; arrivalTime: number } {
    const base = shard.tail
    const arrivalTime = ++this.#clock
    stampBatch(batch, base, arrivalTime)
    shard.batches.push(batch)
    shard.tail += recordCountAt(batch, 0)
    return { base, arrivalTime }
  }

  #fetch(
    session: FakeSession,
    message: RequestMessage & { operation: 'fetch' },
  ): ResponseOf<'fetch'> | undefined {
    const { request } = message
    let left = request.bytesMax
    const shards = request.shards.map((entry): FetchedShard => {
      const shard = this.#shardAt(session, entry)
      const none = {
        batches: [],
        nextSequenceNumber: entry.sequenceNumber,
        millisBehindLatest: 0,
        ended: false,
      }
      if (shard === undefined) return { ...none, code: errorCodes.shardNotFound.id, trimHorizon: 0, tail: 0 }
      const { trimHorizon, tail } = shard
      if (entry.sequenceNumber < trimHorizon)
        return { ...none, code: errorCodes.trimmed.id, trimHorizon, tail }
      const batches: Uint8Array[] = []
      let next = entry.sequenceNumber
      for (const batch of batchesFrom(shard, next)) {
        if (left <= 0) break
        batches.push(batch)
        left -= batch.length
        next = baseSequenceNumberAt(batch, 0) + recordCountAt(batch, 0)
      }
      const ended = shard.state === 'CLOSED' && next === tail
      return { code: 0, batches, nextSequenceNumber: next, trimHorizon, tail, millisBehindLatest: 0, ended }
    })
    const isEmpty = shards.every((shard) => shard.code === 0 && shard.batches.length === 0 && !shard.ended)
    if (!isEmpty || request.waitMs === 0) return { shards }
    // Looked at again when something was stored.
    this.#longPolls.push(() => {
      if (!this.#sessions.has(session)) return
      const response = this.#fetch(session, { ...message, request: { ...request, waitMs: 0 } })
      this.#write(session, encodeResponse('fetch', message.correlationId, response!))
    })
    return undefined
  }

  #longPolls: (() => void)[] = []

  /** Lets everything that waits for records look again. */
  #pushAll(): void {
    for (const poll of this.#longPolls.splice(0)) poll()
    for (const session of this.#sessions) {
      for (const subscription of session.subscriptions.values()) this.#push(session, subscription)
    }
  }

  #push(session: FakeSession, subscription: FakeSubscription): void {
    const { shard } = subscription
    for (const batch of batchesFrom(shard, subscription.next)) {
      if (subscription.credit <= 0) return
      subscription.credit -= batch.length
      subscription.next = baseSequenceNumberAt(batch, 0) + recordCountAt(batch, 0)
      this.#write(
        session,
        encodeEvent('records', {
          subscriptionId: subscription.id,
          batches: [batch],
          nextSequenceNumber: subscription.next,
          tail: shard.tail,
          millisBehindLatest: 0,
        }),
      )
    }
    if (shard.state === 'CLOSED' && subscription.next === shard.tail) {
      session.subscriptions.delete(subscription.id)
      this.#endSubscription(session, subscription, 0, 'read to its end')
    }
  }

  #endSubscription(
    session: FakeSession,
    subscription: FakeSubscription,
    code: number,
    message: string,
  ): void {
    const { id, next } = subscription
    this.#write(
      session,
      encodeEvent('subscriptionEnded', { subscriptionId: id, code, nextSequenceNumber: next, message }),
    )
  }

  #write(session: FakeSession, chunks: Uint8Array[]): void {
    if (!this.#sessions.has(session)) return
    // Copies: what was written belongs to the other side, and stored batches belong to the broker.
    for (const chunk of chunks) session.stream.write(Uint8Array.from(chunk))
  }

  #drop(session: FakeSession): void {
    if (!this.#sessions.delete(session)) return
    session.stream.end()
    session.stream.destroy()
  }
}

function batchesFrom(shard: FakeShard, from: number): Uint8Array[] {
  return shard.batches.filter((batch) => baseSequenceNumberAt(batch, 0) + recordCountAt(batch, 0) > from)
}

function refusal(code: ErrorCode): AppendResult {
  return {
    code: errorCodes[code].id,
    baseSequenceNumber: 0,
    arrivalTime: 0,
    durability: 'none',
    retryAfterMs: undefined,
    message: new MillraceError(code, `the fake refuses: ${code}`).message,
  }
}

function stored(base: number, arrivalTime: number): AppendResult {
  return {
    code: 0,
    baseSequenceNumber: base,
    arrivalTime,
    durability: 'disk',
    retryAfterMs: undefined,
    message: undefined,
  }
}
