// Every kind of row that the catalog keeps, in one table: its tag, key and value, who writes it and how long it lives.
// Runs in the controller and in the check; pure data. The store, the state in memory, the types of rows, the check and
// docs/rows.md derive from it. A value's schema is the stored format. It shares no type with the protocol, so that a
// change of the protocol changes no stored row.
import * as v from 'valibot'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const text = v.pipe(v.string(), v.minLength(1))
const hashKey = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/))

/** Widths that a field of a key may have. */
export type KeyKind = 'u32' | 'u64'

/** One entry of the table. */
export interface RowFamily {
  /** First byte of every key of the family; never reused. */
  readonly tag: number
  /** At most two fields, in the order of the key's bytes; a family whose key has no fields has one row. */
  readonly key: Readonly<Record<string, KeyKind>>
  /** Schema of each row's JSON. */
  readonly value: v.GenericSchema
  /** The field of the state in memory that holds the rows of the family. */
  readonly held: string
  /** Names that the state in memory uses for fields of the key, where they differ from the names in `key`. */
  readonly as?: Readonly<Record<string, string>>
  readonly written: string
  readonly lives: string
  readonly doc: string
}

const shardLimits = v.strictObject({
  writeBytesPerSecond: count,
  writeRecordsPerSecond: count,
  readBytesPerSecond: count,
  readsPerSecond: count,
  subscriptionBytesPerSecond: count,
})

const scaling = v.strictObject({
  shardsMin: count,
  shardsMax: count,
  targetBytesPerSecond: count,
  targetRecordsPerSecond: count,
})

/** A shard that does not exist yet, with everything that the plan decides about it. */
const plannedShard = v.strictObject({
  shardIndex: count,
  ownerId: count,
  slot: count,
  startingHashKey: hashKey,
  endingHashKey: hashKey,
})

/** A split or a merge: one parent becomes two or three children, or two parents one child, over the same hash keys. */
const reshardMove = v.strictObject({
  parents: v.pipe(v.array(count), v.minLength(1), v.maxLength(2)),
  children: v.pipe(v.array(plannedShard), v.minLength(1), v.maxLength(3)),
})

export const catalogFamilies = {
  broker: {
    tag: 0x11,
    key: {},
    value: v.strictObject({
      brokerId: text,
      createdAt: count,
      nextStreamId: count,
      nextSlot: count,
    }),
    held: 'brokers',
    written: 'when the data directory is created, and with every stream and every change of shards',
    lives: 'for ever',
    doc: 'Identity of the data directory, and the counters of ids and slots: they only rise, so none is given twice.',
  },
  stream: {
    tag: 0x12,
    key: { streamId: 'u64' },
    value: v.strictObject({
      name: text,
      status: v.picklist(['CREATING', 'ACTIVE', 'DELETING']),
      retentionMs: count,
      createdAt: count,
      epoch: count,
      nextShardIndex: count,
      /** Bytes of stored batches that are kept; 0 for no bound. */
      retentionBytes: count,
      mode: v.picklist(['provisioned', 'on-demand']),
      shardLimits,
      scaling,
      /** The goal of updateShardCount until it is reached: a start continues towards it. Null: no goal. */
      targetShardCount: v.nullable(count),
      /** The principal that created it, for its quotas; absent where nobody said who asks. */
      createdBy: v.optional(text),
    }),
    held: 'streams',
    as: { streamId: 'id' },
    written: 'when a stream is created or changed',
    lives: 'until the stream is deleted',
    doc: 'A stream and its settings.',
  },
  shard: {
    tag: 0x13,
    key: { streamId: 'u64', shardIndex: 'u32' },
    value: v.strictObject({
      ownerId: count,
      /** Names the shard inside its owner's segments. */
      slot: count,
      parents: v.pipe(v.array(count), v.maxLength(2)),
      startingHashKey: hashKey,
      endingHashKey: hashKey,
      state: v.picklist(['OPEN', 'CLOSED']),
      startingSequenceNumber: count,
      endingSequenceNumber: v.nullable(count),
      createdAt: count,
      closedAt: v.nullable(count),
    }),
    held: 'shards',
    as: { shardIndex: 'index' },
    written: 'when a shard is created or closed',
    lives: 'until it has expired, or its stream is deleted',
    doc: 'A shard: where its records lie, its range, its lineage.',
  },
  reshard: {
    tag: 0x14,
    key: { streamId: 'u64' },
    value: v.strictObject({
      /**
       * First 'sealing': the parents are open in the catalog, and may be sealed at their owners already. Then 'opening': the
       * parents are closed and the children open in the catalog, and the children's hosts may not know them yet.
       */
      step: v.picklist(['sealing', 'opening']),
      moves: v.array(reshardMove),
      startedAt: count,
      /** What started the change, for the log and the metrics. */
      cause: v.picklist(['split', 'merge', 'scale', 'autoscale', 'renew']),
    }),
    held: 'journals',
    written: 'when a change of the shards of a stream begins, and at each of its steps',
    lives: 'until that change is done',
    doc: 'The journal of a split, of a merge, or of several at once; one per stream.',
  },
  retired: {
    tag: 0x15,
    key: { slot: 'u32' },
    value: v.strictObject({
      ownerId: count,
      /** The stream may be deleted by now. */
      streamId: count,
      shardIndex: count,
    }),
    held: 'retired',
    written: 'in the commit that removes the row of an expired shard',
    lives: 'until its owner has forgotten it',
    doc: 'A shard that is gone for everybody but its owner.',
  },
  consumer: {
    tag: 0x16,
    key: { streamId: 'u64', consumerId: 'u32' },
    value: v.strictObject({
      name: text,
      createdAt: count,
      /** Who registered it, and so owns it; absent for nobody. */
      principal: v.optional(text),
    }),
    held: 'consumers',
    as: { consumerId: 'id' },
    written: 'when a consumer is registered',
    lives: 'until it is deregistered, or its stream is deleted',
    doc: 'A registered consumer of a stream, with a throughput of its own.',
  },
} as const satisfies Record<string, RowFamily>

