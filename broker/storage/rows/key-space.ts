// Every kind of row that storage keeps, in one table: its tag, the fields of its key and value, which writes create
// it and how long it lives. The catalog's families come from catalog/families.ts. Runs anywhere in storage, pure. A
// key is the tag byte and then fixed-width big-endian fields, so that LMDB's byte order is the order of the fields. A
// value uses the same integers and ends in a checksum over key and value: LMDB has none, and would return a number
// with a wrong bit.
import { crc32 } from 'node:zlib'
import { invariant } from '../../../protocol/invariant.ts'
import { catalogFamilies, type RowFamily as CatalogRowFamily } from '../../catalog/families.ts'

/** The catalog's families in storage's form: JSON behind a checksum. */
type JsonFamilies<T extends Readonly<Record<string, CatalogRowFamily>>> = {
  readonly [F in keyof T]: {
    readonly tag: number
    readonly store: 'catalog'
    readonly key: T[F]['key']
    readonly value: 'json'
    readonly written: string
    readonly lives: string
    readonly doc: string
  }
}

function jsonFamilies<T extends Readonly<Record<string, CatalogRowFamily>>>(families: T): JsonFamilies<T> {
  const entries = Object.entries(families).map(([name, { tag, key, written, lives, doc }]) => {
    return [name, { tag, store: 'catalog', key, value: 'json', written, lives, doc }]
  })
  return Object.fromEntries(entries) as JsonFamilies<T>
}

/** Widths in bytes. u64 holds whole numbers below 2^53. */
const widths = { u8: 1, u16: 2, u32: 4, u64: 8 } as const

type FieldKind = keyof typeof widths
type Fields = Readonly<Record<string, FieldKind>>

export interface KeyFamily {
  /** First byte of every key of the family; never reused. */
  readonly tag: number
  /** The environment that holds the family: a segment's, the catalog's, or the small rows'. */
  readonly store: 'segment' | 'catalog' | 'small'
  readonly key: Fields
  /** Fixed fields followed by a checksum; a whole batch as it is sent; or JSON behind a checksum. */
  readonly value: Fields | 'batch' | 'json'
  /** Fields of the list entries that follow the fixed fields, up to the checksum. */
  readonly list?: Fields
  readonly written: string
  readonly lives: string
  readonly doc: string
}

export const keyFamilies = {
  segmentMeta: {
    tag: 0x01,
    store: 'segment',
    key: {},
    value: {
      format: 'u16',
      ownerId: 'u32',
      number: 'u32',
      generation: 'u32',
      createdAt: 'u64',
      reopened: 'u32',
    },
    written: 'when the segment is created, and when it is reopened after a failed commit',
    lives: 'as long as the segment',
    doc: 'The owner and number of this segment: proof that a directory was not moved or renamed.',
  },
  head: {
    tag: 0x02,
    store: 'segment',
    key: { slot: 'u32' },
    value: {
      first: 'u64',
      next: 'u64',
      firstArrival: 'u64',
      lastArrival: 'u64',
      bytes: 'u64',
      batches: 'u64',
      trimHorizon: 'u64',
      closed: 'u8',
      forgotten: 'u8',
    },
    written:
      'in every commit that appends to the shard, trims or seals it, and carried into each new segment',
    lives: 'as long as the segment',
    doc:
      "A shard's extent in this segment, the numbers first … next, and the state of the whole shard. A start reads of " +
      'each shard only this row of the active segment.',
  },
  producer: {
    tag: 0x03,
    store: 'segment',
    key: { slot: 'u32', producerId: 'u64' },
    value: { tag: 'u64', epoch: 'u16', nextSequence: 'u64', usedAt: 'u64' },
    list: { firstSequence: 'u64', recordCount: 'u32', bodyCrc: 'u32', base: 'u64', arrival: 'u64' },
    written:
      "in every commit that stores a batch of the producer, and carried while it is among the owner's live ones",
    lives: 'as long as the segment',
    doc:
      'The owner of the id, and the newest batches of the idempotent producer in a shard, with checksums: a retry of ' +
      'the same bytes is answered from this window, oldest entry first.',
  },
  batch: {
    tag: 0x04,
    store: 'segment',
    key: { slot: 'u32', base: 'u64' },
    value: 'batch',
    written: 'by an append',
    lives: 'as long as the segment',
    doc: 'A batch, stamped, under the sequence number of its first record.',
  },
  time: {
    tag: 0x05,
    store: 'segment',
    key: { slot: 'u32', arrival: 'u64' },
    value: { base: 'u64' },
    written: 'with a batch, where the last such row of the shard is far enough behind',
    lives: 'as long as the segment',
    doc: 'The sparse time index: a batch that arrived at this time. Batches of the same millisecond may lie before it.',
  },
  catalogMeta: {
    tag: 0x10,
    store: 'catalog',
    key: {},
    value: { format: 'u16' },
    written: 'when the catalog is created',
    lives: 'for ever',
    doc: "Version of the catalog's rows.",
  },
  ...jsonFamilies(catalogFamilies),
  smallMeta: {
    tag: 0x1f,
    store: 'small',
    key: {},
    value: { format: 'u16', nextVersion: 'u64' },
    written: 'when the small rows are created, and with every flush of them',
    lives: 'for ever',
    doc: 'Format of the small rows, and the version that the next change gets. Other families: catalog/small-families.ts.',
  },
} as const satisfies Record<string, KeyFamily>

