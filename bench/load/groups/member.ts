// Load: one member of a group that notes what it is handed. Runs in a load process.
import { once } from 'node:events'
import { connect } from '../../harness/connect.ts'
import { monotonicMs } from '../../harness/clock.ts'
import type { LoadControl } from '../job.ts'

export interface GroupMemberSettings {
  readonly url: string
  readonly stream: string
  readonly group: string
  readonly memberId: string
  readonly leaseMs: number
  /** It reports when it has had records of so many shards. */
  readonly shards: number
  /** It ends when it has had records of so many shards; Infinity for when it is stopped. */
  readonly shardsAtEnd: number
}

export interface GroupMemberResult {
  /** By shard, when the bench's clock showed the first record of it. */
  readonly firstAt: Readonly<Record<string, number>>
  /** By shard, the sequence numbers of its records, in the order in which the handler got them. */
  readonly handled: Readonly<Record<string, readonly number[]>>
}

export async function runGroupMember(
  settings: GroupMemberSettings,
  control: LoadControl,
): Promise<GroupMemberResult> {
  const { url, stream, group: name, memberId, leaseMs, shards, shardsAtEnd } = settings
  await using client = await connect(url)
  const firstAt: Record<string, number> = {}
  const handled: Record<string, number[]> = {}
  const group = client.group({ stream, name, memberId, leaseMs })
  const running = group.run((records, { shardId }) => {
    let numbers = handled[shardId]
    if (numbers === undefined) {
      firstAt[shardId] = monotonicMs()
      numbers = handled[shardId] = []
      const count = Object.keys(handled).length
      if (count === shards) control.ready()
      if (count === shardsAtEnd) void group.stop()
    }
    for (const { sequenceNumber } of records) numbers.push(sequenceNumber)
  })
  await Promise.race([once(control.stopped, 'abort'), running])
  await group.stop()
  await running
  return { firstAt, handled }
}
