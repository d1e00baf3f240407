// A group's progress as a value, which a reader without members loads and saves; and the reset of a group. Runs in the
// controller; pure.
import { limits } from '../../../../protocol/limits.ts'
import type { WireProgress } from '../../../../protocol/operations.ts'
import { shardIdOf } from '../../../../protocol/shards/shard-id.ts'
import { countOf } from '../../../../protocol/text/count-text.ts'
import { noGroup, noStream } from '../../../access/absence.ts'
import type { Draft } from './draft.ts'
import { create } from './membership.ts'
import { done, refused, type GroupAnswer, type ResetMessage, type SaveProgressMessage } from './messages.ts'
import { endOf, freeLease, shardCount, type GroupStream } from './state.ts'
import { startStream } from './subscriptions.ts'

/** Returns how far the group has come. Shards that are not listed yet begin where the group began. */
export function progressOf({ streamId, shardsBelow, leases, shards, from }: GroupStream): WireProgress {
  const listed = Array.from(leases.values(), ({ shardIndex, next }) => ({ shardIndex, next }))
  const unlisted = Array.from(shards.keys(shardsBelow - 1), (shardIndex) => ({ shardIndex, next: undefined }))
  return {
    streamId,
    shardsBelow: Math.max(shardsBelow, (shards.lastKey() ?? -1) + 1),
    shards: [...listed, ...unlisted],
    from: { type: from.type, sequenceNumber: undefined, timestamp: from.timestamp },
  }
}

export function loadProgress(draft: Draft, name: string): GroupAnswer {
  const stream = draft.found?.streams.get(name)
  return { is: 'progress', progress: stream && progressOf(stream) }
}

export function groupNotFound(name: string): GroupAnswer {
  return refused('groupNotFound', noGroup(name))
}

/** Returns the refusal of what is done only to a group without members; undefined if it has none. */
export function refusedInUse(draft: Draft, todo: string): GroupAnswer | undefined {
  const members = draft.found?.members.size ?? 0
  if (members === 0) return undefined
  const who = `${[...draft.state.members.keys()].slice(0, 3).join(', ')}${members > 3 ? ', …' : ''}`
  return refused(
    'groupInUse',
    `Group ${draft.name} has ${countOf(members, 'member')} (${who}): stop them ${todo}.`,
  )
}

export function reset(draft: Draft, { stream, to, pins, isForced }: ResetMessage): GroupAnswer {
  const { found, name: group } = draft
  if (found === undefined) return groupNotFound(group)
  const inUse = isForced ? undefined : refusedInUse(draft, 'first, or force the reset')
  if (inUse !== undefined) return inUse
  const facts = draft.factsOf(stream)
  if (facts === undefined || !found.streams.has(stream)) {
    return refused('streamNotFound', `Group ${group} reads no stream called ${stream}.`)
  }
  if (to.type === 'LATEST' && pins?.streamId !== facts.streamId) {
    return refused('unavailable', `Stream ${stream} was changed meanwhile; nothing was done, try again.`)
  }
  // The leases of the old generation are gone, and with them their epochs: the members are fenced.
  startStream(draft, stream, to, pins)
  return { is: 'progress', progress: progressOf(draft.stream(stream)) }
}

/** Stores the progress of a reader that is no member, and so holds no lease. */
export function saveProgress(draft: Draft, message: SaveProgressMessage): GroupAnswer {
  const inUse = refusedInUse(draft, 'first')
  if (inUse !== undefined) return inUse
  const { stream: name, progress, isPartial } = message
  const facts = draft.factsOf(name)
  if (facts === undefined) return refused('streamNotFound', noStream(name))
  if (facts.streamId !== progress.streamId) {
    return invalid(
      `The progress is of stream number ${progress.streamId}; ${name} is number ${facts.streamId} now.`,
    )
  }
  const known = draft.found?.streams.get(name)
  if (known === undefined && isPartial) {
    return invalid(`Group ${draft.name} has no progress in stream ${name}: save all of it first.`)
  }
  const problem = problemOf(draft, message, known)
  if (problem !== undefined) return problem
  if (draft.found === undefined) create(draft, message.by)
  store(draft, message, known)
  return done
}

