// The rows of a group: from its state, and back to it. Runs in the controller; pure. The families are in
// catalog/small-families.ts. A group's own row is what counts: it names the generations of its leases, and the number from
// which its members count, so that a row that an interrupted change has left behind is known as such.
import { OrderedMap } from '../../../catalog/ordered-map.ts'
import type { SmallValueIn } from '../../../catalog/small-families.ts'
import type { SmallRow, SmallWrite } from '../../../small-rows-contract.ts'
import {
  freeLease,
  type GroupState,
  type GroupStream,
  type Lease,
  type Member,
  type GroupMoment,
  type StartPosition,
} from './state.ts'

type StoredPosition = SmallValueIn<'member'>['streams'][number]['from']
type LeasePlace = Pick<GroupStream, 'streamId' | 'generation'>

/** Rows of one group, as far as they can be read. Of a damaged row the key alone is known. */
export interface GroupRows {
  readonly group: SmallValueIn<'group'> | undefined
  readonly members: readonly SmallRow<'member'>[]
  readonly leases: readonly SmallRow<'lease'>[]
  readonly damagedLeases: readonly string[]
}

export function memberKey(group: string, memberId: string): string {
  return `${group}/${memberId}`
}

export function leaseKey(group: string, { streamId, generation }: LeasePlace, shardIndex: number): string {
  return `${group}/${streamId}/${generation}/${shardIndex}`
}

/** The beginning of the keys of all members and leases of a group. */
export function keysOf(group: string): string {
  return `${group}/`
}

export function memberRow(group: string, member: Member): SmallWrite<'member'> {
  const { memberId, number, secretHash, leaseMs, joinedAt } = member
  const streams = member.streams.map(({ name, from }) => ({ name, from: storedPosition(from) }))
  const value = { number, secretHash, leaseMs, streams, joinedAt }
  return { family: 'member', key: memberKey(group, memberId), value, expected: undefined }
}

export function leaseRow(state: GroupState, stream: GroupStream, lease: Lease): SmallWrite<'lease'> {
  const member = lease.owner === undefined ? undefined : state.members.get(lease.owner)
  const owner = member === undefined ? null : { memberId: member.memberId, number: member.number }
  const { epoch, next = null, checkpointedAt = null, shardIndex } = lease
  const key = leaseKey(state.name, stream, shardIndex)
  return { family: 'lease', key, value: { epoch, owner, next, checkpointedAt }, expected: undefined }
}

/** Makes the row of a group. A deleted one keeps its row until all of its other rows are removed. */
export function groupRow(state: GroupState, isDeleted: boolean): SmallWrite<'group'> {
  const { name, createdAt, createdBy, isPaused, since, counter } = state
  const streams = Array.from(isDeleted ? [] : state.streams.values(), (stream) => ({
    name: stream.name,
    streamId: stream.streamId,
    generation: stream.generation,
    from: storedPosition(stream.from),
    shardsBelow: stream.shardsBelow,
  }))
  const gone = isDeleted ? [] : [...state.gone.values()]
  const value = {
    isDeleted,
    createdAt,
    isPaused,
    since,
    counter,
    streams,
    ...(gone.length > 0 && { gone }),
    ...(createdBy !== undefined && { createdBy }),
  }
  return { family: 'group', key: name, value, expected: undefined }
}

/** Returns the state that the rows describe; each of its members has a full lease from this moment on. */
export function restored(name: string, rows: GroupRows, at: GroupMoment): GroupState | undefined {
  const { group } = rows
  if (group === undefined || group.isDeleted) return undefined
  const counter = Math.max(group.counter, greatestNumberIn(name, rows))
  const members = restoredMembers(name, { ...group, counter }, rows.members, at)
  const streams = new Map(
    group.streams.map((stream) => [`${stream.streamId}/${stream.generation}`, { stream, leases: noLeases }]),
  )
  const take = (key: string, leaseOf: (shardIndex: number) => Lease): void => {
    const place = placeOf(name, key)
    const found = place && streams.get(`${place.streamId}/${place.generation}`)
    if (!found || place.shardIndex >= found.stream.shardsBelow) return
    found.leases = found.leases.set(place.shardIndex, leaseOf(place.shardIndex))
  }
  for (const { key, value } of rows.leases) {
    take(key, (shardIndex) => restoredLease(shardIndex, value, members))
  }
  // What it said is lost, and the shard is not processed to its end: it begins where a shard without checkpoint begins.
  for (const key of rows.damagedLeases) take(key, (shardIndex) => freeLease(shardIndex, undefined))
  const all = Array.from(streams.values(), ({ stream, leases }): [string, GroupStream] => [
    stream.name,
    { ...stream, from: position(stream.from), leases, shards: OrderedMap.empty(), ended: OrderedMap.empty() },
  ])
  return {
    name,
    createdAt: group.createdAt,
    createdBy: group.createdBy,
    isPaused: group.isPaused,
    since: group.since,
    counter,
    streams: mapOf(all),
    gone: mapOf((group.gone ?? []).map((stream) => [stream.name, stream])),
    members,
    wanted: wantedBy(members.values()),
    joinedAt: -Infinity,
    expiresAt: members.size === 0 ? Infinity : at.now,
    lookAt: at.now,
    graceUntil: -Infinity,
    isUnsettled: true,
    isListing: true,
    followed: undefined,
  }
}

