// Formats registered consumers for people: lists, and each shard with the reason why the consumer is where it is. Pure.
import type { Consumer, ConsumerDescription, ConsumerShard } from '../../client/index.ts'
import { countOf, formatBytes, formatCount, formatDuration, shortShardId } from './amounts.ts'
import { reasonTable } from './lag.ts'
import { formatFields, formatTable, type Room } from './table.ts'

const UNKNOWN = '-'

export function consumerTable(consumers: readonly Consumer[], room: Room): string {
  const rows = consumers.map(({ name, status, createdAt }) => [
    name,
    status,
    // The time is shown to the second, with a blank at which it may be wrapped.
    createdAt.toISOString().replace('T', ' ').replace(/\.\d+/, ''),
  ])
  return formatTable(['name', 'status', 'registered'], rows, room)
}

/** One consumer: its sums, its shards, and the reasons, the most urgent one first. */
export function consumerReport(consumer: ConsumerDescription, room: Room): string {
  const { shards } = consumer
  const connected = shards.filter(({ subscriber }) => subscriber !== undefined).length
  const fields = formatFields(
    [
      ['name', consumer.name],
      ['status', consumer.status],
      ['connected', `${formatCount(connected)} of ${formatCount(shards.length)} shards`],
      ['behind', behindOf(shards)],
      ['registered', consumer.createdAt.toISOString()],
    ],
    room,
  )
  if (shards.length === 0) return fields
  const named = shards.map((shard) => ({ ...shard, name: shortShardId(shard.shardId) }))
  return [fields, shardTable(shards, room), reasonTable(named, urgency, room)].join('\n\n')
}

/** The sums of all shards. */
function behindOf(shards: readonly ConsumerShard[]): string {
  const known = shards.filter(({ recordsBehind }) => recordsBehind !== undefined)
  const records = known.reduce((sum, { recordsBehind = 0 }) => sum + recordsBehind, 0)
  const bytes = known.reduce((sum, { bytesBehind = 0 }) => sum + bytesBehind, 0)
  const oldest = Math.max(0, ...known.map(({ millisBehind = 0 }) => millisBehind))
  const others = shards.length - known.length
  const sums =
    records === 0
      ? 'nothing'
      : `${countOf(records, 'record')}, ${formatBytes(bytes)}, the oldest of them ${formatDuration(oldest)} old`
  return others === 0 ? sums : `${sums}; and ${countOf(others, 'shard')} where it is not known`
}

function shardTable(shards: readonly ConsumerShard[], room: Room): string {
  const rows = shards.map((shard) => [
    shortShardId(shard.shardId),
    shard.subscriber?.address ?? UNKNOWN,
    shard.position === undefined ? UNKNOWN : String(shard.position),
    shard.recordsBehind === undefined ? UNKNOWN : formatCount(shard.recordsBehind),
    shard.bytesBehind === undefined ? UNKNOWN : formatBytes(shard.bytesBehind),
    shard.millisBehind === undefined ? UNKNOWN : formatDuration(shard.millisBehind),
    `${formatCount(shard.recordsPerSecond)}/s`,
    `${formatBytes(shard.bytesPerSecond)}/s`,
  ])
  const headings = ['shard', 'subscriber', 'sent up to', 'behind', 'bytes', 'oldest', 'rate', 'throughput']
  return formatTable(headings, rows, room)
}

/** Every reason, the one that must be seen to first at the top. */
const urgency: Readonly<Record<ConsumerShard['reason'], number>> = {
  unreachable: 0,
  slowReader: 1,
  waitingForCredit: 2,
  throttled: 3,
  notConnected: 4,
  reading: 5,
  caughtUp: 6,
}
