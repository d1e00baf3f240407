// The table of the options of each call: their kinds, bounds and defaults. Runs in the client, pure. Types check options at
// compile time, and the compiler finds an option that is missing here. The table checks them at run time, for callers in plain
// JavaScript and for values from other sources. Defaults are read from here.
import { limits } from '../../protocol/limits.ts'
import { brokerOperations } from '../../protocol/operations/broker.ts'
import { reshardingOperations } from '../../protocol/operations/resharding.ts'
import { streamOperations } from '../../protocol/operations/streams.ts'
import type { Field } from '../../protocol/shapes.ts'
import { streamSettings, type StreamSetting } from '../../protocol/stream-settings.ts'
import type {
  CreateStreamOptions,
  DeleteStreamOptions,
  ForceOptions,
  ResetGroupOptions,
  SplitOptions,
  UpdateShardCountOptions,
} from '../streams/admin.ts'
import type { StreamChanges, StreamSettings } from '../streams/capacity.ts'
import type { AggregateOptions } from '../aggregation/aggregate.ts'
import type { DeaggregateOptions } from '../aggregation/deaggregate.ts'
import type { SeekPlace } from '../groups/group.ts'
import type { GroupOptions, GroupRetry } from '../groups/options.ts'
import type { PageOptions } from '../streams/listing.ts'
import type {
  DeleteDocumentOptions,
  DocumentsOptions,
  DocumentsWhere,
  PutDocumentOptions,
} from '../documents/documents.ts'
import type { KeepOptions } from '../documents/kept-documents.ts'
import type { FetchOptions, ResolvePositionOptions } from '../fetching/options.ts'
import type { ReadOptions, SubscribeOptions } from '../reading/options.ts'
import type { StreamPosition } from '../reading/position.ts'
import type { RecordInput } from '../record.ts'
import type { CallOptions } from '../settings.ts'
import { accessOptions } from './access-table.ts'
import { connectOptions } from './connect-table.ts'
import { writingOptions } from './writing-table.ts'
import {
  type Option,
  type Options,
  type OptionsOf,
  boolean,
  callback,
  choice,
  choiceOrCallback,
  codec,
  dictionary,
  either,
  group,
  hashKey,
  hashKeyRange,
  hashKeysFromTo,
  later,
  listOf,
  moment,
  oneOf,
  partitionKey,
  placesByShard,
  presetOr,
  rangedShards,
  records,
  recordSource as source,
  shardId,
  signal,
  string,
  whole,
  wordOr,
} from './option.ts'

const KiB = 1024
const MiB = 1024 * KiB

const call = { signal } satisfies OptionsOf<CallOptions>

const reading = {
  // Positions are checked when the reading begins, and an invalid one ends the loop with an error.
  from: later,
  shard: later,
  partitionKey,
  hashKeys: hashKeysFromTo,
  consumer: string,
  codec: codec('decode'),
  onInUse: choice(['wait', 'fail']),
  onTrimmed: choice(['fail', 'horizon']),
  onUnreadable: choiceOrCallback(['fail'], 'is told of each skip'),
  signal,
}

const read = {
  ...reading,
  follow: boolean,
  until: later,
  maxWaitMs: whole({ min: 0, max: limits.fetchWaitMsMax, default: 5000 }),
  bufferBytesMax: whole({ min: 1, max: 4096 * MiB, default: 16 * MiB }),
} satisfies OptionsOf<ReadOptions>

const subscribe = {
  ...reading,
  // The default depends on the number of shards.
  creditBytes: whole({ min: 1, max: limits.subscriptionCreditBytesMax, default: 1 * MiB }),
} satisfies OptionsOf<SubscribeOptions>

const page = {
  limit: whole({ min: 1, max: limits.listPageMax, default: limits.listPageMax }),
  after: string,
  signal,
} satisfies OptionsOf<PageOptions>

const sequenceNumber = whole({ min: 0, max: Number.MAX_SAFE_INTEGER, default: 0 })

const position = wordOr(
  ['TRIM_HORIZON', 'LATEST'],
  oneOf({ atSequenceNumber: sequenceNumber, afterSequenceNumber: sequenceNumber, atTimestamp: moment }),
)

const fetch = {
  shard: shardId,
  from: position,
  recordsMax: whole({ min: 1, max: 1_000_000, default: 10_000 }),
  bytesMax: whole({ min: 1, max: 4096 * MiB, default: 10 * MiB }),
  waitMs: whole({ min: 0, max: limits.fetchWaitMsMax, default: 0 }),
  streamId: whole({ min: 0, max: Number.MAX_SAFE_INTEGER, default: 0 }),
  codec: codec('decode'),
  onTrimmed: reading.onTrimmed,
  onUnreadable: reading.onUnreadable,
  signal,
} satisfies OptionsOf<FetchOptions>

