// SQL about rows and positions. Pure.
import type { StreamPosition } from 'millrace'
import { parseShardId } from 'millrace/protocol'
import { spoolColumns } from '../../rows/index.ts'

const [SHARD, SEQUENCE] = Object.keys(spoolColumns) as [string, string]

/** Returns SQL of whether a row is not before a position: a lower shard that this does not list was read to its end. */
export function isNotBefore({ shards, shardsBelow }: StreamPosition): string {
  const inShards = Object.entries(shards).map(
    ([shardId, place]) => `(${SHARD} = ${parseShardId(shardId)} AND ${SEQUENCE} >= ${place})`,
  )
  const listed = Object.keys(shards).map(parseShardId)
  const isNew = [
    `${SHARD} >= ${shardsBelow}`,
    ...(listed.length > 0 ? [`${SHARD} NOT IN (${listed.join(', ')})`] : []),
  ]
  return [...inShards, `(${isNew.join(' AND ')})`].join(' OR ')
}
