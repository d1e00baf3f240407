// Everything that can be set of a stream, in one table. Runs anywhere, pure. Fields of requests and descriptions, the types
// and checks of the client, what the controller makes of a request, what hosts are told, the flags of the command line and
// the pages derive from it. To add a setting, add an entry here and its field to the stream's row in
// broker/catalog/families.ts. New fields come last in what travels: entries are in the order in which they were added.
import { limits } from './limits.ts'
import { field, type Field, type FieldValue, type Shape, type ValueOf } from './shapes.ts'
import {
  capacityMode,
  noShardLimits,
  scalingShape,
  shardLimitsShape,
  streamId,
  streamName,
  timeMs,
} from './structs.ts'

const MiB = 1024 * 1024

/** How people write and read a figure. */
export type Unit = 'duration' | 'bytes' | 'count'

/** A flag of `stream create` and `stream update`, without its dashes. */
export interface SettingFlag {
  readonly name: string
  readonly doc: string
  /** Left out for a choice between words. */
  readonly unit?: Unit
  /** The least that a count may be. */
  readonly min?: number
}

export interface StreamSetting {
  /** As a description tells it. Its sentence is that of the pages; the comment above the entry, for editors, repeats it. */
  readonly field: Field
  /** What a new stream has where its creator says nothing; null where the broker decides by what else was asked. */
  readonly default: unknown
  /** What an update does with a structure: it takes the place of the whole, or only what it says changes. */
  readonly merge: 'whole' | 'fields'
  /** Whether `updateStream` may change it. */
  readonly changes: boolean
  /** Whether the hosts of a stream keep to it, and are told. */
  readonly served: boolean
  /** Bounds of a figure, and what a refusal calls it. */
  readonly bounds?: { readonly noun: string; readonly unit: Unit; readonly min: number; readonly max: number }
  /** Structures that have a name, for the client and the command line. */
  readonly presets?: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** One flag for the setting. Of a structure, a list of `name=figure` with these names, or a preset. */
  readonly flag?: SettingFlag & { readonly parts?: Readonly<Record<string, SettingFlag>> }
  /** Or one for each field of the structure. */
  readonly flags?: Readonly<Record<string, SettingFlag>>
}

export const streamSettings = {
  /** How long a record stays readable, in milliseconds; 24 hours by default. */
  retentionMs: {
    field: field.uint('How long a record stays readable, in milliseconds; 24 hours by default.'),
    default: limits.retentionMsDefault,
    merge: 'whole',
    changes: true,
    served: true,
    bounds: { noun: 'retention', unit: 'duration', min: limits.retentionMsMin, max: limits.retentionMsMax },
    flag: { name: 'retention', unit: 'duration', doc: 'how long a record stays readable, 1h to 365d' },
  },
  /** How many bytes of stored batches are kept, over all shards; 0, the default, for no bound. */
  retentionBytes: {
    field: field.uint(
      'How many bytes of stored batches are kept, over all shards; 0, the default, for no bound.',
    ),
    default: 0,
    merge: 'whole',
    changes: true,
    served: true,
    flag: { name: 'retention-bytes', unit: 'bytes', doc: 'how much is kept over all shards, 0 for no bound' },
  },
  /** provisioned, the default: shards are split and merged on request; on-demand: by the broker, with the load. */
  mode: {
    field: capacityMode,
    default: 'provisioned',
    merge: 'whole',
    changes: true,
    served: false,
    flag: { name: 'mode', doc: 'provisioned: shards as you say; on-demand: as the load asks' },
  },
  /** What each shard takes and gives a second, 0 for no limit; none by default. Replaces all limits at once. */
  shardLimits: {
    field: field.struct(
      shardLimitsShape,
      'What each shard takes and gives a second, 0 for no limit; none by default. Replaces all limits at once.',
    ),
    default: noShardLimits,
    merge: 'whole',
    changes: true,
    served: true,
    presets: {
      none: noShardLimits,
      // Those of a Kinesis shard.
      kinesis: {
        writeBytesPerSecond: 1 * MiB,
        writeRecordsPerSecond: 1000,
        readBytesPerSecond: 2 * MiB,
        readsPerSecond: 5,
        subscriptionBytesPerSecond: 2 * MiB,
      },
    },
    flag: {
      name: 'limits',
      doc: 'what each shard takes and gives a second',
      parts: {
        writeBytesPerSecond: { name: 'write-bytes', unit: 'bytes', doc: 'writes' },
        writeRecordsPerSecond: { name: 'write-records', unit: 'count', doc: 'records' },
        readBytesPerSecond: { name: 'read-bytes', unit: 'bytes', doc: 'reads' },
        readsPerSecond: { name: 'reads', unit: 'count', doc: 'reads' },
        subscriptionBytesPerSecond: { name: 'subscription-bytes', unit: 'bytes', doc: 'to a subscription' },
      },
    },
  },
  /** How the stream is scaled while it is on-demand; what is left out stays, or is the broker's default. */
  scaling: {
    field: field.struct(
      scalingShape,
      "How the stream is scaled while it is on-demand; what is left out stays, or is the broker's default.",
    ),
    default: null,
    merge: 'fields',
    changes: true,
    served: false,
    flags: {
      shardsMin: {
        name: 'min-shards',
        unit: 'count',
        min: 1,
        doc: 'fewest shards while the stream is on-demand',
      },
      shardsMax: {
        name: 'max-shards',
        unit: 'count',
        min: 1,
        doc: 'most shards while the stream is on-demand',
      },
      targetBytesPerSecond: {
        name: 'target-bytes',
        unit: 'bytes',
        doc: 'bytes a second that a shard is meant to take then',
      },
      targetRecordsPerSecond: {
        name: 'target-records',
        unit: 'count',
        min: 1,
        doc: 'records a second that a shard is meant to take then',
      },
    },
  },
} as const satisfies Record<string, StreamSetting>