function store(
  draft: Draft,
  { stream: name, progress, isPartial }: SaveProgressMessage,
  known?: GroupStream,
): void {
  const { shards } = draft.factsOf(name)!
  if (known === undefined) {
    const from = progress.from ?? { type: 'TRIM_HORIZON', timestamp: undefined }
    const pinned = progress.shards.filter(({ shardIndex }) => shards.has(shardIndex))
    begin(draft, name, { from, shardsBelow: progress.shardsBelow, pinned })
    return
  }
  const listed = new Map(progress.shards.map((shard) => [shard.shardIndex, shard.next]))
  if (!isPartial) {
    for (const shardIndex of known.leases.keys()) {
      if (shardIndex < progress.shardsBelow && !listed.has(shardIndex)) draft.removeLease(name, shardIndex)
    }
    const stream = draft.stream(name)
    draft.putStream({ ...stream, shardsBelow: Math.max(stream.shardsBelow, progress.shardsBelow) })
  }
  for (const [shardIndex, next] of listed) {
    if (!shards.has(shardIndex)) continue
    const lease = draft.stream(name).leases.get(shardIndex) ?? freeLease(shardIndex, undefined)
    const isKnown = known.leases.has(shardIndex)
    if (isKnown && (next === undefined || next === lease.next)) continue
    draft.putLease(name, { ...lease, next, checkpointedAt: draft.at.wall }, true)
  }
}

function begin(
  draft: Draft,
  name: string,
  {
    from,
    shardsBelow,
    pinned,
  }: Pick<GroupStream, 'from' | 'shardsBelow'> & { pinned: WireProgress['shards'] },
): void {
  const { streamId } = draft.factsOf(name)!
  startStream(draft, name, { type: 'LATEST', timestamp: undefined }, { streamId, shardsBelow, shards: [] })
  draft.putStream({ ...draft.stream(name), from: { type: from.type, timestamp: from.timestamp } })
  for (const { shardIndex, next } of pinned) {
    const lease = freeLease(shardIndex, next)
    draft.putLease(name, { ...lease, checkpointedAt: draft.at.wall }, true)
  }
}

function problemOf(
  draft: Draft,
  { stream: name, progress, isPartial, tails }: SaveProgressMessage,
  known: GroupStream | undefined,
): GroupAnswer | undefined {
  const { shards } = draft.factsOf(name)!
  const { shardsBelow } = progress
  const shardsEnd = (shards.lastKey() ?? -1) + 1
  if (shardsBelow > shardsEnd)
    return invalid(`The progress knows ${shardsBelow} shards; stream ${name} has ${shardsEnd}.`)
  const listed = new Set<number>()
  for (const { shardIndex, next } of progress.shards) {
    const label = `${shardIdOf(shardIndex)} of stream ${name}`
    if (listed.has(shardIndex)) return invalid(`${label} is listed twice.`)
    listed.add(shardIndex)
    if (shardIndex >= shardsBelow)
      return invalid(`${label} is listed, but the progress knows ${shardsBelow} shards.`)
    const shard = shards.get(shardIndex)
    if (shard === undefined) continue
    const lease = known?.leases.get(shardIndex)
    if (known !== undefined && shardIndex < known.shardsBelow && lease === undefined) {
      return invalid(`${label} is processed to its end already: progress moves forward.`)
    }
    if (next === undefined) {
      if (lease?.next === undefined) continue
      return invalid(`${label} is processed up to ${lease.next} already: progress moves forward.`)
    }
    const from = lease?.next ?? 0
    if (next < from)
      return invalid(`The position ${next} in ${label} lies before ${from}: progress moves forward.`)
    const tail = endOf(shard) ?? tails.get(shardIndex)
    if (tail === undefined)
      return refused('unavailable', `The host of ${label} is down; nothing was stored, try again.`)
    if (next > tail) return invalid(`The position ${next} in ${label} lies beyond its tail, ${tail}.`)
  }
  if (!isPartial) {
    for (const { index, state } of shards.values()) {
      if (state === 'OPEN' && index < shardsBelow && !listed.has(index)) {
        return invalid(
          `${shardIdOf(index)} of stream ${name} is open, and so cannot be processed to its end: list it.`,
        )
      }
    }
  }
  return known === undefined ? refusedAsFull(draft, listed.size) : undefined
}

/** Refuses a stream that is one too many, or has too many shards. */
function refusedAsFull({ found, name }: Draft, shards: number): GroupAnswer | undefined {
  const { streamsPerGroupMax, shardsPerGroupMax } = limits
  if (found !== undefined && found.streams.size >= streamsPerGroupMax) {
    return refused('limitExceeded', `Group ${name} reads the most streams, ${streamsPerGroupMax}.`)
  }
  const all = shards + shardCount(found?.streams.values() ?? [])
  if (all <= shardsPerGroupMax) return undefined
  return refused(
    'limitExceeded',
    `Group ${name} would have more than ${shardsPerGroupMax} shards to read, the most that a group has.`,
  )
}

function invalid(message: string): GroupAnswer {
  return refused('invalidCheckpoint', message)
}
