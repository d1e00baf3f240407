// What a group promises, checked after each committed change against everything that was committed before: epochs and their
// owners, checkpoints, parents before children, that no shard is forgotten and none is taken from a member. Pure.
import type { Told } from '../../../../../../broker/control/groups/machine/advance.ts'
import { isAssignable } from '../../../../../../broker/control/groups/machine/assignment.ts'
import type {
  GroupAnswer,
  GroupMessage,
  SaveProgressMessage,
} from '../../../../../../broker/control/groups/machine/messages.ts'
import {
  leasesOf,
  streamOf,
  wants,
  type GroupState,
  type GroupStream,
  type Lease,
  type GroupMoment,
} from '../../../../../../broker/control/groups/machine/state.ts'
import type { ModelCatalog } from './model-catalog.ts'

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

/** A change that was committed. */
interface Committed {
  readonly before: GroupState | undefined
  readonly after: GroupState | undefined
  readonly taken: readonly Told[]
  readonly answers: readonly GroupAnswer[]
  readonly at: GroupMoment
}

export class Promises {
  readonly #catalog: ModelCatalog
  readonly #ghosts = new Map<string, Ghost>()
  readonly #runs = new Map<string, Run>()
  /** By the secret of a process and a version: what a sync would tell it. */
  readonly #told = new Map<string, string>()

  constructor(catalog: ModelCatalog) {
    this.#catalog = catalog
  }

  committed(change: Committed): void {
    const { before, after, taken, answers } = change
    for (const [place, { message }] of taken.entries()) this.#answered(message, answers[place]!, before)
    this.#noteStarts(before, after, taken)
    this.#rememberedStreams(before, after)
    if (before !== undefined) this.#keptByMembers(before, change)
    this.holds(before, after)
    if (after !== undefined) this.#versionsAreOwn(after)
  }

  /** A change was stored in part, and nobody was told: what it says may hold. */
  storedInPart(
    before: GroupState | undefined,
    taken: readonly Told[],
    answers: readonly GroupAnswer[],
  ): void {
    for (const [place, { message }] of taken.entries()) {
      const answer = answers[place]!
      if (message.type === 'saveProgress' && answer.is === 'done') this.#endByProgress(message, before)
      if (message.type !== 'saveCheckpoints' || answer.is !== 'checkpoints') continue
      for (const [at, { streamId, shardIndex, isEnd }] of message.checkpoints.entries()) {
        const isStored = isEnd && answer.results[at]!.code === undefined
        if (isStored) this.#runIn(before, streamId)?.mayBeEnded.add(shardIndex)
      }
    }
  }

  /** A state, however it came about. */
  holds(before: GroupState | undefined, state: GroupState | undefined): void {
    for (const stream of state?.streams.values() ?? []) {
      const known = before?.streams.get(stream.name)
      if (known?.leases !== stream.leases || known.shards !== stream.shards) this.#checkStream(state!, stream)
    }
    for (const { renewedAt, leaseMs } of state?.members.values() ?? []) {
      must(state!.expiresAt <= renewedAt + leaseMs, 'the end of a lease is overlooked')
    }
  }

  /** After everything that there was to do is done. */
  settled(state: GroupState, { now }: GroupMoment): void {
    for (const { memberId, renewedAt, leaseMs } of state.members.values()) {
      must(now < renewedAt + leaseMs, `the lease of ${memberId} has ended, and it is a member`)
    }
    for (const stream of state.streams.values()) {
      const hasReader = [...state.members.values()].some((member) => wants(member, stream.name))
      for (const lease of stream.leases.values()) {
        const isOwned = lease.owner !== undefined || !isAssignable(stream, lease)
        must(isOwned || !hasReader || now < state.graceUntil, `shard ${lease.shardIndex} has no member`)
        must(stream.shards.has(lease.shardIndex) || lease.isRevoked, 'an expired shard is kept')
      }
      must(!state.isListing, 'a listing never ends')
      must(stream.shardsBelow === (stream.shards.lastKey() ?? -1) + 1, 'a shard is not listed')
    }
  }

