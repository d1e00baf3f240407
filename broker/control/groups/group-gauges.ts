// The gauges of consumer groups, set just before they are collected. Runs in the controller. Tails come from the hosts' memory, for
// all shards in one question to each; how old the oldest record is, is asked only of shards that are behind, the furthest ones
// first: groups that have processed everything cost a few numbers.
import { shardsOf, type CatalogState, type Shard } from '../catalog-state.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import type { HostQuestions } from './host-questions.ts'
import { isAssignable } from './machine/assignment.ts'
import type { GroupState, GroupStream, Lease } from './machine/state.ts'

/** Groups with a label of their own. */
const GROUPS_NAMED_MAX = 500
/** Label of all other groups; no group has such a name. */
const OTHERS = '(others)'
/** Shards whose oldest record is looked at in one collection. */
const AGES_MAX = 4_096

export type GroupInstruments = Pick<
  Instruments,
  | 'millrace_groups'
  | 'millrace_group_members'
  | 'millrace_group_lag_records'
  | 'millrace_group_lag_seconds'
  | 'millrace_group_unowned_shards'
  | 'millrace_group_blocked_shards'
>

interface Measured {
  members: number
  unowned: number
  blocked: number
  records: number
  oldestMs: number
}

interface Behind {
  readonly label: string
  readonly shard: Shard
  readonly stream: GroupStream
  readonly lease: Lease
  /** At most so many records. */
  readonly records: number
}

/** Measures groups, in the order of their names. A host that is down leaves its shards out, and never takes long. */
export async function measureGroups(
  groups: readonly GroupState[],
  {
    instruments,
    catalog,
    hosts,
    wall,
  }: { instruments: GroupInstruments; catalog: CatalogState; hosts: HostQuestions; wall: number },
): Promise<void> {
  const byLabel = new Map<string, Measured>()
  const known: Omit<Behind, 'records'>[] = []
  for (const [place, state] of groups.entries()) {
    const label = place < GROUPS_NAMED_MAX ? state.name : OTHERS
    const measured = byLabel.get(label) ?? { members: 0, unowned: 0, blocked: 0, records: 0, oldestMs: 0 }
    byLabel.set(label, measured)
    measured.members += state.members.size
    for (const stream of state.streams.values()) {
      const shards = shardsOf(catalog, stream.streamId)
      for (const lease of stream.leases.values()) {
        if (lease.owner === undefined && isAssignable(stream, lease)) measured.unowned++
        if (lease.report?.state === 'blocked') measured.blocked++
        const shard = shards.get(lease.shardIndex)
        if (shard !== undefined) known.push({ label, shard, stream, lease })
      }
    }
  }
  const tails = await hosts.tailsOf(known.map(({ shard }) => shard))
  const behind = known
    .flatMap((each, place): Behind[] => {
      const records = (tails[place] ?? 0) - (each.lease.next ?? each.shard.startingSequenceNumber)
      return records > 0 ? [{ ...each, records }] : []
    })
    .toSorted((a, b) => b.records - a.records)
    .slice(0, AGES_MAX)
  const backlogs = await hosts.backlogsOf(
    behind.map(({ shard, stream, lease }) => ({ shard, next: lease.next, timestamp: stream.from.timestamp })),
  )
  for (const [place, { label }] of behind.entries()) {
    const backlog = backlogs[place]
    if (backlog === undefined) continue
    const measured = byLabel.get(label)!
    measured.records = Math.max(measured.records, backlog.records)
    const age = backlog.oldestArrival === null ? 0 : wall - backlog.oldestArrival
    measured.oldestMs = Math.max(measured.oldestMs, age)
  }
  instruments.millrace_groups.set(groups.length)
  const replace = (gauge: Instruments['millrace_group_members'], of: (measured: Measured) => number): void =>
    gauge.replace(Array.from(byLabel, ([label, measured]) => [label, of(measured)] as const))
  replace(instruments.millrace_group_members, ({ members }) => members)
  replace(instruments.millrace_group_lag_records, ({ records }) => records)
  replace(instruments.millrace_group_lag_seconds, ({ oldestMs }) => oldestMs / 1_000)
  replace(instruments.millrace_group_unowned_shards, ({ unowned }) => unowned)
  replace(instruments.millrace_group_blocked_shards, ({ blocked }) => blocked)
}
