// What the journal of positions says, fact by fact, and what facts add up to. Pure: the journal makes facts durable before they are
// applied here. A file's position is the offset up to where everything is delivered, and the ranges beyond it that are.
import type { CheckedRange, FileRange, Fingerprint } from '../lines/line-run.ts'

/** A file that a flow reads or has read, as it was when it was last written down. */
export interface KnownFile {
  readonly file: string
  readonly path: string
  readonly device: string
  readonly inode: string
  /** When the file was made, where the file system can tell. */
  readonly bornAt?: number | undefined
  /** Of its first bytes. */
  readonly head: Fingerprint
  readonly size: number
  readonly modifiedAt: number
  /** Set when the bytes went over into another file, which was copied from this one before it was truncated. */
  readonly continuedIn?: string | undefined
  /** True: nothing more is read of it. */
  readonly isFinished?: boolean | undefined
}

/** A known file with its position. */
export interface FilePosition extends KnownFile {
  /** Everything before it is delivered. */
  readonly offset: number
  /** Of the last bytes before `offset`. */
  readonly tail: Fingerprint
  /** Delivered ranges beyond `offset`, in order, none touching another. */
  readonly ahead: readonly CheckedRange[]
  /** When a fact about it was written last. */
  readonly notedAt: number
}

/** Ranges that may have been sent: what the flow needs to make the same records again. */
export interface PreparedChunk {
  readonly ranges: readonly CheckedRange[]
  readonly madeAt: number
  readonly seed: string
  /** A JSON value: how the destination laid the records out. */
  readonly plan: unknown
}

export type PositionFact =
  | { readonly kind: 'started'; readonly flow: string; readonly at: number }
  | {
      readonly kind: 'file'
      readonly flow: string
      readonly at: number
      readonly known: KnownFile
      /** Where the file's position begins, for a file that has none yet. */
      readonly offset: number
      readonly tail: Fingerprint
    }
  | ({ readonly kind: 'prepared'; readonly flow: string } & PreparedChunk)
  | {
      readonly kind: 'confirmed'
      readonly flow: string
      readonly at: number
      readonly ranges: readonly CheckedRange[]
    }
  | { readonly kind: 'forgotten'; readonly flow: string; readonly file: string }

/** What is known of one flow. */
export interface FlowRecords {
  startedAt: number | undefined
  readonly files: Map<string, FilePosition>
  /** Copy → the files that it was made of. */
  readonly originals: Map<string, Set<string>>
  /** By their ranges, in the order in which they were prepared last. */
  readonly prepared: Map<string, PreparedChunk>
}

export function noRecords(): FlowRecords {
  return { startedAt: undefined, files: new Map(), originals: new Map(), prepared: new Map() }
}

export function applyFact(records: FlowRecords, fact: PositionFact): void {
  switch (fact.kind) {
    case 'started':
      records.startedAt = fact.at
      return
    case 'file':
      applyFile(records, fact)
      return
    case 'prepared': {
      const { ranges, madeAt, seed, plan } = fact
      const key = keyOf(ranges)
      records.prepared.delete(key) // prepared anew: it moves to the end
      records.prepared.set(key, { ranges, madeAt, seed, plan })
      return
    }
    case 'confirmed':
      for (const range of fact.ranges) confirm(records, range, fact.at)
      dropPrepared(records, fact.ranges)
      return
    case 'forgotten':
      records.files.delete(fact.file)
  }
}

function applyFile(records: FlowRecords, fact: PositionFact & { kind: 'file' }): void {
  const before = records.files.get(fact.known.file)
  const { offset, tail, ahead } = before ?? { offset: fact.offset, tail: fact.tail, ahead: [] }
  records.files.set(fact.known.file, { ...fact.known, offset, tail, ahead, notedAt: fact.at })
  const { continuedIn, file } = fact.known
  if (continuedIn === undefined) return
  records.originals.set(continuedIn, (records.originals.get(continuedIn) ?? new Set()).add(file))
}

function confirm(records: FlowRecords, range: CheckedRange, at: number): void {
  const position = records.files.get(range.file)
  if (position === undefined) return // forgotten meanwhile
  records.files.set(range.file, { ...position, ...advanced(position, range), notedAt: at })
}

/** Adds a delivered range to a position. */
function advanced(
  { offset, tail, ahead }: Pick<FilePosition, 'offset' | 'tail' | 'ahead'>,
  range: CheckedRange,
): Pick<FilePosition, 'offset' | 'tail' | 'ahead'> {
  const all = joined([...ahead, range])
  const beyond = all.filter((each) => each.from > offset)
  const reached = all.filter((each) => each.from <= offset && each.to > offset).at(-1)
  return reached === undefined
    ? { offset, tail, ahead: beyond }
    : { offset: reached.to, tail: reached.tail, ahead: beyond }
}

/** Sorts ranges of one file, and makes one of those that touch or overlap. */
export function joined(ranges: readonly CheckedRange[]): readonly CheckedRange[] {
  const result: CheckedRange[] = []
  for (const range of ranges.toSorted((one, other) => one.from - other.from)) {
    const last = result.at(-1)
    if (last === undefined || range.from > last.to) result.push(plain(range))
    else if (range.to > last.to) result.splice(-1, 1, { ...last, to: range.to, tail: range.tail })
  }
  return result
}

/** A chunk is in doubt as long as one of its ranges is. */
function dropPrepared(records: FlowRecords, confirmed: readonly CheckedRange[]): void {
  if (records.prepared.delete(keyOf(confirmed))) return
  for (const [key, chunk] of records.prepared) {
    const { ranges } = chunk
    if (ranges.every((range) => isDelivered(records, range))) records.prepared.delete(key)
  }
}

/** True when all of a range is delivered. */
function isDelivered({ files }: FlowRecords, { file, from, to }: FileRange): boolean {
  const position = files.get(file)
  if (position === undefined) return false
  return to <= position.offset || position.ahead.some((range) => range.from <= from && range.to >= to)
}

function keyOf(ranges: readonly FileRange[]): string {
  return ranges.map(({ file, from, to }) => `${file}:${from}-${to}`).join()
}

/** A range without what a run has beside it. */
export function plain({ file, from, to, tail }: CheckedRange): CheckedRange {
  return { file, from, to, tail }
}

/** The facts from which the same records come out again. */
export function factsOfRecords(flow: string, records: FlowRecords): readonly PositionFact[] {
  const { startedAt, files, prepared } = records
  return [
    ...(startedAt === undefined ? [] : [{ kind: 'started' as const, flow, at: startedAt }]),
    ...[...files.values()].flatMap(({ offset, tail, ahead, notedAt, ...known }) => [
      { kind: 'file' as const, flow, at: notedAt, known, offset, tail },
      ...(ahead.length === 0 ? [] : [{ kind: 'confirmed' as const, flow, at: notedAt, ranges: ahead }]),
    ]),
    ...[...prepared.values()].map((chunk) => ({ kind: 'prepared' as const, flow, ...chunk })),
  ]
}