  /** A restart loses nothing of what was committed. */
  restored(before: GroupState | undefined, after: GroupState | undefined): void {
    const leaseText = ({ shardIndex, epoch, owner, next }: Lease): string =>
      `${shardIndex} is ${owner}'s in ${epoch} at ${next}`
    const isThere = (name: string, { shardIndex }: Lease): boolean =>
      this.#catalog.streams.get(name)?.shards.has(shardIndex) === true
    const textOf = (state: GroupState | undefined): string =>
      JSON.stringify({
        members: Array.from(state?.members.values() ?? [], ({ memberId, number }) => `${memberId} ${number}`),
        isPaused: state?.isPaused,
        gone: [...(state?.gone.keys() ?? [])],
        wanted: [...(state?.wanted.keys() ?? [])],
        streams: Array.from(state?.streams.values() ?? [], ({ leases, ...stream }) => [
          `${stream.name} ${idOf(stream)} ${stream.shardsBelow} ${stream.from.type}`,
          // Leases of shards that have expired are dropped again at the first look.
          ...[...leases.values()].filter((lease) => isThere(stream.name, lease)).map(leaseText),
        ]),
      })
    must(textOf(before) === textOf(after), `a restart changes ${textOf(before)} to ${textOf(after)}`)
  }

  #runIn(state: GroupState | undefined, streamId: number): Run | undefined {
    const stream = state && streamOf(state, streamId)
    return stream && this.#runs.get(idOf(stream))
  }

  #noteStarts(before: GroupState | undefined, state: GroupState | undefined, taken: readonly Told[]): void {
    for (const stream of state?.streams.values() ?? []) {
      if (this.#runs.has(idOf(stream))) continue
      const { name, streamId } = stream
      const known = before?.streams.get(name)
      // A stream that was made again is read from its first record on, whatever a member wishes.
      const isMadeAgain =
        before?.gone.has(name) === true || (known !== undefined && known.streamId !== streamId)
      const leftOut = taken.map(({ message }) => leftOutBelow(message, stream.name))
      const sets = { listed: new Set<number>(), ended: new Set<number>(), mayBeEnded: new Set<number>() }
      this.#runs.set(idOf(stream), {
        ...sets,
        next: new Map(),
        leftOutBelow: isMadeAgain ? 0 : Math.max(0, ...leftOut),
      })
    }
  }

  /** A stream that was deleted is known by its name until it is read again. */
  #rememberedStreams(before: GroupState | undefined, after: GroupState | undefined): void {
    if (after === undefined || after.since !== before?.since) return
    for (const name of [...before.streams.keys(), ...before.gone.keys()]) {
      must(after.streams.has(name) !== after.gone.has(name), `stream ${name} is forgotten`)
    }
  }

  #endByProgress({ progress, isPartial }: SaveProgressMessage, before: GroupState | undefined): void {
    if (isPartial) return
    const listed = new Set(progress.shards.map(({ shardIndex }) => shardIndex))
    const run = this.#runIn(before, progress.streamId)
    for (let index = 0; index < progress.shardsBelow; index++)
      if (!listed.has(index)) run?.mayBeEnded.add(index)
  }

  /** A checkpoint is taken from the present owner in the present epoch, and within the shard; none goes back. */
  #answered(message: GroupMessage, answer: GroupAnswer, before: GroupState | undefined): void {
    if (message.type === 'saveProgress' && answer.is === 'done') {
      this.#endByProgress(message, before)
      const run = this.#runIn(before, message.progress.streamId)
      for (const { shardIndex, next } of message.progress.shards) {
        must((next ?? Infinity) >= (run?.next.get(shardIndex) ?? 0), 'progress goes back')
        if (next !== undefined) run?.next.set(shardIndex, next)
      }
    }
    if (message.type !== 'saveCheckpoints' || answer.is !== 'checkpoints') return
    const member = before?.members.get(message.memberId)
    for (const [place, { streamId, shardIndex, epoch, next, isEnd }] of message.checkpoints.entries()) {
      if (answer.results[place]!.code !== undefined) continue
      const ghost = this.#ghosts.get(`${streamId}/${shardIndex}`)
      must(member?.secretHash === message.secretHash, 'another process checkpoints')
      const tail = this.#catalog.tailOf(streamId, shardIndex)
      must(next <= (tail ?? Infinity), 'a checkpoint lies beyond the tail')
      must(!isEnd || next === (tail ?? next), 'an end is not the end')
      const run = this.#runIn(before, streamId)!
      // A repeated word of the end, after those who know who gave it are gone: it stores nothing.
      if (isEnd && (run.ended.has(shardIndex) || run.mayBeEnded.has(shardIndex)) && ghost?.epoch !== epoch) {
        must(epoch < (ghost?.epoch ?? Infinity), 'an epoch that was never given checkpoints')
        continue
      }
      must(ghost?.epoch === epoch, `epoch ${epoch} checkpoints in ${ghost?.epoch}`)
      must(ghost.owners.get(epoch) === `${message.memberId} ${member.number}`, 'another member checkpoints')
      must(next >= (run.next.get(shardIndex) ?? 0), 'a checkpoint goes back')
      run.next.set(shardIndex, next)
      if (isEnd) run.ended.add(shardIndex)
    }
  }

  /** A member goes because it left, or its lease has ended; and while it stays, its shards go because it says so. */
  #keptByMembers(before: GroupState, { after, taken, at }: Committed): void {
    if (after === undefined || taken.some(({ message }) => message.type === 'delete')) return
    for (const { memberId, number, renewedAt, leaseMs } of before.members.values()) {
      if (after.members.get(memberId)?.number === number) continue
      const hasLeft = taken.some(({ message }) => message.type === 'leave' && message.memberId === memberId)
      must(hasLeft || at.now >= renewedAt + leaseMs, `${memberId} loses its lease before its time`)
    }
    for (const stream of before.streams.values()) {
      const there = after.streams.get(stream.name)
      if (there === undefined || idOf(there) !== idOf(stream)) {
        const isReset = taken.some(
          ({ message }) => message.type === 'reset' && message.stream === stream.name,
        )
        const isGone = this.#catalog.streams.get(stream.name)?.streamId !== stream.streamId
        must(isReset || isGone, `stream ${stream.name} is dropped`)
        continue
      }
      for (const { shardIndex, owner, epoch } of stream.leases.values()) {
        const member = owner === undefined ? undefined : before.members.get(owner)
        if (owner === undefined || after.members.get(owner)?.number !== member?.number) continue
        const lease = there.leases.get(shardIndex)
        const isKept = lease?.owner === owner && lease.epoch === epoch
        const shard = { streamId: stream.streamId, shardIndex, epoch }
        must(
          isKept || taken.some(({ message }) => gives(message, owner, shard)),
          `shard ${shardIndex} is taken away`,
        )
      }
    }
  }

  /** A process never takes an assignment for one that it knows. */
  #versionsAreOwn(state: GroupState): void {
    for (const { memberId, secretHash, version, isSynced } of state.members.values()) {
      if (!isSynced) continue
      const leases = Array.from(leasesOf(state, memberId), ({ stream, lease }) => [
        `${stream.streamId}/${lease.shardIndex} ${lease.epoch} ${lease.isRevoked}`,
      ])
      const text = `${state.isPaused} ${leases.join()}`
      const id = `${secretHash} ${version}`
      must(
        (this.#told.get(id) ?? text) === text,
        `version ${version} of ${memberId} is told as two assignments`,
      )
      this.#told.set(id, text)
    }
  }

  #checkStream(state: GroupState, stream: GroupStream): void {
    const run = this.#runs.get(idOf(stream))!
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
      if (shardIndex >= stream.shardsBelow || stream.leases.has(shardIndex)) continue
      const isEnded = run.ended.has(shardIndex) || run.mayBeEnded.has(shardIndex)
      const isLeftOut = shardIndex < run.leftOutBelow && !run.listed.has(shardIndex)
      must(isEnded || isLeftOut, `shard ${shardIndex} is forgotten`)
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

