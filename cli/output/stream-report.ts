// Formats streams, shards and scaling decisions for people. Pure.
import type { ScalingReport, Shard, ShardLimits, Stream } from '../../client/index.ts'
import {
  settingNames,
  streamSettings,
  type SettingName,
  type StreamSetting,
} from '../../protocol/stream-settings.ts'
import { countOf, formatBytes, formatCount, formatDuration, formatRate, shortShardId } from './amounts.ts'
import { formatFields, formatTable, type Room } from './table.ts'

/** One stream, with a line for each setting. */
export function streamReport(stream: Stream, room: Room): string {
  const { targetShardCount: target } = stream
  const fields: [string, string][] = [
    ['name', stream.name],
    ['status', target === undefined ? stream.status : `${stream.status}, to ${countOf(target, 'shard')}`],
    ['open shards', String(stream.openShardCount)],
    ['mode', stream.mode],
    ...scalingFields(stream),
    ['limits of a shard', limitsText(stream.shardLimits)],
    ['retention', retentionOf(stream)],
    ...furtherSettings(stream),
    ['created', stream.createdAt.toISOString()],
  ]
  return formatFields(fields, room)
}

/** Settings that have their own line in the report. */
const told: readonly SettingName[] = ['mode', 'scaling', 'shardLimits', 'retentionMs', 'retentionBytes']
const formats = { duration: formatDuration, bytes: formatBytes, count: formatCount } as const

/** The other settings of the table, under the names of their flags. */
function furtherSettings(stream: Stream): [string, string][] {
  return settingNames
    .filter((name) => !told.includes(name))
    .map((name) => {
      const { flag }: StreamSetting = streamSettings[name]
      const value: unknown = stream[name]
      const isFigure = typeof value === 'number' && flag?.unit !== undefined
      const text = isFigure ? formats[flag.unit](value) : JSON.stringify(value)
      return [(flag?.name ?? name).replaceAll('-', ' '), text]
    })
}

/** Bounds and targets, of provisioned streams too: they can be set in advance, and `stream scale --explain` uses them. */
function scalingFields(stream: Stream): [string, string][] {
  const { shardsMin, shardsMax } = stream.scaling
  const [min, max] = [formatCount(shardsMin), formatCount(shardsMax)]
  if (stream.mode === 'provisioned') {
    const between = shardsMin === shardsMax ? countOf(shardsMin, 'shard') : `${min} to ${max} shards`
    return [['once on-demand', `${between}, with a target for each of ${targetOf(stream)}`]]
  }
  return [
    ['scaled between', `${min} and ${max} shards`],
    ['target of a shard', targetOf(stream)],
  ]
}

export function streamTable(streams: readonly Stream[], room: Room): string {
  const rows = streams.map((stream) => [
    stream.name,
    stream.status,
    stream.mode,
    String(stream.openShardCount),
    retentionOf(stream),
    // The time is shown to the second, with a blank at which it may be wrapped.
    stream.createdAt.toISOString().replace('T', ' ').replace(/\.\d+/, ''),
  ])
  return formatTable(['name', 'status', 'mode', 'open shards', 'retention', 'created'], rows, room)
}

function retentionOf({ retentionMs, retentionBytes }: Stream): string {
  const bound = retentionBytes === 0 ? '' : `, at most ${formatBytes(retentionBytes)}`
  return `${formatDuration(retentionMs)}${bound}`
}

function targetOf({ scaling }: Pick<Stream, 'scaling'>): string {
  return `${formatBytes(scaling.targetBytesPerSecond)}/s, ${formatRate(scaling.targetRecordsPerSecond, 'record')}`
}

const limitTexts: Readonly<Record<keyof ShardLimits, (value: number) => string>> = {
  writeBytesPerSecond: (value) => `writes ${formatBytes(value)}/s`,
  writeRecordsPerSecond: (value) => formatRate(value, 'record'),
  readBytesPerSecond: (value) => `reads ${formatBytes(value)}/s`,
  readsPerSecond: (value) => formatRate(value, 'read'),
  subscriptionBytesPerSecond: (value) => `${formatBytes(value)}/s to a consumer`,
}

function limitsText(limits: ShardLimits): string {
  const names = Object.keys(limitTexts) as (keyof ShardLimits)[]
  const set = names.filter((name) => limits[name] > 0)
  return set.length === 0 ? 'none' : set.map((name) => limitTexts[name](limits[name])).join(', ')
}

const UNKNOWN = 'host is down'

/** The shards of a stream, with the long hash keys in the last column. */
export function shardTable(shards: readonly Shard[], room: Room): string {
  const headings = ['shard', 'state', 'parents', 'oldest', 'next', 'bytes', 'load', 'hot key', 'hash keys']
  const rows = shards.map((shard) => [
    shard.shardId,
    shard.state,
    shard.parentShardIds.map(shortShardId).join(' ') || '-',
    shard.trimHorizon === undefined ? UNKNOWN : String(shard.trimHorizon),
    shard.tail === undefined ? UNKNOWN : String(shard.tail),
    shard.bytes === undefined ? UNKNOWN : formatBytes(shard.bytes),
    loadOf(shard),
    hotKeyOf(shard),
    `${shard.hashKeyRange.startingHashKey}…${shard.hashKeyRange.endingHashKey}`,
  ])
  return formatTable(headings, rows, room)
}

/** The load of the last ten seconds, which shows what happens now. */
function loadOf({ state, load }: Shard): string {
  if (state === 'CLOSED' || load === undefined) return '-'
  const { bytesPerSecond, recordsPerSecond } = load
  return `${formatBytes(bytesPerSecond.last10s)}/s, ${formatRate(recordsPerSecond.last10s, 'record')}`
}

function hotKeyOf({ state, load }: Shard): string {
  if (state === 'CLOSED' || load?.hot === undefined) return '-'
  return `${load.hot.percent}% of it at ${load.hot.hashKey}`
}

/** The autoscaler's decisions and their reasons. */
export function scalingTable({ mode, scaling, decisions }: ScalingReport, room: Room): string {
  const settings: [string, string][] = [
    ['mode', mode === 'on-demand' ? mode : `${mode}: nothing of this is done by itself`],
    ['shards', `${formatCount(scaling.shardsMin)} to ${formatCount(scaling.shardsMax)}`],
    ['target of a shard', targetOf({ scaling })],
  ]
  const fields = formatFields(settings, room)
  const rows = decisions.map(({ action, shardIds, reason }) => [
    action,
    shardIds.map(shortShardId).join(' ') || 'all',
    reason,
  ])
  if (rows.length === 0) return `${fields}\n\nThere is nothing to decide.`
  return `${fields}\n\n${formatTable(['action', 'shards', 'reason'], rows, room)}`
}