type Table = typeof streamSettings
export type SettingName = keyof Table
/** Their names, in the order of the table. */
export const settingNames = Object.keys(streamSettings) as readonly SettingName[]

/** The value of every setting, as a stream has it. */
export type StreamSettings = { readonly [N in keyof Table]: FieldValue<Table[N]['field']> }

/** Those that the hosts of a stream must know of. */
export type ServedSettings = {
  readonly [N in keyof Table as Table[N]['served'] extends true ? N : never]: FieldValue<Table[N]['field']>
}

/** Those that a request may leave out or change. */
export type SettingsRequest = { readonly [N in keyof Table]: FieldValue<RequestField<N>> }

/** What a new stream has where its creator says nothing, as far as that is not for the broker to decide. */
export const settingDefaults = Object.fromEntries(
  settingNames.flatMap((name) => {
    const value: unknown = streamSettings[name].default
    return value === null ? [] : [[name, value]]
  }),
) as {
  readonly [N in keyof Table as Table[N]['default'] extends null ? never : N]: FieldValue<Table[N]['field']>
}

type Optional<F extends Field> = { readonly kind: 'optional'; readonly of: F; readonly doc: string }
type OptionalFields<S extends Shape> = { readonly [N in keyof S]: Optional<S[N]> }
type RequestField<N extends SettingName> = Table[N] extends {
  readonly merge: 'fields'
  readonly field: { readonly shape: infer S extends Shape }
}
  ? Optional<{ readonly kind: 'struct'; readonly shape: OptionalFields<S>; readonly doc: string }>
  : Optional<Table[N]['field']>

type CreationFields = { readonly [N in keyof Table]: RequestField<N> }
type ChangeFields = {
  readonly [N in keyof Table as Table[N]['changes'] extends true ? N : never]: RequestField<N>
}
type DescribedFields = { readonly [N in keyof Table]: Table[N]['field'] }

/** Fields of a request that creates a stream. */
export const creationFields = fieldsOf(() => true, requestField) as CreationFields
/** Fields of a request that changes one. */
export const changeFields = fieldsOf(({ changes }) => changes, requestField) as ChangeFields
const described = fieldsOf(
  () => true,
  (setting) => setting.field,
) as DescribedFields

/** Fields of a description that were there from the start, in the order in which they travel. */
const firstFields = {
  name: streamName,
  id: streamId,
  status: field.choice(
    ['CREATING', 'ACTIVE', 'DELETING', 'UPDATING'],
    'Records are taken while ACTIVE, and while UPDATING: then shards are being split or merged.',
  ),
  openShardCount: field.uint('Shards that take appends.'),
  retentionMs: described.retentionMs,
  createdAt: timeMs('When the stream was created'),
  retentionBytes: described.retentionBytes,
  mode: described.mode,
  shardLimits: described.shardLimits,
  scaling: described.scaling,
  targetShardCount: field.optional(field.uint('Open shards that a change under way will end with.')),
  epoch: field.uint('Rises with every change of the shards.'),
} as const

/** A stream as it is described. A field that has a place keeps it, so settings that were added later come last. */
export const streamShape = Object.assign({}, firstFields, described)

export type StreamDescription = ValueOf<typeof streamShape>

function fieldsOf(
  isWanted: (setting: StreamSetting) => boolean,
  make: (setting: StreamSetting) => Field,
): Shape {
  const wanted = Object.entries<StreamSetting>(streamSettings).filter(([, setting]) => isWanted(setting))
  return Object.fromEntries(wanted.map(([name, setting]) => [name, make(setting)]))
}

/** A setting as a request says it, or leaves it out. */
function requestField({ field: whole, merge }: StreamSetting): Field {
  if (whole.kind !== 'struct' || merge === 'whole') return field.optional(whole)
  const parts = Object.entries(whole.shape).map(([name, part]) => [name, field.optional(part)])
  return field.optional(field.struct(Object.fromEntries(parts) as Shape, whole.doc))
}
