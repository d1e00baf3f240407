// Consumer groups of the fake broker: the controller's own machine, with its state in memory, behind the fake's sessions. The
// clock is the test's. What the controller stores is left out: a state that is not lost needs no rows.
import { createHash } from 'node:crypto'
import { shardsOf } from '../../../broker/control/catalog-state.ts'
import { wireLeases, wireResult, wireStreams } from '../../../broker/control/groups/answers.ts'
import { advance } from '../../../broker/control/groups/machine/advance.ts'
import { claimed } from '../../../broker/control/groups/machine/membership.ts'
import type { GroupAnswer, GroupMessage, Pins } from '../../../broker/control/groups/machine/messages.ts'
import type { GroupState, StreamFacts } from '../../../broker/control/groups/machine/state.ts'
import {
  encodeError,
  encodeResponse,
  limits,
  type OperationName,
  type RequestMessage,
  type RequestOf,
  type ResponseOf,
} from '../../../protocol/index.ts'
import type { FakeBroker } from './fake-broker.ts'
import type { FakeSession } from './fake-session.ts'

const TICK_MS = 250

type Memberly = { readonly group: string; readonly memberId: string; readonly secret: Uint8Array }

export class FakeGroups {
  readonly states = new Map<string, GroupState | undefined>()
  /** Every checkpoint that was stored, in order. */
  readonly stored: { memberId: string; shardIndex: number; epoch: number; next: number; isEnd: boolean }[] =
    []
  /** For how long the clock of the controller has stood still. */
  frozenMs = 0
  /** Refuses the ends of shards, which nothing gives reason to. */
  refusesEnds = false
  /** Reports, in order. */
  readonly reports: RequestOf<'syncMember'>['reports'][number][] = []
  /** See the machine: nothing is assigned for so long in an empty group. */
  graceMs = 0
  #version = 0
  readonly #broker: FakeBroker
  readonly #waits = new Map<string, () => void>()
  readonly #timer: NodeJS.Timeout

