// What a reset of a consumer group would change, shard by shard, before it is done. Pure.
import type { GroupDescription, GroupStart, Shard } from '../../client/index.ts'
import { visible } from '../../protocol/text/visible-text.ts'
import { countOf, formatCount, shortShardId } from './amounts.ts'
import { formatTable, hanging, type Room } from './table.ts'

/** Shards that are shown; of the others, how many they are. */
const SHARDS_SHOWN_MAX = 20

/** One shard before and after a reset. */
export interface ShardReset {
  /** The shard. */
  readonly shardId: string
  /** Its checkpoint now; undefined where there is none. */
  readonly position: number | undefined
  /** Records that are not processed now; undefined where it is not known. */
  readonly recordsBehind: number | undefined
  /** Where the group goes on; undefined for a time, which the host of the shard looks up, and where the shard is left out. */
  readonly nextPosition: number | undefined
  /** Records that are not processed then; undefined where it is not known. */
  readonly nextRecordsBehind: number | undefined
}

export interface GroupReset {
  /** Name of the group. */
  readonly group: string
  /** Name of the stream. */
  readonly stream: string
  /** Where the group goes on in it. */
  readonly to: GroupStart
  /** The shards that can be read, by index. */
  readonly shards: readonly ShardReset[]
}

/** A shard that the group does not list is processed to its end, or was left out when the group began. */
export function planReset(
  { name, shards: progress }: Pick<GroupDescription, 'name' | 'shards'>,
  {
    stream,
    to,
    shards,
  }: { readonly stream: string; readonly to: GroupStart; readonly shards: readonly Shard[] },
): GroupReset {
  const listed = new Map(
    progress.filter((shard) => shard.stream === stream).map((shard) => [shard.shardId, shard]),
  )
  const planned = shards.map((shard): ShardReset => {
    const now = listed.get(shard.shardId)
    return {
      shardId: shard.shardId,
      position: now?.position,
      recordsBehind: now === undefined ? 0 : now.recordsBehind,
      ...placeOf(to, shard),
    }
  })
  return { group: name, stream, to, shards: planned }
}

function placeOf(
  to: GroupStart,
  { state, trimHorizon, tail }: Shard,
): Pick<ShardReset, 'nextPosition' | 'nextRecordsBehind'> {
  if (to === 'TRIM_HORIZON') {
    const isKnown = tail !== undefined && trimHorizon !== undefined
    return { nextPosition: trimHorizon, nextRecordsBehind: isKnown ? tail - trimHorizon : undefined }
  }
  if (to === 'LATEST') return { nextPosition: state === 'OPEN' ? tail : undefined, nextRecordsBehind: 0 }
  return { nextPosition: undefined, nextRecordsBehind: undefined }
}

/** The plan as a table with its sum. */
export function resetReport(plan: GroupReset, room: Room): string {
  const { to, shards } = plan
  const rows = shards
    .slice(0, SHARDS_SHOWN_MAX)
    .map(({ shardId, position, recordsBehind, nextPosition, nextRecordsBehind }) => [
      shortShardId(shardId),
      position === undefined ? '-' : String(position),
      figure(recordsBehind),
      typeof to === 'object' ? startText(to) : nextPosition === undefined ? '-' : String(nextPosition),
      figure(nextRecordsBehind),
    ])
  const headings = ['shard', 'checkpoint', 'records behind', 'goes to', 'behind then']
  const others = shards.length - rows.length
  const more = others > 0 ? `\nand ${countOf(others, 'more shard', 'more shards')}` : ''
  return `${formatTable(headings, rows, room)}${more}\n\n${hanging(visible(sumOf(plan)), 0, room.columns)}`
}

function figure(count: number | undefined): string {
  return count === undefined ? 'not known' : formatCount(count)
}

function sumOf({ group, stream, to, shards }: GroupReset): string {
  const goes = `Group ${group} goes to ${startText(to)} in ${stream}`
  if (typeof to === 'object') return `${goes}: what is later is processed again, what is earlier is left out.`
  let change = 0
  for (const { recordsBehind, nextRecordsBehind } of shards) {
    if (recordsBehind === undefined || nextRecordsBehind === undefined) return `${goes}.`
    change += nextRecordsBehind - recordsBehind
  }
  if (change === 0) return `${goes}, which changes nothing for now.`
  const is = Math.abs(change) === 1 ? 'is' : 'are'
  if (change > 0) return `${goes}: ${countOf(change, 'record')} ${is} processed again.`
  return `${goes}: ${countOf(-change, 'record')} that ${is} not processed yet ${is} left out.`
}

/** A start as people read it. */
export function startText(to: GroupStart): string {
  return typeof to === 'string' ? to : new Date(to.atTimestamp).toISOString()
}
