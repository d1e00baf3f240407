// The settings of a stream: what a request says, what it leaves out, and whether they can hold together.
// Runs in the controller; pure. Whatever a row says of settings has passed through here.
import { limits } from '../../protocol/limits.ts'
import type { RequestOf, Scaling, ScalingRequest } from '../../protocol/operations.ts'
import { refusal, type Fail } from '../../protocol/refusal.ts'
import { noShardLimits } from '../../protocol/structs.ts'
import type { StreamRow } from '../catalog-contract.ts'
import { formatValue } from '../config/kinds.ts'
import type { ServedSettings } from '../host-contract.ts'

/** What a stream is started with where its creator says nothing; the config table decides it. */
export interface StreamDefaults {
  /** Shards of a new on-demand stream, and the fewest that one is merged to. */
  readonly onDemandShards: number
  readonly targetBytesPerSecond: number
  readonly targetRecordsPerSecond: number
}

/** What `updateStream` may change. */
export type StreamSettings = Pick<
  StreamRow['value'],
  'retentionMs' | 'retentionBytes' | 'mode' | 'shardLimits' | 'scaling'
>

/** Most shards that an on-demand stream is split to, unless its creator says otherwise. */
const SHARDS_MAX_DEFAULT = 256

/** The settings of a new stream and the shards that it starts with. Throws `invalidArgument` or `limitExceeded`. */
export function newSettings(
  request: RequestOf<'createStream'>,
  defaults: StreamDefaults,
  fail: Fail<'limitExceeded'>,
): { readonly settings: StreamSettings; readonly shardCount: number } {
  const { mode = 'provisioned', retentionMs = limits.retentionMsDefault, retentionBytes = 0 } = request
  const { shardLimits = noShardLimits, scaling: wanted = {} as Partial<ScalingRequest> } = request
  const shardCount = request.shardCount ?? (mode === 'on-demand' ? startWithin(wanted, defaults) : 1)
  checkShardCount(shardCount, fail)
  const shardsMin =
    wanted.shardsMin ?? Math.min(defaults.onDemandShards, shardCount, wanted.shardsMax ?? Infinity)
  const scaling: Scaling = {
    shardsMin,
    shardsMax: wanted.shardsMax ?? Math.max(SHARDS_MAX_DEFAULT, shardCount, shardsMin),
    targetBytesPerSecond: wanted.targetBytesPerSecond ?? defaults.targetBytesPerSecond,
    targetRecordsPerSecond: wanted.targetRecordsPerSecond ?? defaults.targetRecordsPerSecond,
  }
  checkRetention(retentionMs)
  checkScaling(scaling)
  if (mode === 'on-demand') checkStart(shardCount, scaling)
  return { settings: { retentionMs, retentionBytes, mode, shardLimits, scaling }, shardCount }
}

/** The settings after an update; what it leaves out stays. Throws `invalidArgument`. */
export function updatedSettings(current: StreamSettings, request: RequestOf<'updateStream'>): StreamSettings {
  const wanted = request.scaling
  const scaling: Scaling = {
    shardsMin: wanted?.shardsMin ?? current.scaling.shardsMin,
    shardsMax: wanted?.shardsMax ?? current.scaling.shardsMax,
    targetBytesPerSecond: wanted?.targetBytesPerSecond ?? current.scaling.targetBytesPerSecond,
    targetRecordsPerSecond: wanted?.targetRecordsPerSecond ?? current.scaling.targetRecordsPerSecond,
  }
  const { retentionMs = current.retentionMs, retentionBytes = current.retentionBytes } = request
  const { mode = current.mode, shardLimits = current.shardLimits } = request
  checkRetention(retentionMs)
  checkScaling(scaling)
  return { retentionMs, retentionBytes, mode, shardLimits, scaling }
}

/** Says whether two are the same in every value. */
export function isSameSettings(a: StreamSettings, b: StreamSettings): boolean {
  return a.mode === b.mode && isSameRecord(a.scaling, b.scaling) && isServedAlike(a, b)
}

/** What the hosts of a stream must know of its settings. */
export function servedSettings({ retentionMs, retentionBytes, shardLimits }: StreamSettings): ServedSettings {
  return { retentionMs, retentionBytes, shardLimits }
}

/** Says whether a host that knows one of the two knows the other. */
export function isServedAlike(a: ServedSettings, b: ServedSettings): boolean {
  return (
    a.retentionMs === b.retentionMs &&
    a.retentionBytes === b.retentionBytes &&
    isSameRecord(a.shardLimits, b.shardLimits)
  )
}

function isSameRecord<T extends Readonly<Record<string, number>>>(a: T, b: T): boolean {
  return Object.keys(a).every((key) => a[key] === b[key])
}

/** Where an on-demand stream starts whose creator gave bounds at most: as near to the default as they let it. */
function startWithin(wanted: Partial<ScalingRequest>, { onDemandShards }: StreamDefaults): number {
  const atLeast = Math.max(onDemandShards, wanted.shardsMin ?? 0)
  // Bounds that contradict each other are refused after this, by name.
  return Math.max(1, Math.min(atLeast, wanted.shardsMax ?? Infinity))
}

/** Throws `invalidArgument` or `limitExceeded` for a count of open shards that no stream can have. */
export function checkShardCount(shardCount: number, fail: Fail<'limitExceeded'>): void {
  if (shardCount < 1) refuse('A stream needs at least one shard.')
  if (shardCount <= limits.shardsPerStreamMax) return
  fail(
    'limitExceeded',
    `${shardCount} shards are above the limit of ${limits.shardsPerStreamMax} for one stream.`,
  )
}

function checkScaling(scaling: Scaling): void {
  const { shardsMin, shardsMax, targetBytesPerSecond, targetRecordsPerSecond } = scaling
  const most = limits.shardsPerStreamMax
  if (shardsMin < 1) refuse('scaling.shardsMin is 0: a stream keeps at least one open shard.')
  if (shardsMax > most) {
    refuse(`scaling.shardsMax is ${shardsMax}: one stream has at most ${most} open shards.`)
  }
  if (shardsMin > shardsMax) {
    refuse(
      `scaling.shardsMin, ${shardsMin}, is above scaling.shardsMax, ${shardsMax}: lower the one or raise the other.`,
    )
  }
  if (targetBytesPerSecond < 1) {
    refuse('scaling.targetBytesPerSecond is 0: give the bytes a second that one shard is meant to take.')
  }
  if (targetRecordsPerSecond < 1) {
    refuse('scaling.targetRecordsPerSecond is 0: give the records a second that one shard is meant to take.')
  }
}

function checkStart(shardCount: number, { shardsMin, shardsMax }: Scaling): void {
  if (shardCount >= shardsMin && shardCount <= shardsMax) return
  refuse(
    `An on-demand stream cannot start with shardCount ${shardCount}: its bounds are ${shardsMin} to ${shardsMax}` +
      ' (scaling.shardsMin and scaling.shardsMax).',
  )
}

function checkRetention(retentionMs: number): void {
  const { retentionMsMin, retentionMsMax } = limits
  if (retentionMs >= retentionMsMin && retentionMs <= retentionMsMax) return
  const shown = (ms: number): string => formatValue('duration', ms)
  refuse(
    `A retention of ${shown(retentionMs)} is out of bounds: it lies between ${shown(retentionMsMin)} and ${shown(retentionMsMax)}.`,
  )
}

function refuse(message: string): never {
  throw refusal('invalidArgument', message)
}
