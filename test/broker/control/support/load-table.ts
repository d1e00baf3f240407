// Makes the columns of HostedLoads from objects, which are easier to write and to read.
import type { HostedLoads, HotKey, ShardRef } from '../../../../broker/host-contract.ts'

export interface ToldLoad extends ShardRef {
  readonly bytes: number
  readonly records: number
  readonly hot: HotKey | null
}

export function loadTable(loads: readonly ToldLoad[]): HostedLoads {
  const counters = loads.flatMap(({ streamId, shardIndex, bytes, records }) => [
    streamId,
    shardIndex,
    bytes,
    records,
  ])
  const hot = loads.flatMap((load, place) => (load.hot === null ? [] : [[place, load.hot] as const]))
  return { counters: Float64Array.from(counters), hot: new Map(hot) }
}
