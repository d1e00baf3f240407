// Changes the shards of streams: splits, merges, and the way to a number of even shards. Runs in the controller.
// A stream has one change at a time, in the order of asking; each is decided when its turn comes, on the newest state.
import { hashKeyFromBytes, hashKeyToHex } from '../../../protocol/shards/hash-key.ts'
import { InvariantError } from '../../../protocol/invariant.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { ErrorOf } from '../../../protocol/operations.ts'
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import { crash } from '../../channels/calls.ts'
import { pause, withDeadline } from '../../time.ts'
import { openShardsOf, type Stream } from '../catalog-state.ts'
import { ownersThatTake } from '../hosts/fleet.ts'
import type { MadeQuotas } from '../streams/made-quotas.ts'
import { activeStream, knownStream } from '../streams/stream-changes.ts'
import { checkShardCount } from '../streams/stream-settings.ts'
import { failUnasked } from '../unasked.ts'
import { Carrier, type CarrierOptions } from './carrier.ts'
import {
  BUSY_RETRY_MS,
  checkCause,
  planBegin,
  planGoal,
  planNoGoal,
  planTowardsGoal,
  type Cause,
  type ChangeContext,
  type ChangeError,
} from './journal.ts'
import type { ReshardIntent } from './plan.ts'
import { balanced, requireHosts, requireServed } from './soundings.ts'
import { Turns, type Turn } from './turns.ts'
import { planEvenWave } from './waves.ts'

/** Longest time that a request waits for a split or a merge; then the client is told that it continues. */
const ANSWER_DEADLINE_MS = 20_000
/** Longest time that a request waits for a number of shards; then it is answered with the goal still set. */
const SCALE_ANSWER_MS = 5_000
/** Interval at which hosts that are not ready are checked. */
const HOSTS_POLL_MS = 200
/** Most changes of one stream that wait for their turn. */
const WAITING_MAX = 64

export interface ReshardingOptions extends CarrierOptions {
  /** Configured number of owners, over which new shards are spread. */
  readonly owners: number
  readonly quotas?: MadeQuotas
}

/** A shard to split, and the hash keys where its children begin. */
export interface Split {
  readonly shardIndex: number
  readonly newStartingHashKeys: readonly Uint8Array[]
}

/** Ways to refuse a split or a merge, and a number of shards. */
type ChangeFail = Fail<ChangeError | 'shardNotFound'>
type GoalFail = Fail<ChangeError>

/** The children of a change, in the order of their ranges, and the stream's epoch that they appeared with. */
export interface Reshaped {
  readonly children: readonly number[]
  readonly epoch: number
}

export class Resharding {
  readonly #options: ReshardingOptions
  readonly #carrier: Carrier
  readonly #turns = new Turns({ waitingMax: WAITING_MAX })

  constructor(options: ReshardingOptions) {
    this.#options = options
    this.#carrier = new Carrier(options)
  }

  /** Continues the changes that an earlier process left unfinished. */
  resume(): void {
    const { catalog, log } = this.#options
    for (const { id, name, status, targetShardCount } of catalog.state.streams.values()) {
      const step = catalog.state.journals.get(id)?.step
      if (status !== 'ACTIVE' || (step === undefined && targetShardCount === null)) continue
      log.info({ stream: name, step, targetShardCount }, 'continues a change of shards')
      this.#take(id, failUnasked, () => this.#scale(id, failUnasked))
    }
  }

  /** Refuses waiting changes, and stops waiting for hosts; the next start continues what is unfinished. */
  stop(): void {
    this.#turns.stop()
    this.#carrier.stop()
  }

  /** Splits a shard at the given hash keys; where none is given, at the one that divides its load evenly. */
  split(
    name: string,
    { shardIndex, newStartingHashKeys }: Split,
    fail: Fail<ErrorOf<'splitShard'>>,
  ): Promise<Reshaped> {
    const at = newStartingHashKeys.map((bytes) => hashKeyToHex(hashKeyFromBytes(bytes)))
    return this.#answer(name, 'split', { split: shardIndex, at }, fail)
  }

