// Describes groups for operators: members, and each shard with its lag and the reason for it. Runs in the controller.
import type { Backlog } from '../../host-contract.ts'
import type { RequestOf, ResponseOf, WireGroupMember, WireGroupShard } from '../../../protocol/operations.ts'
import { shardsOf, type CatalogState } from '../catalog-state.ts'
import type { HostQuestions } from './host-questions.ts'
import { reasonOf } from './machine/reasons.ts'
import {
  shardCount,
  type GroupState,
  type GroupStream,
  type Lease,
  type GroupMoment,
} from './machine/state.ts'

type Page = Pick<ResponseOf<'describeGroup'>, 'shards' | 'hasMore'>

/** Which streams the one who asks may see. Of others a description tells nothing, not even their number. */
export type SeesStream = (name: string) => boolean

export function describeGroup(state: GroupState, sees: SeesStream): ResponseOf<'describeGroup'>['group'] {
  const streams = [...state.streams.values()].filter(({ name }) => sees(name))
  return {
    name: state.name,
    createdAt: state.createdAt,
    streams: streams.map(({ name }) => name),
    members: state.members.size,
    shards: shardCount(streams),
    isPaused: state.isPaused,
    goneStreams: [...state.gone.values()].filter(({ name }) => sees(name)),
  }
}

export function describeMembers(
  state: GroupState,
  { now }: GroupMoment,
  sees: SeesStream,
): readonly WireGroupMember[] {
  const counts = new Map<string, number>()
  for (const { name, leases } of state.streams.values()) {
    if (!sees(name)) continue
    for (const { owner } of leases.values())
      if (owner !== undefined) counts.set(owner, (counts.get(owner) ?? 0) + 1)
  }
  return Array.from(state.members.values(), ({ memberId, address, joinedAt, renewedAt, leaseMs }) => ({
    memberId,
    address,
    joinedAt,
    renewedMsAgo: Math.max(0, Math.round(now - renewedAt)),
    leaseMs,
    shards: counts.get(memberId) ?? 0,
  }))
}

/** Describes a page of the shards that are not processed to their end, and asks their hosts how far each is behind. */
export async function describeShards(
  state: GroupState,
  { limit, after }: Pick<RequestOf<'describeGroup'>, 'limit' | 'after'>,
  parts: {
    readonly catalog: CatalogState
    readonly hosts: HostQuestions
    readonly moment: GroupMoment
    readonly sees: SeesStream
  },
): Promise<Page> {
  const page: { stream: GroupStream; lease: Lease }[] = []
  let hasMore = false
  for (const each of pageFrom(state, after, parts.sees)) {
    hasMore = page.length === limit
    if (hasMore) break
    page.push(each)
  }
  const backlogs = await backlogsOf(page, parts)
  const { now, wall } = parts.moment
  const shards = page.map(({ stream, lease }, place): WireGroupShard => {
    const { owner, epoch, next, checkpointedAt, recordsPerSecond, shardIndex } = lease
    const backlog = backlogs[place]
    const arrival = backlog?.records === 0 ? wall : backlog?.oldestArrival
    return {
      streamName: stream.name,
      shardIndex,
      memberId: owner,
      epoch,
      next,
      checkpointedAt,
      recordsBehind: backlog?.records,
      bytesBehind: backlog?.bytes,
      millisBehind: arrival == null ? undefined : Math.max(0, wall - arrival),
      recordsPerSecond: Math.round(recordsPerSecond),
      ...reasonOf({ state, stream, lease, recordsBehind: backlog?.records, now }),
    }
  })
  return { shards, hasMore }
}

function* pageFrom(
  { streams }: GroupState,
  after: RequestOf<'describeGroup'>['after'],
  sees: SeesStream,
): Generator<{ stream: GroupStream; lease: Lease }> {
  for (const stream of streams.values()) {
    if (!sees(stream.name)) continue
    if (after !== undefined && stream.name < after.streamName) continue
    const above = stream.name === after?.streamName ? after.shardIndex : undefined
    for (const lease of stream.leases.values(above)) yield { stream, lease }
  }
}

/** In the order of the page; undefined for a shard that the catalog has no more, too. */
async function backlogsOf(
  page: readonly { readonly stream: GroupStream; readonly lease: Lease }[],
  { catalog, hosts }: { readonly catalog: CatalogState; readonly hosts: HostQuestions },
): Promise<readonly (Backlog | undefined)[]> {
  const asked = page.flatMap(({ stream, lease }, place) => {
    const shard = shardsOf(catalog, stream.streamId).get(lease.shardIndex)
    const { timestamp } = stream.from
    return shard === undefined ? [] : [{ shard, next: lease.next, timestamp, place }]
  })
  const answers = await hosts.backlogsOf(asked)
  const found: (Backlog | undefined)[] = page.map(() => undefined)
  for (const [at, { place }] of asked.entries()) found[place] = answers[at]
  return found
}
