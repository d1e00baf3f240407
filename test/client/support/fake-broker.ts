// A broker in memory for tests of the client: one controller and some hosts behind a `dial`. What a client leans on is decided
// by the broker's own functions: sequences and epochs of producers, limits, positions, changes of shards. So the two cannot
// drift apart. Here is only what carries requests there. What a test wants to go wrong, it says in `disturb`.
import { duplexPair, type Duplex } from 'node:stream'
import {
  decodeMessage,
  encodeError,
  encodeResponse,
  errorCodes,
  FrameReader,
  limits,
  middleOf,
  MillraceError,
  readRecords,
  RequestRefused,
  type AppendResult,
  type BatchOpener,
  type ErrorCode,
  type OperationName,
  type RequestMessage,
  type RequestOf,
  type ResponseOf,
  type StoredRecord,
} from '../../../protocol/index.ts'
import type { Dial } from '../../../client/index.ts'
import { ProducerProofs } from '../../../broker/host/append/producer-proofs.ts'
import type { Cause } from '../../../broker/control/resharding/journal.ts'
import type { ReshardIntent } from '../../../broker/control/resharding/plan.ts'
import type { BatchDisturbance, Disturbance } from './disturbance.ts'
import { turns } from './drive.ts'
import { administer, routingOf } from './fake-admin.ts'
import { fetched } from './fake-fetch.ts'
import type { FakeGroups } from './fake-groups.ts'
import { FakeSession, type FakeSubscription } from './fake-session.ts'
import { BASE_TIME, FakeCatalog, type ChangeContext } from './fake-catalog.ts'
import { FakeShard, refusal } from './fake-shard.ts'
import { longPoll } from './long-poll.ts'

export const CONTROLLER_PORT = 7400
const told = { version: 1, brokerId: 'fake', software: 'fake', access: 'open' } as const

export class FakeBroker {
  readonly streamName: string
  streamId = 1
  readonly catalog: FakeCatalog
  /** All there ever were. */
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
  groups: FakeGroups | undefined
  /** What another request brings the stream to, whatever one asks for. */
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
  readonly #proofs = new ProducerProofs()
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
    this.catalog = new FakeCatalog({ name: this.streamName, shards: options.shards ?? 1, owners: hosts })
    this.#takeChange()
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

  /** Closes shards and puts two in the place of each, or one where it has a single hash key, all in one epoch. */
  split(...indexes: number[]): void {
    const intents = indexes.map((index) =>
      middleOf(this.shards[index]!.range) === undefined ? { renew: index } : { split: index, at: [] },
    )
    this.change(intents)
  }

  /** Closes two shards whose ranges touch and puts one in their place. */
  merge(index: number, adjacent: number): void {
    this.change([{ merge: [index, adjacent] }])
  }

  /** Publishes children in the place of their parents. Answers the children. Throws what the broker refuses. */
  change(intents: readonly ReshardIntent[], cause: Cause = 'renew'): number[] {
    const first = this.shards.length
    this.catalog.change(intents, cause, this.#changeContext())
    this.#takeChange()
    return this.shards.slice(first).map(({ index }) => index)
  }

  /** One wave of splits or merges, as a broker does in the time that a request may take. */
  stepTowards(target: number): void {
    this.catalog.stepTowards(this.otherGoal ?? target, this.#changeContext())
    this.#takeChange()
  }

  #changeContext(): ChangeContext {
    return { tails: new Map(this.shards.map(({ index, tail }) => [index, tail])), now: this.#now() }
  }

  /** Lets the hosts know what the catalog has come to. */
  #takeChange(): void {
    for (const row of this.catalog.shards) {
      this.shards[row.index] ??= new FakeShard(this.catalog.stream, row)
      const shard = this.shards[row.index]!
      if (row.state === 'CLOSED') shard.seal()
      shard.state = row.state
    }
    this.#pushAll()
    for (const answer of this.#routingsHeld.splice(0)) answer()
  }

  /** The first step of a reshard: the shard takes no more, and whoever asks for the routing waits until it is done. */
  seal(...indexes: number[]): void {
    for (const index of indexes) this.shards[index]!.seal()
  }

  /** The shard has expired and is forgotten. */
  expire(index: number): void {
    this.shards[index]!.isGone = true
    this.catalog.expire(index)
  }

  /** All records of a shard, in order; `open` opens what is encrypted. */
  recordsOf(index: number, open?: BatchOpener): StoredRecord[] {
    return this.shards[index]!.batches.flatMap((batch) => readRecords(batch, { open }))
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
      if ('refuseBatch' in disturbance) return this.#answer(session, message, disturbance)
      const { refuse: code, retryAfterMs } = disturbance
      const error = { code, message: this.refusalText(code), retryAfterMs }
      session.write(encodeError(message.correlationId, error))
    }
  }

  #answer(session: FakeSession, message: RequestMessage, disturbance?: BatchDisturbance): void {
    const response = this.#perform(session, message, disturbance)
    if (response !== undefined) this.#respond(session, message, response)
    session.push()
  }

