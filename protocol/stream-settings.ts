// The table of the settings of a stream. Runs anywhere, pure. These derive from it: fields of requests and descriptions, the
// types and checks of the client, how the controller applies a request, the settings that hosts get, the flags of the command
// line, and the generated pages. To add a setting, add an entry here and its field to the stream's row in
// broker/catalog/families.ts. Add entries at the end: their order is the order of fields on the wire.
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

/** How a figure is written on the command line and in reports. */
export type Unit = 'duration' | 'bytes' | 'count'

/** A flag of `stream create` and `stream update`, without its dashes. */
export interface SettingFlag {
  readonly name: string
  readonly doc: string
  /** Absent for a choice between words. */
  readonly unit?: Unit
  /** Smallest value of a count. */
  readonly min?: number
}

export interface StreamSetting {
  /** Field of a description. Its sentence goes to the generated pages; the entry's comment repeats it for editors. */
  readonly field: Field
  /** Value of a new stream whose creator gives none; null if the broker decides by the rest of the request. */
  readonly default: unknown
  /** How an update changes a structure: 'whole' replaces it, 'fields' changes only the given fields. */
  readonly merge: 'whole' | 'fields'
  /** True if `updateStream` may change the setting. */
  readonly changes: boolean
  /** True if the stream's hosts apply the setting, and so are sent it. */
  readonly served: boolean
  /** Bounds of a figure, and its name in a refusal. */
  readonly bounds?: { readonly noun: string; readonly unit: Unit; readonly min: number; readonly max: number }
  /** Named values of a structure, for the client and the command line. */
  readonly presets?: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** The flag for the setting. For a structure its value is a list of `name=figure` with these names, or a preset. */
  readonly flag?: SettingFlag & { readonly parts?: Readonly<Record<string, SettingFlag>> }
  /** Alternatively, a flag for each field of the structure. */
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
  /** How much each shard takes and gives per second, 0 for no limit; no limits by default. Replaces all limits at once. */
  shardLimits: {
    field: field.struct(
      shardLimitsShape,
      'How much each shard takes and gives per second, 0 for no limit; no limits by default. Replaces all limits at once.',
    ),
    default: noShardLimits,
    merge: 'whole',
    changes: true,
    served: true,
    presets: {
      none: noShardLimits,
      // The limits of a Kinesis shard.
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
      doc: 'how much each shard takes and gives per second',
      parts: {
        writeBytesPerSecond: { name: 'write-bytes', unit: 'bytes', doc: 'writes' },
        writeRecordsPerSecond: { name: 'write-records', unit: 'count', doc: 'records' },
        readBytesPerSecond: { name: 'read-bytes', unit: 'bytes', doc: 'reads' },
        readsPerSecond: { name: 'reads', unit: 'count', doc: 'reads' },
        subscriptionBytesPerSecond: {
          name: 'subscription-bytes',
          unit: 'bytes',
          doc: 'to a registered consumer',
        },
      },
    },
  },
  /** How the stream is scaled while it is on-demand; fields left out stay, or are the broker's default. */
  scaling: {
    field: field.struct(
      scalingShape,
      "How the stream is scaled while it is on-demand; fields left out stay, or are the broker's default.",
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
        doc: 'bytes per second that a shard should take while on-demand',
      },
      targetRecordsPerSecond: {
        name: 'target-records',
        unit: 'count',
        min: 1,
        doc: 'records per second that a shard should take while on-demand',
      },
    },
  },
} as const satisfies Record<string, StreamSetting>

type Table = typeof streamSettings
export type SettingName = keyof Table
/** The names of the settings, in the order of the table. */
export const settingNames = Object.keys(streamSettings) as readonly SettingName[]

/** The value of every setting, as a stream has it. */
export type StreamSettings = { readonly [N in keyof Table]: FieldValue<Table[N]['field']> }

/** The settings that the hosts of a stream are sent. */
export type ServedSettings = {
  readonly [N in keyof Table as Table[N]['served'] extends true ? N : never]: FieldValue<Table[N]['field']>
}

/** The settings as a request gives them; a request may leave any of them out. */
export type SettingsRequest = { readonly [N in keyof Table]: FieldValue<RequestField<N>> }

/** The settings of a new stream whose creator gives none, without those that the broker decides. */
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
/** Fields of a request that changes a stream. */
export const changeFields = fieldsOf(({ changes }) => changes, requestField) as ChangeFields
const described = fieldsOf(
  () => true,
  (setting) => setting.field,
) as DescribedFields

/** The first fields of a description, in the order of the wire. */
const firstFields = {
  name: streamName,
  id: streamId,
  status: field.choice(
    ['CREATING', 'ACTIVE', 'DELETING', 'UPDATING'],
    'A stream takes records while ACTIVE, and while UPDATING, when its shards are being split or merged.',
  ),
  openShardCount: field.uint('Shards that take appends.'),
  retentionMs: described.retentionMs,
  createdAt: timeMs('When the stream was created'),
  retentionBytes: described.retentionBytes,
  mode: described.mode,
  shardLimits: described.shardLimits,
  scaling: described.scaling,
  targetShardCount: field.optional(field.uint('Open shards after the change that is under way.')),
  epoch: field.uint('Rises with every change of the shards.'),
} as const

/** Settings that were added later. A description by a broker that does not know one has the default of a new stream. */
const laterFields = Object.fromEntries(
  settingNames
    .filter((name) => !(name in firstFields))
    .map((name) => [name, withDefault(streamSettings[name])]),
)

/** The description of a stream. Fields keep their places on the wire, so later settings come last. */
export const streamShape = Object.assign(
  {},
  firstFields,
  laterFields as Omit<DescribedFields, keyof typeof firstFields>,
)

export type StreamDescription = ValueOf<typeof streamShape>

function fieldsOf(
  isWanted: (setting: StreamSetting) => boolean,
  make: (setting: StreamSetting) => Field,
): Shape {
  const wanted = Object.entries<StreamSetting>(streamSettings).filter(([, setting]) => isWanted(setting))
  return Object.fromEntries(wanted.map(([name, setting]) => [name, make(setting)]))
}

function withDefault({ field: whole, default: absent }: StreamSetting): Field {
  return absent === null ? whole : { ...whole, absent }
}

/** The field of a setting in a request, where it is optional. */
function requestField({ field: whole, merge }: StreamSetting): Field {
  if (whole.kind !== 'struct' || merge === 'whole') return field.optional(whole)
  const parts = Object.entries(whole.shape).map(([name, part]) => [name, field.optional(part)])
  return field.optional(field.struct(Object.fromEntries(parts) as Shape, whole.doc))
}
