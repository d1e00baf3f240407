// What a query can be shared by among processes, each of which reads a part of its records: so that rows that are put together are of one
// part. Sure of what it accepts; what it refuses may be possible all the same. Runs in every door to queries.
//
// A slot is one expression a stream. Where each meeting has a key that is the slot in all of its streams, rows that meet have the same
// value of it, and so may go where that value goes. Streams that no meeting joins, directly or by way of others, have slots of their own.
import { PlanFault, positionIn } from '../plan-fault.ts'
import type { QueryPlan } from '../query-plan.ts'
import type { SqlParser } from '../text/parser.ts'
import type { MeetingKind, PlannedMeeting } from './meetings.ts'

/** Expressions by stream. As many of each stream, but for those whose rows never meet: these are shared by their partition key. */
export type SharedKeys = Readonly<Record<string, readonly string[]>>

/** `keys` is left out where records are shared by their partition key as they are. */
export interface PlanSharing {
  readonly keys?: SharedKeys
}

export interface SharingParts {
  readonly parser: SqlParser
  /** Type of an expression over the columns of a stream; undefined where it is no value of one row. */
  readonly typeOf: (stream: string, sql: string) => Promise<string | undefined>
  /** What it was shared by before: that stays, if it can. */
  readonly before?: PlanSharing | undefined
}

/** Types of which equal values are the same text. */
const textual =
  /^(VARCHAR|BOOLEAN|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(\d+,\d+\)|DATE|TIME|TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE|UUID)$/

/** Of these that is so once nothing is added to them: that makes -0 0. */
const floating = /^(DOUBLE|FLOAT)$/

/** Slots of streams that are joined, at most. */
const SLOTS_MAX = 8

type Slot = ReadonlyMap<string, string>

/** A meeting with the keys that could be slots, as SQL by stream. */
interface Known extends Pick<PlannedMeeting, 'kind' | 'streams'> {
  readonly position: number
  readonly slots: readonly Slot[]
  readonly isByPartitionKey: boolean
  /** Whether it has keys of which none could be. */
  readonly hasOthers: boolean
}

/** Returns what a plan can be shared by. Rejects with `PlanFault` where there is nothing that is sure. */
export async function sharingOf(
  text: string,
  { statements, inputs }: QueryPlan,
  parts: SharingParts,
): Promise<PlanSharing> {
  const meetings: Known[] = []
  for (const { meetings: each, place } of statements)
    for (const meeting of each)
      meetings.push(await known({ ...meeting, position: meeting.position ?? positionIn(text, place) }, parts))
  const groups = joinedMeetings(meetings)
  const isByPartitionKey = meetings.every((meeting) => meeting.isByPartitionKey)
  const streams = new Set(inputs.map(({ stream }) => stream))
  const kept = parts.before?.keys && keptKeys(parts.before.keys, streams, groups)
  if (kept !== undefined) return { keys: kept }
  if (isByPartitionKey) return {}
  for (const meeting of meetings) if (meeting.slots.length === 0) throw alone(text, meeting)
  const keys: Record<string, readonly string[]> = {}
  for (const stream of streams) keys[stream] = ['partition_key']
  for (const group of groups) {
    const slots = slotsOf(group)
    if (!Array.isArray(slots)) throw apart(text, slots.before, slots.meeting)
    for (const stream of streamsOf(group))
      keys[stream] = slots.slice(0, SLOTS_MAX).map((slot) => slot.get(stream)!)
  }
  return { keys }
}

const streamsOf = (group: readonly Known[]) => new Set(group.flatMap(({ streams }) => streams))

/** Returns keys of before, if all of them are slots still. */
function keptKeys(
  before: SharedKeys,
  streams: ReadonlySet<string>,
  groups: readonly (readonly Known[])[],
): SharedKeys | undefined {
  const keys: Record<string, readonly string[]> = {}
  for (const stream of streams) {
    if (before[stream] === undefined) return undefined
    keys[stream] = before[stream]
  }
  for (const group of groups) {
    const slots = slotsOf(group)
    if (!Array.isArray(slots)) return undefined
    const own = [...streamsOf(group)]
    const counts = new Set(own.map((stream) => keys[stream]!.length))
    if (counts.size > 1) return undefined
    const isSlot = (_: string, at: number) =>
      slots.some((slot) => own.every((stream) => slot.get(stream) === keys[stream]![at]))
    if (!keys[own[0]!]!.every(isSlot)) return undefined
  }
  return keys
}

