// How event time comes to the parts of a query: as marks, which each unit that spreads records writes behind these into every shard of the
// stream between, as Flink's watermarks go along with records. Pure: times are given.
//
// A mark says of each input up to which time its unit has forwarded all records, and whether nothing comes there for now. A part has come, of a
// unit, to the least of the newest marks in the shards that it reads: in front of each are the records of that shard.
import type { RecordInput, StreamRecord } from 'millrace'
import type { Forwarding } from './origin.ts'

/** How far an input has come in a unit. */
export interface InputMark {
  /** Microseconds; null where it is not known. */
  readonly watermark: number | null
  /** Nothing has come for a while: it holds nobody up. */
  readonly isIdle: boolean
}

/** By `inputKey`. */
export type UnitMarks = Readonly<Record<string, InputMark>>

/** What a part knows of a unit. */
export interface KnownMarks {
  /** Of all shards together: it never goes back. */
  readonly all: UnitMarks
  /** The newest mark of each shard, by shard id. One that has none yet begins at what is known of all. */
  readonly shards: Readonly<Record<string, UnitMarks>>
}

/** By number of the unit. */
export type PartMarks = Readonly<Record<string, KnownMarks>>

/** What a unit has told last, and what it goes by. */
export interface ToldMarks {
  readonly inputs: UnitMarks
  /** To which hash keys: one of each shard of each part. */
  readonly hashKeys: readonly string[]
  /** The latest event time of each shard that is read, in microseconds: by `inputKey`, by shard id. */
  readonly latest: Readonly<Record<string, Readonly<Record<string, number>>>>
}

const MARK = 'millrace-mark'

interface MarkPayload {
  readonly streamId: number
  readonly unit: number
  readonly inputs: UnitMarks
}

/** Returns the mark of a unit for the shard that holds a hash key. */
export function markRecord(payload: MarkPayload, explicitHashKey: string): RecordInput {
  return { partitionKey: MARK, explicitHashKey, headers: { [MARK]: '1' }, data: JSON.stringify(payload) }
}

/** Whether a record is a mark, of any query, by its headers. */
export function isMark(headers: StreamRecord['headers']): boolean {
  return headers[MARK] !== undefined
}

/** Returns what a mark says; undefined where it is of other records that went the same way. */
export function markOf(
  { bytes }: Pick<StreamRecord, 'bytes'>,
  { streamId }: Forwarding,
): MarkPayload | undefined {
  const payload = JSON.parse(Buffer.from(bytes).toString('utf8')) as MarkPayload
  return payload.streamId === streamId ? payload : undefined
}

/** Returns what is known with one more mark. */
export function withMark(
  known: PartMarks,
  { unit, shardId, inputs }: { readonly unit: number; readonly shardId: string; readonly inputs: UnitMarks },
): PartMarks {
  const { all, shards } = known[unit] ?? { all: {}, shards: {} }
  return { ...known, [unit]: { all, shards: { ...shards, [shardId]: inputs } } }
}

/** Returns what is known while these shards are read: of other shards nothing is kept. */
export function inShards(known: PartMarks, shardIds: readonly string[]): PartMarks {
  return Object.fromEntries(
    Object.entries(known).map(([unit, of]) => {
      const shards = shardIds.flatMap((id) =>
        of.shards[id] === undefined ? [] : [[id, of.shards[id]] as const],
      )
      return [unit, { all: allOf(of, shardIds), shards: Object.fromEntries(shards) }]
    }),
  )
}

function allOf({ all, shards }: KnownMarks, shardIds: readonly string[]): UnitMarks {
  if (shardIds.length === 0) return all
  const keys = new Set([all, ...Object.values(shards)].flatMap((inputs) => Object.keys(inputs)))
  const entries = [...keys].flatMap((key) => {
    const marks = shardIds.map((id) => shards[id]?.[key] ?? all[key])
    if (marks.includes(undefined)) return all[key] === undefined ? [] : [[key, all[key]] as const]
    const least = leastOf(marks as InputMark[])
    return [[key, { ...least, watermark: later(all[key]?.watermark ?? null, least.watermark) }] as const]
  })
  return Object.fromEntries(entries)
}

function leastOf(marks: readonly InputMark[]): InputMark {
  const watermarks = marks.map(({ watermark }) => watermark)
  return {
    watermark: watermarks.includes(null) ? null : Math.min(...(watermarks as number[])),
    isIdle: marks.every(({ isIdle }) => isIdle),
  }
}

/** Returns the later of two times, of which either may not be known. */
export function later(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b)
}

/** How far an input has come in all units, in microseconds; undefined where that is not known. */
export function inputTime(
  known: PartMarks,
  key: string,
  { units, isTrusted }: { readonly units: number; readonly isTrusted: (unit: number) => boolean },
): number | undefined {
  const marks: InputMark[] = []
  for (let unit = 0; unit < units; unit++) {
    const mark = known[unit]?.all[key]
    if (mark === undefined) return undefined
    // Of one that has not been heard of for a while, records may wait.
    marks.push({ ...mark, isIdle: mark.isIdle && isTrusted(unit) })
  }
  const held = marks.filter(({ isIdle }) => !isIdle)
  if (held.length > 0) return leastOf(held).watermark ?? undefined
  return marks.map(({ watermark }) => watermark).reduce(later, null) ?? undefined
}