export type FamilyName = keyof typeof keyFamilies
type Families = typeof keyFamilies
/** The families whose values are fixed fields. */
type RowFamily = { [F in FamilyName]: Families[F]['value'] extends string ? never : F }[FamilyName]

type Numbers<F> = { -readonly [K in keyof F]: number }
export type KeyOf<F extends FamilyName> = Numbers<Families[F]['key']>
/** The fixed fields of a value, with its entries if the family has a list. */
export type RowOf<F extends RowFamily> = Numbers<Families[F]['value']> &
  (Families[F] extends { list: infer L } ? { entries: Numbers<L>[] } : unknown)

export type HeadRow = RowOf<'head'>
export type ProducerRow = RowOf<'producer'>
export type SegmentMetaRow = RowOf<'segmentMeta'>

function widthOf(fields: Fields): number {
  return Object.values(fields).reduce((sum, kind) => sum + widths[kind], 0)
}

/** A family's sizes and fields, computed once for the codecs. */
interface Layout {
  readonly tag: number
  readonly key: readonly (readonly [name: string, kind: FieldKind])[]
  readonly keyBytes: number
  readonly value: readonly (readonly [name: string, kind: FieldKind])[]
  readonly valueBytes: number
  readonly list: readonly (readonly [name: string, kind: FieldKind])[] | undefined
  readonly listBytes: number
}

const layouts = Object.fromEntries(
  Object.entries<KeyFamily>(keyFamilies).map(([name, { tag, key, value, list }]) => {
    const fields = typeof value === 'string' ? {} : value
    const layout: Layout = {
      tag,
      key: Object.entries(key),
      keyBytes: 1 + widthOf(key),
      value: Object.entries(fields),
      valueBytes: widthOf(fields),
      list: list && Object.entries(list),
      listBytes: list ? widthOf(list) : 0,
    }
    return [name, layout]
  }),
) as unknown as Readonly<Record<FamilyName, Layout>>

const TWO_32 = 0x1_0000_0000
const CHECKSUM_BYTES = 4

function writeField(bytes: Uint8Array, at: number, kind: FieldKind, value: number): number {
  const width = widths[kind]
  // Bit operations work below 2^32; a u64's upper half needs a division.
  if (width === 8) writeField(bytes, at, 'u32', Math.floor(value / TWO_32))
  for (let i = width - 1, low = value >>> 0; i >= Math.max(0, width - 4); i--, low >>>= 8) bytes[at + i] = low
  return at + width
}

function readField(bytes: Uint8Array, at: number, kind: FieldKind): number {
  let value = 0
  for (let i = 0; i < widths[kind]; i++) value = value * 256 + bytes[at + i]!
  return value
}

/** Encodes a new key. Pass the fields in the order of the table. */
export function encodeKey(family: FamilyName, first = 0, second = 0): Uint8Array {
  return writeKey(family, new Uint8Array(layouts[family].keyBytes), first, second)
}

/** Writes a key over `target`, which has the family's key length. For keys that the next call may overwrite. */
export function writeKey(family: FamilyName, target: Uint8Array, first = 0, second = 0): Uint8Array {
  const { tag, key } = layouts[family]
  target[0] = tag
  if (key.length > 0) {
    const at = writeField(target, 1, key[0]![1], first)
    if (key.length > 1) writeField(target, at, key[1]![1], second)
  }
  return target
}