/** Shards below this index, of a stream that the message begins, are left out unless they are named. */
function leftOutBelow(message: GroupMessage, name: string): number {
  if (message.type === 'join') return message.pins.get(name)?.shardsBelow ?? 0
  if (message.type === 'reset' && message.stream === name) return message.pins?.shardsBelow ?? 0
  return message.type === 'saveProgress' ? message.progress.shardsBelow : 0
}

/** True if the member says in the message that it does not read the shard any more. */
function gives(
  message: GroupMessage,
  memberId: string,
  { streamId, shardIndex, epoch }: { streamId: number; shardIndex: number; epoch: number },
): boolean {
  if (!('memberId' in message) || message.memberId !== memberId) return false
  const isIt = (one: { streamId: number; shardIndex: number; epoch: number }): boolean =>
    one.streamId === streamId && one.shardIndex === shardIndex && one.epoch === epoch
  if (message.type === 'sync') return message.released.some(isIt)
  return message.type === 'saveCheckpoints' && message.checkpoints.some((one) => one.isEnd && isIt(one))
}

/** Throws where a promise is broken. Far cheaper than an assertion of the test runner, and called millions of times. */
export function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what)
}

function idOf({ streamId, generation }: Pick<GroupStream, 'streamId' | 'generation'>): string {
  return `${streamId}/${generation}`
}