  /** Merges two shards with adjacent ranges. */
  merge(
    name: string,
    shards: readonly [number, number],
    fail: Fail<ErrorOf<'mergeShards'>>,
  ): Promise<Reshaped> {
    return this.#answer(name, 'merge', { merge: shards }, fail)
  }

  /**
   * Splits and merges until the stream has `shardCount` even shards. Fulfils with the stream when that is reached, or after
   * some seconds with `targetShardCount` still set: the work then continues by itself, even after a restart.
   */
  async scaleTo(name: string, shardCount: number, fail: Fail<ErrorOf<'updateShardCount'>>): Promise<Stream> {
    const { catalog } = this.#options
    checkShardCount(shardCount, fail)
    const { id } = activeStream(catalog.state, name, fail)
    const goal = { streamId: id, target: shardCount, quotas: this.#options.quotas }
    // A goal that is being worked on is replaced at once: the next wave goes towards the new goal.
    let isSet = await catalog.change((state) => planGoal(state, { ...goal, isUnderWay: true }, fail))
    const turn = this.#take(id, fail, async () => {
      if (!isSet) {
        await this.#carrier.carry(id, fail)
        isSet = await catalog.change((state) => planGoal(state, { ...goal, isUnderWay: false }, fail))
      }
      await this.#scale(id, fail)
    })
    const isDone = await this.#isDone(turn, SCALE_ANSWER_MS).catch((error: unknown) => {
      // The broker stops before this turn came, but the goal is stored, and the next start continues.
      if (isSet && MillraceError.is(error, 'unavailable')) return false
      throw error
    })
    if (!isDone && turn.withdraw() && !isSet) failBusy(fail, name, this.#carrier.obstacleOf(id))
    return knownStream(catalog.state, name, fail)
  }

  /** Carries out a decision of the autoscaler; rejects with `streamBusy` while anything else is under way. */
  apply(streamId: number, intents: readonly ReshardIntent[]): Promise<void> {
    return this.#unasked(streamId, { intents, cause: 'autoscale' })
  }

  /** Renews shards whose stamps lie ahead; rejects with `streamBusy` while anything else is under way. */
  renew(streamId: number, intents: readonly ReshardIntent[]): Promise<void> {
    return this.#unasked(streamId, { intents, cause: 'renew' })
  }

  async #unasked(
    streamId: number,
    change: { readonly intents: readonly ReshardIntent[]; readonly cause: Cause },
  ): Promise<void> {
    if (this.isBusy(streamId)) failBusy(failUnasked, String(streamId))
    const work = () => this.#change(streamId, change, failUnasked)
    await this.#take(streamId, failUnasked, work).done
  }

  /** True while a change of the stream's shards is under way or waits, or a goal is set. */
  isBusy(streamId: number): boolean {
    const isChanging = this.#options.catalog.state.journals.has(streamId)
    return isChanging || this.#goalOf(streamId) !== null || this.#turns.isBusy(streamId)
  }

  /** If shards of the stream are being sealed, waits up to two seconds until their children are published. Never rejects. */
  whenPublished(streamId: number): Promise<void> {
    return this.#carrier.whenPublished(streamId)
  }

  /** Fulfils when no change of the stream's shards is under way: soon, once the stream is marked for deletion. */
  whenIdle(streamId: number): Promise<void> {
    return this.#turns.whenIdle(streamId)
  }

  async #answer(
    name: string,
    cause: 'split' | 'merge',
    intent: ReshardIntent,
    fail: ChangeFail,
  ): Promise<Reshaped> {
    const stream = activeStream(this.#options.catalog.state, name, fail)
    checkCause(stream, cause, fail)
    const work = () => this.#change(stream.id, { intents: [intent], cause }, fail)
    const turn = this.#take(stream.id, fail, work)
    if (await this.#isDone(turn, ANSWER_DEADLINE_MS)) return turn.done
    const obstacle = this.#carrier.obstacleOf(stream.id) ?? 'A host takes long.'
    if (turn.withdraw()) failBusy(fail, name, obstacle)
    throw refusal('outcomeUnknown', `The ${cause} waits, and continues by itself: ${obstacle}`)
  }

  /** Plans a change when its turn has come, and carries it out. */
  async #change(
    streamId: number,
    { intents, cause }: { readonly intents: readonly ReshardIntent[]; readonly cause: Cause },
    fail: ChangeFail,
  ): Promise<Reshaped> {
    const { catalog, fleet, time } = this.#options
    await this.#carrier.carry(streamId, fail)
    const begunAt = time.elapsed()
    await requireServed(this.#options, streamId, intents)
    await fleet.startAbsentOwners()
    const placed = await balanced(this.#options, streamId, intents)
    const { moves } = await catalog.change((state) => {
      const plan = planBegin(state, { streamId, intents: placed, cause }, this.#context(), fail)
      requireHosts(this.#options, streamId, plan.result)
      return plan
    })
    await this.#carrier.carry(streamId, fail, begunAt)
    const children = moves.flatMap((move) => move.children.map(({ shardIndex }) => shardIndex))
    return { children, epoch: catalog.state.streams.get(streamId)?.epoch ?? 0 }
  }

  /** Finishes the change under way, and then goes wave by wave to the goal of the stream, if it has one. */
  async #scale(streamId: number, fail: GoalFail): Promise<void> {
    const { catalog, time, log } = this.#options
    for (;;) {
      await this.#carrier.carry(streamId, fail)
      const target = this.#goalOf(streamId)
      if (target === null) return
      try {
        await this.#wave(streamId, target, fail)
      } catch (error) {
        if (!MillraceError.is(error) || error.code === 'streamNotFound') throw error
        // A host is down, or went down during a call. If the broker stops, the next `carry` throws.
        if (error.retry !== 'never') {
          await pause(time, HOSTS_POLL_MS)
          continue
        }
        // A shard is damaged, or other streams took the room: finished waves stay, and the client gets the error.
        log.warn({ err: error, streamId, target }, 'gives up the goal of updateShardCount')
        await catalog.change((state) => planNoGoal(state, streamId, target))
        if (this.#goalOf(streamId) === null) throw error
      }
    }
  }

  /** Carries out the next wave towards `target`; throws where it cannot begin now, before anything is changed. */
  async #wave(streamId: number, target: number, fail: GoalFail): Promise<void> {
    const { catalog, fleet, time } = this.#options
    // Children may be placed on any host.
    for (const { hostId } of fleet.hosts) fleet.requireReady(hostId)
    const begunAt = time.elapsed()
    const intents = planEvenWave([...openShardsOf(catalog.state, streamId).values()], target) ?? []
    await requireServed(this.#options, streamId, intents)
    await fleet.startAbsentOwners()
    const hasBegun = await catalog.change((state) => planTowardsGoal(state, streamId, this.#context(), fail))
    if (hasBegun) await this.#carrier.carry(streamId, fail, begunAt)
  }

  #goalOf(streamId: number): number | null {
    return this.#options.catalog.state.streams.get(streamId)?.targetShardCount ?? null
  }

  #context(): ChangeContext {
    const { time, fleet, owners, quotas } = this.#options
    // What a host that was not ready yet will have to leave out is not known; a child placed there might keep it from starting.
    const known = ownersThatTake(fleet, owners).filter((ownerId) => fleet.hostOf(ownerId).port !== undefined)
    return { now: time.now(), owners: known, quotas }
  }

  #take<T>(streamId: number, fail: Fail<'streamBusy'>, work: () => Promise<T>): Turn<T> {
    const turn = this.#turns.take(streamId, work, () => failBusy(fail, String(streamId)))
    turn.done.catch((error: unknown) => {
      if (error instanceof InvariantError) crash(error)
    })
    return turn
  }

  /** Fulfils with whether the work is done before the deadline; rejects if the work does. */
  #isDone(turn: Turn<unknown>, deadlineMs: number): Promise<boolean> {
    const late = new Error('not yet')
    const done = turn.done.then(() => true)
    return withDeadline(done, this.#options.time, deadlineMs, () => late).catch((error: unknown) => {
      if (error === late) return false
      throw error
    })
  }
}

function failBusy(fail: Fail<'streamBusy'>, stream: string, obstacle = ''): never {
  const why = obstacle === '' ? '' : ` What they wait for: ${obstacle}`
  const message = `Other changes of the shards of stream ${stream} come first; nothing was done.${why}`
  return fail('streamBusy', message, { retryAfterMs: BUSY_RETRY_MS })
}
