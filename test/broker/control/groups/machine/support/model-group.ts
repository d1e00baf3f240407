// A group between its catalog, its disk, and the processes of an application whose messages are late, lost and repeated.
// Every committed state is compared with what was promised: epochs, owners, checkpoints, parents before children, and that
// no shard is forgotten. Pure.
import {
  advance,
  renewed,
  type Advance,
  type Told,
} from '../../../../../../broker/control/groups/machine/advance.ts'
import type {
  GroupAnswer,
  GroupMessage,
  SaveProgressMessage,
} from '../../../../../../broker/control/groups/machine/messages.ts'
import { isGarbage, restored } from '../../../../../../broker/control/groups/machine/rows.ts'
import {
  leasesOf,
  streamOf,
  type GroupState,
  type GroupStream,
  type GroupMoment,
} from '../../../../../../broker/control/groups/machine/state.ts'
import { ModelCatalog } from './model-catalog.ts'
import { ModelStore, PART_ROWS } from './model-store.ts'

export const GROUP = 'g'
const ROWS_MAX = 4

/** What is known of a shard from all states that were ever committed. */
interface Ghost {
  epoch: number
  /** By epoch: the membership that had it. */
  readonly owners: Map<number, string>
}

/** What is known of a group's progress in a stream since it began there. */
interface Run {
  readonly listed: Set<number>
  readonly ended: Set<number>
  /** Shards that a change ended which was stored in part, or that saved progress ended. */
  readonly mayBeEnded: Set<number>
  readonly next: Map<number, number>
  /** Shards below this index that were not listed were left out. */
  readonly leftOutBelow: number
}

export class ModelGroup {
  readonly catalog = new ModelCatalog()
  readonly store = new ModelStore()
  state: GroupState | undefined
  now = 1_000
  wall = 1_700_000_000_000
  isFull = false
  /** How many times something was written. */
  commits = 0
  readonly #ghosts = new Map<string, Ghost>()
  readonly #runs = new Map<string, Run>()

  get moment(): GroupMoment {
    return { now: this.now, wall: this.wall }
  }

  /**
   * Tells the group, and lets it do what is to be done; returns the answers in order, undefined where there is none.
   * `partsMax`: the first change that has more parts ends there, and the controller with it.
   */
  tell(messages: readonly GroupMessage[], partsMax = Infinity): readonly (GroupAnswer | undefined)[] {
    const answers: (GroupAnswer | undefined)[] = []
    let waiting: readonly Told[] = messages.map((message) => ({ message, at: this.moment }))
    for (let round = 0; waiting.length > 0 || this.state?.isUnsettled === true; round++) {
      must(round < 1_000, 'the group does not come to rest')
      const { store, state: before, catalog, moment: at } = this
      const options = { name: GROUP, factsOf: catalog.factsOf, version: store.version, rowsMax: ROWS_MAX, at }
      const next = advance(waiting, { ...options, state: before })
      const taken = waiting.slice(0, next.answers.length)
      waiting = waiting.slice(next.answers.length)
      if (next.writes.length > 0) {
        if (this.isFull) {
          this.state = renewed(before, taken)
          answers.push(...taken.map(() => undefined))
          if (waiting.length === 0) break
          continue
        }
        this.commits++
        this.#checkRows(next.writes)
        const isWhole = store.write(next.writes, partsMax)
        const parts = Math.ceil(next.writes.length / PART_ROWS)
        if (!isWhole) this.#mayHaveEnded(taken, next.answers)
        if (!isWhole || parts === partsMax) {
          if (isWhole) this.#committed(next, taken)
          this.restart()
          return [...answers, ...taken.map(() => undefined), ...waiting.map(() => undefined)]
        }
      }
      this.#committed(next, taken)
      answers.push(...next.answers)
      if (next.writes.length === 0 && taken.length === 0) break
    }
    return answers
  }