const resolvePosition = {
  shard: fetch.shard,
  from: fetch.from,
  streamId: fetch.streamId,
  signal,
} satisfies OptionsOf<ResolvePositionOptions>

const count = whole({ min: 0, max: Number.MAX_SAFE_INTEGER, default: 0 })

/** A place in a whole stream: all of its fields, or none. */
const streamPosition = {
  ...group({
    streamId: count,
    shardsBelow: count,
    shards: placesByShard,
    partitionKey,
    hashKeys: hashKeysFromTo,
  } satisfies OptionsOf<StreamPosition>),
  expects: () => 'the position of a reading',
  accepts: (given: unknown) =>
    typeof given === 'object' &&
    given !== null &&
    ['streamId', 'shardsBelow', 'shards'].every((name) => Object.hasOwn(given, name)),
} satisfies Option

/** Options that say where a reading begins and ends, and in which shard. */
export const placeOptions = { from: either(position, streamPosition), until: position, shard: shardId }

/** Where a group begins in a stream. */
const groupStart = wordOr(['TRIM_HORIZON', 'LATEST'], oneOf({ atTimestamp: moment }))

/** A stream that a group reads: by name, or with a beginning of its own. */
const groupStream: Option = {
  expects: () => '{ stream, from }',
  accepts: (given) => {
    if (typeof given !== 'object' || given === null) return false
    const { stream, from, ...others } = given as Readonly<Record<string, unknown>>
    if (Object.keys(others).length > 0 || !string.accepts(stream)) return false
    return from === undefined || groupStart.accepts(from)
  },
}

const groupRetry = {
  attempts: whole({ min: 1, max: 1_000_000, default: 5 }),
  backoffMinMs: whole({ min: 0, max: 3_600_000, default: 100 }),
  backoffMaxMs: whole({ min: 0, max: 3_600_000, default: 10_000 }),
} satisfies OptionsOf<GroupRetry>

const consumerGroup = {
  name: string,
  stream: string,
  streams: listOf(string, groupStream),
  from: groupStart,
  memberId: string,
  leaseMs: whole({ min: limits.leaseMsMin, max: limits.leaseMsMax, default: 10_000 }),
  mode: choice(['pull', 'push']),
  consumer: string,
  concurrency: whole({ min: 1, max: 10_000, default: 1 }),
  checkpoint: choice(['batch', 'record', 'manual', 'external']),
  loadCheckpoint: callback,
  retry: { ...group(groupRetry), fields: groupRetry },
  onPoison: wordOr(['stop', 'skip'], oneOf({ deadLetter: string })),
  handlerTimeoutMs: whole({ min: 1, max: Infinity, default: Infinity }),
  codec: codec('decode'),
  batchRecordsMax: whole({ min: 1, max: 100_000, default: 1000 }),
  bufferBytesMax: whole({ min: 64 * KiB, max: 4096 * MiB, default: 32 * MiB }),
  signal,
  onEvent: callback,
} satisfies OptionsOf<GroupOptions>

const force = { force: boolean, signal } satisfies OptionsOf<ForceOptions>

const resetGroup = { ...force, to: groupStart, stream: string } satisfies OptionsOf<ResetGroupOptions>

const seek = { stream: string, shardId, sequenceNumber } satisfies OptionsOf<SeekPlace>

/** Returns options for settings of a stream, by the table of settings. */
function settingsWhere(isTaken: (setting: StreamSetting) => boolean): Options {
  const taken = Object.entries<StreamSetting>(streamSettings).filter(([, setting]) => isTaken(setting))
  return Object.fromEntries(taken.map(([name, setting]) => [name, settingOption(setting)]))
}

function settingOption({ field, bounds, presets }: StreamSetting): Option {
  const option = fieldOption(field, bounds)
  return presets === undefined ? option : presetOr(option)
}

function fieldOption(
  field: Field,
  bounds: { readonly min: number; readonly max: number } | undefined,
): Option {
  switch (field.kind) {
    case 'uint':
      return whole({ min: bounds?.min ?? 0, max: bounds?.max ?? field.max, default: 0 })
    case 'boolean':
      return boolean
    case 'choice':
      return choice(field.values)
    case 'struct':
      return group(
        Object.fromEntries(
          Object.entries(field.shape).map(([name, part]) => [name, fieldOption(part, undefined)]),
        ),
      )
    default:
      return string
  }
}