async function known(
  { keys, ...meeting }: PlannedMeeting & { readonly position: number },
  parts: SharingParts,
): Promise<Known> {
  const slots: Slot[] = []
  let isByPartitionKey = false
  for (const key of keys) {
    const sql = new Map<string, string>()
    for (const [stream, expression] of key) sql.set(stream, await parts.parser.printExpression(expression))
    if ([...sql.values()].every((each) => each === 'partition_key')) isByPartitionKey = true
    const slot = await asText(sql, parts)
    if (slot !== undefined) slots.push(slot)
  }
  return { ...meeting, slots, isByPartitionKey, hasOthers: keys.length > 0 }
}

/** Returns a key whose values are equal just where their texts are the same; undefined where there is no such. */
async function asText(sql: Slot, { typeOf }: SharingParts): Promise<Slot | undefined> {
  const types = new Set<string | undefined>()
  for (const [stream, each] of sql) types.add(await typeOf(stream, each))
  const [type] = types
  if (types.size !== 1 || type === undefined) return undefined
  if (textual.test(type)) return sql
  return floating.test(type)
    ? new Map([...sql].map(([stream, each]) => [stream, `(${each}) + 0`]))
    : undefined
}

/** Returns meetings that have streams in common, directly or by way of others, together and in such an order. */
function joinedMeetings(meetings: readonly Known[]): readonly (readonly Known[])[] {
  const left = new Set(meetings)
  const groups: Known[][] = []
  for (const first of meetings) {
    if (!left.delete(first)) continue
    const group = [first]
    for (const { streams } of group)
      for (const other of left)
        if (other.streams.some((stream) => streams.includes(stream))) {
          left.delete(other)
          group.push(other)
        }
    groups.push(group)
  }
  return groups
}

/** A meeting that has no slot in common with those before it. */
interface Apart {
  readonly before: readonly Known[]
  readonly meeting: Known
}

/** Returns slots that all meetings have. */
function slotsOf(meetings: readonly Known[]): Slot[] | Apart {
  let slots: Slot[] = [new Map()]
  for (const [at, meeting] of meetings.entries()) {
    const next = new Map<string, Slot>()
    for (const slot of slots)
      for (const key of meeting.slots) {
        const both = agreed(slot, key)
        if (both !== undefined) next.set(JSON.stringify([...both].sort(([a], [b]) => (a < b ? -1 : 1))), both)
      }
    slots = [...next.values()]
    if (slots.length === 0) return { before: meetings.slice(0, at), meeting }
  }
  return slots
}

/** Undefined where they are not the same in a stream of both. */
function agreed(slot: Slot, key: Slot): Slot | undefined {
  for (const [stream, sql] of key) if ((slot.get(stream) ?? sql) !== sql) return undefined
  return new Map([...slot, ...key])
}

const whole: Readonly<Record<MeetingKind, string>> = {
  group:
    'Rows of a window are put together here by no column of a stream: group by one, beside the bounds of the window.',
  distinct:
    'Rows of a window that are the same are found here by no column of a stream: select one, or name one in DISTINCT ON.',
  over: 'This looks at rows of all keys: name a column of a stream in PARTITION BY.',
  window:
    'These windows are of rows of all keys: write PARTITION BY and a column after the name of the stream.',
  join: 'Rows are joined here by no column of each stream that is equal in the other: write ON a.user_id = b.user_id, and what else there is.',
  exists:
    'Rows are looked for here by no column that is equal in the rows around: write b.user_id = a.user_id in WHERE of the subquery.',
  other: 'What comes of this takes all rows.',
}

function alone(text: string, { kind, position, hasOthers }: Known): PlanFault {
  const reason = hasOthers
    ? 'What is equal here is not of each row of a stream alone, or of a type of which equal values may be written in several ways, or of another one in each stream.'
    : whole[kind]
  return new PlanFault(text, position, `The query cannot be carried out in parts. ${reason}`)
}

function apart(text: string, before: readonly Known[], { position, streams, slots }: Known): PlanFault {
  const stream = streams.find((each) => before.some(({ streams: known }) => known.includes(each)))!
  const named = (each: readonly Slot[]) =>
    [...new Set(each.flatMap((slot) => slot.get(stream) ?? []))].join(', ')
  const other = named(before.flatMap((each) => each.slots))
  return new PlanFault(
    text,
    position,
    `The query cannot be carried out in parts. Rows of ${stream} are put together by ${named(slots)} here, and by ${other} before: there must be a key in common. Make a query of each.`,
  )
}