  /** Takes the next state, and compares it and the answers with what was promised. */
  #committed({ state, answers }: Advance, taken: readonly Told[]): void {
    const before = this.state
    for (const [place, { message }] of taken.entries()) this.#checkAnswer(message, answers[place]!, before)
    this.#noteStarts(state, taken)
    this.state = state
    this.#checkState(before)
  }

  #noteStarts(state: GroupState | undefined, taken: readonly Told[]): void {
    for (const stream of state?.streams.values() ?? []) {
      if (this.#runOf(stream) !== undefined) continue
      let leftOutBelow = 0
      for (const { message } of taken) {
        if (message.type === 'join') leftOutBelow = message.pins.get(stream.name)?.shardsBelow ?? 0
        else if (message.type === 'reset' && message.stream === stream.name)
          leftOutBelow = message.pins?.shardsBelow ?? 0
        else if (message.type === 'saveProgress') leftOutBelow = message.progress.shardsBelow
      }
      this.#runs.set(idOf(stream), {
        listed: new Set(),
        ended: new Set(),
        mayBeEnded: new Set(),
        next: new Map(),
        leftOutBelow,
      })
    }
  }

  /** A change was stored in part, and nobody was told: what it says may hold. */
  #mayHaveEnded(taken: readonly Told[], answers: readonly GroupAnswer[]): void {
    for (const [place, { message }] of taken.entries()) {
      const answer = answers[place]!
      if (message.type === 'saveProgress' && answer.is === 'done') this.#endByProgress(message)
      if (message.type !== 'saveCheckpoints' || answer.is !== 'checkpoints') continue
      for (const [at, { streamId, shardIndex, isEnd }] of message.checkpoints.entries()) {
        if (isEnd && answer.results[at]!.code === undefined) this.#mayBeEnded(streamId, shardIndex)
      }
    }
  }

  #endByProgress({ progress, isPartial }: SaveProgressMessage): void {
    if (isPartial) return
    const listed = new Set(progress.shards.map(({ shardIndex }) => shardIndex))
    for (let shardIndex = 0; shardIndex < progress.shardsBelow; shardIndex++) {
      if (!listed.has(shardIndex)) this.#mayBeEnded(progress.streamId, shardIndex)
    }
  }

  #mayBeEnded(streamId: number, shardIndex: number): void {
    const stream = this.state && streamOf(this.state, streamId)
    if (stream !== undefined) this.#runOf(stream)!.mayBeEnded.add(shardIndex)
  }

  /** The controller ends, and another one reads what is stored. */
  restart(): void {
    const before = this.state
    this.state = restored(GROUP, this.store.read(), this.moment)
    this.#checkState(before)
    this.tell([{ type: 'tick' }])
  }

  /** Removes the rows that say nothing, as the sweep does. */
  sweep(): void {
    for (const [id, { family, key }] of this.store.rows) {
      if (family === 'document') continue
      if (family === 'group' ? this.state === undefined : isGarbage(GROUP, this.state, { family, key })) {
        this.store.rows.delete(id)
      }
    }
  }

  /** How many shards each member has. */
  counts(): readonly number[] {
    const { state } = this
    return state === undefined
      ? []
      : Array.from(state.members.keys(), (id) => [...leasesOf(state, id)].length)
  }

  #runOf(stream: GroupStream): Run | undefined {
    return this.#runs.get(idOf(stream))
  }

  /** No row of a lease goes back. */
  #checkRows(writes: Parameters<ModelStore['write']>[0]): void {
    for (const { family, key, value } of writes) {
      const stored = this.store.rows.get(`${family} ${key}`)?.value
      if (family !== 'lease' || value === undefined || stored === undefined) continue
      const [before, after] = [stored, value] as { next: number | null; epoch: number }[]
      must((after!.next ?? -1) >= (before!.next ?? -1), `${key} goes back to ${after!.next}`)
      must(after!.epoch >= before!.epoch, `the epoch of ${key} goes back`)
    }
  }

  /** A checkpoint is taken from the present owner in the present epoch, and within the shard. */
  #checkAnswer(message: GroupMessage, answer: GroupAnswer, before: GroupState | undefined): void {
    if (message.type === 'saveProgress' && answer.is === 'done') this.#endByProgress(message)
    if (message.type !== 'saveCheckpoints' || answer.is !== 'checkpoints') return
    for (const [place, checkpoint] of message.checkpoints.entries()) {
      if (answer.results[place]!.code !== undefined) continue
      const { streamId, shardIndex, epoch, next, isEnd } = checkpoint
      const ghost = this.#ghosts.get(`${streamId}/${shardIndex}`)
      const member = before?.members.get(message.memberId)
      must(member?.secretHash === message.secretHash, 'another process checkpoints')
      must(ghost?.epoch === epoch, `epoch ${epoch} checkpoints in ${ghost?.epoch}`)
      must(ghost.owners.get(epoch) === `${message.memberId} ${member.number}`, 'another member checkpoints')
      must(
        next <= (this.catalog.tailOf(streamId, shardIndex) ?? Infinity),
        'a checkpoint lies beyond the tail',
      )
      const stream = [...before!.streams.values()].find((one) => one.streamId === streamId)!
      const run = this.#runOf(stream)!
      if (isEnd) {
        must(next === (this.catalog.tailOf(streamId, shardIndex) ?? next), 'an end is not the end')
        run.ended.add(shardIndex)
      } else {
        must(next >= (run.next.get(shardIndex) ?? 0), 'a checkpoint goes back')
        run.next.set(shardIndex, next)
      }
    }
  }

  #checkState(before: GroupState | undefined): void {
    const { state } = this
    if (state === undefined) return
    must(state.counter <= this.store.version, 'more numbers are given than changes made')
    for (const stream of state.streams.values()) {
      const known = before?.streams.get(stream.name)
      if (known?.leases === stream.leases && known.shards === stream.shards) continue
      this.#checkStream(state, stream)
    }
    for (const { renewedAt, leaseMs } of state.members.values()) {
      must(state.expiresAt <= renewedAt + leaseMs, 'the end of a lease is overlooked')
    }
  }

  #checkStream(state: GroupState, stream: GroupStream): void {
    const run = this.#runOf(stream)!
    for (const lease of stream.leases.values()) {
      const { shardIndex, epoch, owner } = lease
      run.listed.add(shardIndex)
      must(!run.ended.has(shardIndex), `shard ${shardIndex} is read again after its end`)
      must((lease.next ?? 0) >= (run.next.get(shardIndex) ?? 0), `the checkpoint of ${shardIndex} is lost`)
      if (owner === undefined) continue
      const member = state.members.get(owner)
      must(member !== undefined, `${owner} has a shard, and is no member`)
      this.#checkOwner(`${stream.streamId}/${shardIndex}`, epoch, `${owner} ${member.number}`)
      this.#checkParents(stream, shardIndex, run)
    }
    // Every shard below the bound is read, was read to its end, has expired, or was left out.
    for (const shardIndex of stream.shards.keys()) {
      if (shardIndex >= stream.shardsBelow || stream.leases.has(shardIndex) || run.ended.has(shardIndex))
        continue
      const isLeftOut = shardIndex < run.leftOutBelow && !run.listed.has(shardIndex)
      if (run.mayBeEnded.has(shardIndex)) continue
      must(isLeftOut, `shard ${shardIndex} is forgotten`)
    }
  }

  #checkOwner(shard: string, epoch: number, owner: string): void {
    const ghost = this.#ghosts.get(shard) ?? { epoch: 0, owners: new Map<number, string>() }
    this.#ghosts.set(shard, ghost)
    must(epoch >= ghost.epoch, `the epoch of shard ${shard} falls from ${ghost.epoch} to ${epoch}`)
    must((ghost.owners.get(epoch) ?? owner) === owner, `epoch ${epoch} of shard ${shard} has two owners`)
    ghost.epoch = epoch
    ghost.owners.set(epoch, owner)
  }

  #checkParents(stream: GroupStream, shardIndex: number, run: Run): void {
    for (const parent of stream.shards.get(shardIndex)?.parents ?? []) {
      const isEnded = run.ended.has(parent) || (run.mayBeEnded.has(parent) && !stream.leases.has(parent))
      const isUnfinished = run.listed.has(parent) && !isEnded && stream.shards.has(parent)
      must(!isUnfinished, `shard ${shardIndex} is read before its parent ${parent}`)
    }
  }
}

/** Throws where a promise is broken. Far cheaper than an assertion of the test runner, and called millions of times. */
export function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what)
}

function idOf({ streamId, generation }: GroupStream): string {
  return `${streamId}/${generation}`
}