const createStream = {
  ...(settingsWhere(() => true) as OptionsOf<StreamSettings>),
  shards: whole({ min: 1, max: limits.shardsPerStreamMax, default: 1 }),
  signal,
} satisfies OptionsOf<CreateStreamOptions>

/** The settings that updateStream changes. */
export const changeOptions = settingsWhere(
  ({ changes: isChangeable }) => isChangeable,
) as OptionsOf<StreamChanges>

const deleteStream = {
  expectedId: whole({ min: 1, max: Number.MAX_SAFE_INTEGER, default: 1 }),
  signal,
} satisfies OptionsOf<DeleteStreamOptions>

const splitShard = {
  at: hashKey,
  isolate: oneOf({ partitionKey: string, hashKey }),
  signal,
} satisfies OptionsOf<SplitOptions>

const updateShardCount = { onProgress: callback, signal } satisfies OptionsOf<UpdateShardCountOptions>

const aggregate = {
  shards: rangedShards,
  bytesMax: whole({ min: 64, max: limits.recordBytesMax, default: 1 * MiB }),
  recordsMax: whole({ min: 1, max: 65_536, default: 65_536 }),
  codec: codec('encode'),
} satisfies OptionsOf<AggregateOptions>

const deaggregate = { hashKeyRange } satisfies OptionsOf<DeaggregateOptions>

/** The operations that `Admin` calls by their names, and describeRouting, which the client calls only for itself. */
const { describeRouting: _, ...adminOperations } = {
  ...streamOperations,
  ...brokerOperations,
  ...reshardingOperations,
}

/** Each of them takes a signal, unless the table says more. */
const adminCalls = Object.fromEntries(Object.keys(adminOperations).map((name) => [name, call])) as Readonly<
  Record<keyof typeof adminOperations, typeof call>
>

const expectedVersion = whole({ min: 0, max: Number.MAX_SAFE_INTEGER, default: 0 })

const documents = { codec: codec('encode', 'decode') } satisfies OptionsOf<DocumentsOptions<unknown>>

const putDocument = { expectedVersion, signal } satisfies OptionsOf<PutDocumentOptions>

const deleteDocument = {
  expectedVersion: whole({ ...expectedVersion, min: 1 }),
  signal,
} satisfies OptionsOf<DeleteDocumentOptions>

const documentsWhere = { prefix: string, signal } satisfies OptionsOf<DocumentsWhere>

/** The options of each call. */
export const optionTable = {
  ...adminCalls,
  brokerTime: call,
  connect: connectOptions,
  createStream,
  deleteStream,
  splitShard,
  updateShardCount,
  documents,
  getDocument: call,
  putDocument,
  deleteDocument,
  updateDocument: call,
  listDocuments: documentsWhere,
  watchDocuments: documentsWhere,
  keepDocuments: { onLost: callback, signal } satisfies OptionsOf<KeepOptions>,
  page,
  ...writingOptions,
  flush: call,
  pushAll: call,
  writable: call,
  writableStream: call,
  read,
  fetch,
  resolvePosition,
  subscribe,
  group: consumerGroup,
  registerConsumer: call,
  describeConsumer: call,
  listConsumers: call,
  deregisterConsumer: call,
  listGroups: call,
  describeGroup: call,
  pauseGroup: call,
  loadProgress: call,
  saveProgress: call,
  resetGroup,
  deleteGroup: force,
  resumeGroup: call,
  ...accessOptions,
  deleteCheckpoints: call,
  seek,
  aggregate,
  deaggregate,
  close: call,
} as const satisfies Record<string, Options>

export type CallName = keyof typeof optionTable

/** Arguments of calls beside their options. */
export const argumentTable = {
  url: string,
  stream: string,
  consumer: string,
  shardId: string,
  adjacentShardId: string,
  shardCount: whole({ min: 1, max: limits.shardsPerStreamMax, default: 1 }),
  principal: string,
  id: string,
  records,
  source,
  kind: string,
  name: string,
  change: callback,
  handler: callback,
  position: streamPosition,
  sequenceNumber,
  to: groupStart,
} as const satisfies Options

/** The fields of a record to be appended. */
export const recordFields = {
  partitionKey: string,
  data: later,
  explicitHashKey: hashKey,
  timestamp: moment,
  headers: dictionary,
} satisfies OptionsOf<RecordInput>