  #respond(session: FakeSession, message: RequestMessage, response: ResponseOf<OperationName>): void {
    const answer = this.rewrite(message.operation, response)
    session.write(encodeResponse(message.operation, message.correlationId, answer as never))
  }

  #refuse(session: FakeSession, { correlationId }: RequestMessage, code: ErrorCode): undefined {
    session.write(encodeError(correlationId, { code, message: `the fake says ${code}` }))
    return undefined
  }

  /** Does the request; undefined where it was answered already, or will be later. */
  #perform(
    session: FakeSession,
    message: RequestMessage,
    disturbance?: BatchDisturbance,
  ): ResponseOf<OperationName> | undefined {
    const fail = (code: ErrorCode) => this.#refuse(session, message, code)
    switch (message.operation) {
      case 'hello':
        return {
          ...told,
          role: session.port === CONTROLLER_PORT ? 'controller' : 'host',
          hostId: [...this.hosts].find(([, { port }]) => port === session.port)?.[0] ?? 0,
          frameBytesMax: limits.frameBytesMax,
          sessionIdleMs: limits.sessionIdleMs,
        }
      case 'ping':
        return { now: this.time }
      case 'describeRouting':
        if (!this.exists || !(this.hasAnyName || message.request.name === this.streamName))
          return fail('streamNotFound')
        if (!this.shards.some(({ isSealed }) => isSealed)) return routingOf(this)
        this.#routingsHeld.push(() => this.#respond(session, message, routingOf(this)))
        return undefined
      case 'append': {
        const results = message.request.batches.map(async (entry, place): Promise<AppendResult> => {
          const code = disturbance?.refuseBatch(place)
          if (code !== undefined && !disturbance?.stores) return refusal(code)
          const shard = this.#shardAt(session, entry)
          const by = { peer: session, proofs: this.#proofs, now: this.#now() }
          const result = await (shard?.append(entry, by) ?? refusal('shardNotFound'))
          return code === undefined ? result : refusal(code)
        })
        this.#pushAll()
        void Promise.all(results).then((all) => this.#respond(session, message, { results: all }))
        return undefined
      }
      case 'resolvePosition':
        return this.#resolve(session, message, ({ trimHorizon, tail }, place) => {
          return { ...place, trimHorizon, tail }
        })
      case 'fetch':
        return this.#fetch(session, message)
      case 'subscribe':
        return this.#resolve(session, message, (shard, { sequenceNumber }) => {
          const { creditBytes } = message.request
          return { subscriptionId: session.subscribe(shard, sequenceNumber, creditBytes), sequenceNumber }
        })
      case 'unsubscribe':
        session.subscriptions.delete(message.request.subscriptionId)
        return {}
      case 'deleteStream':
        this.exists = false
        return {}
      default:
        if (this.groups?.perform(session, message)) return undefined
        if (!this.exists) return fail('streamNotFound')
        try {
          return administer(this, message) ?? fail('unknownOperation')
        } catch (error) {
          if (!MillraceError.is(error)) throw error
          session.write(encodeError(message.correlationId, error))
          return undefined
        }
    }
  }

  #shardAt(session: FakeSession, place: { streamId: number; shardIndex: number }): FakeShard | undefined {
    const shard = this.shards[place.shardIndex]
    if (!this.exists || place.streamId !== this.streamId || shard === undefined || shard.isGone)
      return undefined
    return this.hosts.get(shard.hostId)!.port === session.port ? shard : undefined
  }

  /** Answers with what comes of a position. */
  #resolve(
    session: FakeSession,
    message: RequestMessage & { operation: 'resolvePosition' | 'subscribe' },
    answer: (shard: FakeShard, place: { sequenceNumber: number }) => ResponseOf<OperationName>,
  ): undefined {
    const shard = this.#shardAt(session, message.request)
    if (shard === undefined) return this.#refuse(session, message, 'shardNotFound')
    void shard.resolve(message.request.position).then((resolved) => {
      if ('refusal' in resolved) return this.#refuse(session, message, resolved.refusal.code)
      this.#respond(session, message, answer(shard, resolved))
      session.push()
    })
    return undefined
  }

  #now(): number {
    return this.usesClock ? this.time : ++this.#count
  }

  #fetch(
    session: FakeSession,
    message: RequestMessage & { operation: 'fetch' },
  ): ResponseOf<'fetch'> | undefined {
    const { request } = message
    const response = fetched(request, (place) => this.#shardAt(session, place), this.time)
    if (response !== undefined) return response
    const atOnce = { ...message, request: { ...request, waitMs: 0 } }
    const respond = () => this.#respond(session, message, this.#fetch(session, atOnce)!)
    this.#longPolls.push(longPoll(session, request.waitMs, respond))
    return undefined
  }

  /** Lets everything that waits for records look again. */
  #pushAll(): void {
    for (const poll of this.#longPolls.splice(0)) poll()
    for (const session of this.#sessions) session.push()
  }
}