export function decodeKey<F extends FamilyName>(family: F, key: Uint8Array): KeyOf<F> {
  const layout = layouts[family]
  invariant(
    key.length === layout.keyBytes && key[0] === layout.tag,
    `a key of ${key.length} bytes with tag ${key[0]} is not of the family ${family}`,
  )
  return readFields(layout.key, key, 1) as KeyOf<F>
}

/** The family of a stored key; undefined if the table has no such tag. */
export function familyOf(key: Uint8Array): FamilyName | undefined {
  return familyByTag.get(key[0] ?? 0)
}

const familyByTag = new Map<number, FamilyName>(
  Object.entries(keyFamilies).map(([name, { tag }]) => [tag, name as FamilyName]),
)

/** Keys from `start` up to, not including, `end`: a whole family, or the part of one slot or stream. */
export interface KeyRange {
  readonly start: Uint8Array
  readonly end: Uint8Array
}

export function rangeOf(family: FamilyName, first?: number): KeyRange {
  const { tag, key } = layouts[family]
  if (first === undefined) return { start: Uint8Array.of(tag), end: Uint8Array.of(tag + 1) }
  const start = new Uint8Array(1 + widths[key[0]![1]])
  start[0] = tag
  writeField(start, 1, key[0]![1], first)
  return { start, end: successorOf(start) }
}

/** The least key above all keys that begin with `prefix`. */
function successorOf(prefix: Uint8Array): Uint8Array {
  const next = prefix.slice()
  for (let i = next.length - 1; i >= 0; i--) {
    next[i] = (next[i]! + 1) & 0xff
    if (next[i] !== 0) break
  }
  return next
}

function readFields(fields: Layout['key'], bytes: Uint8Array, at: number): Record<string, number> {
  const row: Record<string, number> = {}
  for (const [name, kind] of fields) {
    row[name] = readField(bytes, at, kind)
    at += widths[kind]
  }
  return row
}

/** Bytes of a row's value with `entries` list entries. */
export function rowBytesOf(family: RowFamily, entries = 0): number {
  return layouts[family].valueBytes + entries * layouts[family].listBytes + CHECKSUM_BYTES
}

/** Writes the value of the row under `key` over `target`, which must have exactly the value's length. */
export function writeRow<F extends RowFamily>(
  family: F,
  key: Uint8Array,
  target: Uint8Array,
  row: RowOf<F>,
): Uint8Array {
  const { value, list } = layouts[family]
  let at = 0
  for (const [name, kind] of value) at = writeField(target, at, kind, (row as Record<string, number>)[name]!)
  if (list !== undefined) {
    for (const entry of (row as unknown as { entries: Record<string, number>[] }).entries) {
      for (const [name, kind] of list) at = writeField(target, at, kind, entry[name]!)
    }
  }
  at = writeField(target, at, 'u32', checksumOf(key, target.subarray(0, at)))
  invariant(at === target.length, `a row of ${family} has ${at} bytes, its target ${target.length}`)
  return target
}

export function encodeRow<F extends RowFamily>(family: F, key: Uint8Array, row: RowOf<F>): Uint8Array {
  const entries = (row as { entries?: unknown[] }).entries?.length ?? 0
  return writeRow(family, key, new Uint8Array(rowBytesOf(family, entries)), row)
}

/** Decodes the value stored under `key`; undefined if its length or checksum is wrong. */
export function decodeRow<F extends RowFamily>(
  family: F,
  key: Uint8Array,
  bytes: Uint8Array,
): RowOf<F> | undefined {
  const { value, valueBytes, list, listBytes } = layouts[family]
  const end = bytes.length - CHECKSUM_BYTES
  const rest = end - valueBytes
  if (rest < 0 || (list === undefined ? rest !== 0 : rest % listBytes !== 0)) return undefined
  if (readField(bytes, end, 'u32') !== checksumOf(key, bytes.subarray(0, end))) return undefined
  const row: Record<string, unknown> = readFields(value, bytes, 0)
  if (list !== undefined) {
    const entries: Record<string, number>[] = []
    for (let at = valueBytes; at < end; at += listBytes) entries.push(readFields(list, bytes, at))
    row.entries = entries
  }
  return row as RowOf<F>
}

/** CRC-32 of a key and its content, so that a row that was moved to another key is found damaged. */
export function checksumOf(key: Uint8Array, content: Uint8Array): number {
  return crc32(content, crc32(key))
}

/** A row is damaged, and no other row holds its content. */
export class DamagedRow extends Error {
  override readonly name = 'DamagedRow'
}