/**
 * Makes a row for a group whose own row is damaged, from those of its leases: no checkpoint is lost, and shards that were
 * processed to their end may be processed again. Every number that the group gave is below `version`.
 */
export function recoveredGroup(
  name: string,
  rows: GroupRows,
  {
    version,
    at,
    nameOf,
  }: { version: number; at: GroupMoment; nameOf: (streamId: number) => string | undefined },
): SmallValueIn<'group'> {
  const streams = new Map<number, SmallValueIn<'group'>['streams'][number]>()
  for (const key of [...rows.leases.map((lease) => lease.key), ...rows.damagedLeases]) {
    const place = placeOf(name, key)
    const streamName = place && nameOf(place.streamId)
    if (streamName === undefined) continue
    const { streamId, generation, shardIndex } = place!
    const known = streams.get(streamId)
    if (known !== undefined && known.generation > generation) continue
    const shardsBelow = Math.max(known?.generation === generation ? known.shardsBelow : 0, shardIndex + 1)
    const from = { type: 'TRIM_HORIZON', timestamp: null } as const
    streams.set(streamId, { name: streamName, streamId, generation, from, shardsBelow })
  }
  const numbers = { since: 0, counter: version }
  return { isDeleted: false, createdAt: at.wall, isPaused: false, ...numbers, streams: [...streams.values()] }
}

/** True if a row of this key says nothing of the group as it is: an interrupted change, or an earlier group, has left it. */
export function isGarbage(
  name: string,
  state: GroupState | undefined,
  { family, key }: { readonly family: 'member' | 'lease'; readonly key: string },
): boolean {
  if (state === undefined) return true
  if (family === 'member') return !state.members.has(key.slice(keysOf(name).length))
  const place = placeOf(name, key)
  if (place === undefined) return true
  for (const stream of state.streams.values()) {
    if (stream.streamId === place.streamId && stream.generation === place.generation) {
      return !stream.leases.has(place.shardIndex)
    }
  }
  return true
}

/** The greatest number in all rows: an interrupted change may have given it, and it is not given again. */
function greatestNumberIn(name: string, rows: GroupRows): number {
  let greatest = 0
  const see = (number: number): void => {
    greatest = Math.max(greatest, number)
  }
  for (const { value } of rows.members) see(value.number)
  for (const { key, value } of rows.leases) {
    see(value.epoch)
    see(placeOf(name, key)?.generation ?? 0)
  }
  for (const key of rows.damagedLeases) see(placeOf(name, key)?.generation ?? 0)
  return greatest
}

const noLeases: OrderedMap<number, Lease> = OrderedMap.empty()

function restoredMembers(
  name: string,
  { since, counter }: Pick<GroupState, 'since' | 'counter'>,
  rows: readonly SmallRow<'member'>[],
  at: GroupMoment,
): OrderedMap<string, Member> {
  let members = OrderedMap.empty<string, Member>()
  for (const { key, value } of rows) {
    if (value.number <= since) continue
    const memberId = key.slice(keysOf(name).length)
    members = members.set(memberId, {
      ...value,
      memberId,
      streams: value.streams.map((stream) => ({ name: stream.name, from: position(stream.from) })),
      address: '',
      renewedAt: at.now,
      syncedAt: at.now,
      version: counter,
      isSynced: false,
    })
  }
  return members
}

function wantedBy(members: Iterable<Member>): OrderedMap<string, number> {
  let wanted = OrderedMap.empty<string, number>()
  for (const { streams } of members) {
    for (const { name } of streams) wanted = wanted.set(name, (wanted.get(name) ?? 0) + 1)
  }
  return wanted
}

function restoredLease(
  shardIndex: number,
  { epoch, owner, next, checkpointedAt }: SmallValueIn<'lease'>,
  members: OrderedMap<string, Member>,
): Lease {
  const isOwned = owner !== null && members.get(owner.memberId)?.number === owner.number
  return {
    ...freeLease(shardIndex, next ?? undefined),
    epoch,
    owner: isOwned ? owner.memberId : undefined,
    checkpointedAt: checkpointedAt ?? undefined,
  }
}

function placeOf(name: string, key: string): (LeasePlace & { readonly shardIndex: number }) | undefined {
  const fields = key.slice(keysOf(name).length).split('/').map(Number)
  const [streamId, generation, shardIndex] = fields
  if (fields.length !== 3 || !fields.every(Number.isSafeInteger)) return undefined
  return { streamId: streamId!, generation: generation!, shardIndex: shardIndex! }
}

function storedPosition({ type, timestamp }: StartPosition): StoredPosition {
  return { type, timestamp: timestamp ?? null } as StoredPosition
}

function position({ type, timestamp }: StoredPosition): StartPosition {
  return { type, timestamp: timestamp ?? undefined }
}

function mapOf<V>(entries: readonly (readonly [string, V])[]): OrderedMap<string, V> {
  let map = OrderedMap.empty<string, V>()
  for (const [key, value] of entries) map = map.set(key, value)
  return map
}