  constructor(broker: FakeBroker) {
    this.#broker = broker
    broker.groups = this
    this.#timer = setInterval(() => this.tick(), TICK_MS)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** Looks after leases and balance. */
  tick(): void {
    for (const name of this.states.keys()) this.tell(name, { type: 'tick' })
  }

  state(name: string): GroupState {
    return this.states.get(name)!
  }

  tell(name: string, message: GroupMessage): GroupAnswer {
    const now = performance.now() - this.frozenMs
    const at = { now, wall: 1_700_000_000_000 + now }
    let answer: GroupAnswer | undefined
    do {
      const messages = answer === undefined ? [{ message, at }] : []
      const state = this.states.get(name)
      const options = {
        state,
        name,
        factsOf: (stream: string) => this.#factsOf(stream),
        version: ++this.#version,
        rowsMax: 224,
        takenRowsMax: 128,
        catalog: {},
        graceMs: this.graceMs,
        at,
      }
      const next = advance(messages, options)
      this.states.set(name, next.state)
      answer ??= next.answers[0]!
      for (const memberId of next.changed) this.#waits.get(`${name}/${memberId}`)?.()
    } while (this.states.get(name)?.isUnsettled === true)
    return answer
  }

  /** True if it is a request about groups: it is answered, now or later. */
  perform(session: FakeSession, message: RequestMessage): boolean {
    const answer = <N extends OperationName>(operation: N, response: ResponseOf<N>): true => {
      session.write(encodeResponse(operation, message.correlationId, response))
      return true
    }
    const refuse = (given: GroupAnswer & { is: 'refused' }): true => {
      const { code, message: text, retryAfterMs } = given
      session.write(encodeError(message.correlationId, { code, message: text, retryAfterMs }))
      return true
    }
    const done = (given: GroupAnswer): true =>
      given.is === 'refused' ? refuse(given) : answer(message.operation, {} as never)
    switch (message.operation) {
      case 'joinGroup': {
        const { streams, leaseMs, group, life } = message.request
        const pins = new Map(
          streams.flatMap(({ name, from }) => (from.type === 'LATEST' ? [[name, this.#pins()]] : [])),
        )
        const join = {
          type: 'join',
          ...claimOf(message.request),
          streams,
          leaseMs,
          address: 'here',
          life,
          pins,
        } as const
        const given = this.tell(group, join)
        if (given.is !== 'joined') return done(given)
        return answer('joinGroup', { leaseMs, life: given.life })
      }
      case 'renewMember':
        return done(this.tell(message.request.group, { type: 'renew', ...claimOf(message.request) }))
      case 'syncMember':
        this.#sync(message.request, session, (given) =>
          'is' in given ? refuse(given) : answer('syncMember', given),
        )
        return true
      case 'saveCheckpoints': {
        const { group, memberId, checkpoints } = message.request
        if (this.refusesEnds && checkpoints.some(({ isEnd }) => isEnd)) {
          const refusal = wireResult({ code: 'invalidCheckpoint', message: 'a defect' })
          return answer('saveCheckpoints', { results: checkpoints.map(() => refusal) })
        }
        const asked = checkpoints.map((each) => ({
          ...each,
          tail: this.#broker.shards[each.shardIndex]?.tail,
        }))
        const save = { type: 'saveCheckpoints', ...claimOf(message.request), checkpoints: asked } as const
        const given = this.tell(group, save)
        if (given.is === 'refused') return refuse(given)
        if (given.is !== 'checkpoints') throw new Error('checkpoints are answered')
        for (const [i, { code }] of given.results.entries()) {
          if (code === undefined) this.stored.push({ memberId, ...checkpoints[i]! })
        }
        return answer('saveCheckpoints', { results: given.results.map(wireResult) })
      }
      case 'leaveGroup':
        return done(this.tell(message.request.group, { type: 'leave', ...claimOf(message.request) }))
      case 'pauseGroup':
        return done(this.tell(message.request.group, { type: 'pause', isPaused: message.request.isPaused }))
      case 'deleteGroup':
        return done(this.tell(message.request.group, { type: 'delete', isForced: message.request.isForced }))
      case 'resetGroup': {
        const { group, stream, to, isForced } = message.request
        const given = this.tell(group, { type: 'reset', stream, to, pins: this.#pins(), isForced })
        if (given.is === 'progress') return answer('resetGroup', { progress: given.progress! })
        return done(given)
      }
      case 'loadProgress': {
        const { group, stream } = message.request
        const given = this.states.has(group) ? this.tell(group, { type: 'loadProgress', stream }) : undefined
        return answer('loadProgress', { progress: given?.is === 'progress' ? given.progress : undefined })
      }
      case 'saveProgress': {
        const { group, ...save } = message.request
        const tails = new Map(this.#broker.shards.map(({ index, tail }) => [index, tail]))
        return done(this.tell(group, { type: 'saveProgress', ...save, tails }))
      }
      default:
        return false
    }
  }

  #sync(
    request: RequestOf<'syncMember'>,
    session: FakeSession,
    answer: (given: (GroupAnswer & { is: 'refused' }) | ResponseOf<'syncMember'>) => void,
  ): void {
    const { group, memberId, version, waitMs, reports, released } = request
    const claim = claimOf(request)
    this.reports.push(...reports)
    const key = `${group}/${memberId}`
    this.#waits.get(key)?.()
    const given = this.tell(group, { type: 'sync', ...claim, address: 'here', reports, released })
    if (given.is === 'refused') return answer(given)
    const respond = (): void => {
      const state = this.states.get(group)
      const member = claimed(state, claim)
      if (state === undefined || member === undefined) {
        return answer({ is: 'refused', code: 'memberNotFound', message: 'its lease has ended' })
      }
      const isSame = member.version === version
      answer({
        version: member.version,
        isPaused: state.isPaused,
        leases: isSame ? [] : wireLeases(state, member),
        streams: isSame ? [] : wireStreams(state, member),
      })
    }
    if (claimed(this.states.get(group), claim)?.version !== version || waitMs === 0) return respond()
    const end = (): void => {
      clearTimeout(timer)
      session.timers.delete(timer)
      if (this.#waits.get(key) === end) this.#waits.delete(key)
      if (session.isOpen) respond()
    }
    const timer = setTimeout(end, waitMs)
    session.timers.add(timer)
    this.#waits.set(key, end)
  }

  #pins(): Pins {
    const shards = this.#broker.openShards.map(({ index, tail }) => ({ shardIndex: index, next: tail }))
    return { streamId: this.#broker.streamId, shardsBelow: this.#broker.shards.length, shards }
  }

  #factsOf(name: string): StreamFacts | undefined {
    const { streamName, exists, streamId, catalog } = this.#broker
    if (!exists || name !== streamName) return undefined
    return { streamId, shards: shardsOf(catalog.state, catalog.stream.id) }
  }
}

function claimOf({ memberId, secret }: Memberly): { memberId: string; secretHash: string } {
  if (secret.length !== limits.memberSecretBytes) throw new Error('a secret has 16 bytes')
  return { memberId, secretHash: createHash('sha256').update(secret).digest('hex') }
}