type Families = typeof catalogFamilies
export type CatalogFamily = keyof Families
/** Names of the families, in the order of their tags. */
export const catalogFamilyNames = Object.keys(catalogFamilies) as readonly CatalogFamily[]

type Frozen<T> = T extends readonly (infer I)[]
  ? readonly Frozen<I>[]
  : T extends object
    ? { readonly [N in keyof T]: Frozen<T[N]> }
    : T

/** True for a single name, false for a union of them. */
export type IsOne<N, All = N> = N extends unknown ? ([All] extends [N] ? true : false) : never

/** A key in code: a number for one field, an object for two fields, the family's name for none. */
export type KeyIn<F extends CatalogFamily> = [keyof Families[F]['key']] extends [never]
  ? F
  : IsOne<keyof Families[F]['key']> extends true
    ? number
    : { readonly [N in keyof Families[F]['key']]: number }

/** What is stored under a key of the family. */
export type ValueIn<F extends CatalogFamily> = Frozen<v.InferOutput<Families[F]['value']>>

type KeyName<F extends CatalogFamily, N> = Families[F] extends { as: infer A }
  ? N extends keyof A
    ? A[N]
    : N
  : N

/** A row as the state in memory holds it: the fields of its key and of its value in one object. */
export type HeldIn<F extends CatalogFamily> = {
  readonly [N in keyof Families[F]['key'] as KeyName<F, N> & string]: number
} & ValueIn<F>

/** The name of a row of any family. */
export interface AnyName {
  readonly family: CatalogFamily
  readonly key: number | string | object
}

/** A row as it is stored. */
export type RowIn<F extends CatalogFamily> = {
  [N in F]: { readonly family: N; readonly key: KeyIn<N>; readonly value: ValueIn<N> }
}[F]

/** A row's name: its family and its key. */
export type RowNameIn<F extends CatalogFamily> = {
  [N in F]: { readonly family: N; readonly key: KeyIn<N> }
}[F]

/** The fields of a row's key, in the order of the key's bytes. */
export function keyFieldsOf({ family, key }: AnyName): readonly number[] {
  if (typeof key === 'number') return [key]
  if (typeof key === 'string') return []
  return Object.keys(catalogFamilies[family].key).map((name) => (key as Record<string, number>)[name]!)
}

/** The key that has these fields. */
export function keyOfFields<F extends CatalogFamily>(
  family: F,
  fields: Readonly<Record<string, number>>,
): KeyIn<F> {
  const names = Object.keys(catalogFamilies[family].key)
  if (names.length === 0) return family as KeyIn<F>
  if (names.length === 1) return fields[names[0]!] as KeyIn<F>
  return fields as unknown as KeyIn<F>
}

/** Converts a stored row to the form that the state in memory holds. */
export function heldOf<F extends CatalogFamily>(row: RowIn<F>): HeldIn<F> {
  const family: RowFamily = catalogFamilies[row.family]
  const held: Record<string, unknown> = {}
  const fields = keyFieldsOf(row)
  let place = 0
  for (const name of Object.keys(family.key)) held[family.as?.[name] ?? name] = fields[place++]
  return Object.assign(held, row.value) as HeldIn<F>
}

/** The stored value of a row in the state: the row without the fields of its key. */
export function valueOf<F extends CatalogFamily>(family: F, held: HeldIn<F>): ValueIn<F> {
  const { key, as }: RowFamily = catalogFamilies[family]
  const value: Record<string, unknown> = { ...held }
  for (const name of Object.keys(key)) delete value[as?.[name] ?? name]
  return value as ValueIn<F>
}
