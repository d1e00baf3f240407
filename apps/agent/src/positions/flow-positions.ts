// The positions of one flow: what its files and its sender tell the journal and ask of it. Every promise fulfils when what was told
// is durable.
import { NO_BYTES } from '../lines/fingerprint.ts'
import type { CheckedRange, FileRange, Fingerprint } from '../lines/line-run.ts'
import {
  joined,
  plain,
  type FilePosition,
  type FlowRecords,
  type KnownFile,
  type PositionFact,
  type PreparedChunk,
} from './position-facts.ts'

const DAY_MS = 86_400_000

export interface FlowPositionsContext {
  readonly name: string
  readonly records: FlowRecords
  readonly timeToLiveDays: number
  readonly now: () => number
  readonly append: (facts: readonly PositionFact[]) => Promise<void>
}

/** A file that is to be known, and where its position begins. */
export interface FileBeginning {
  readonly known: KnownFile
  readonly offset: number
  readonly tail: Fingerprint
}

export class FlowPositions {
  readonly #flow: FlowPositionsContext
  readonly #noted = new Map<string, FileBeginning>()
  #generation: number

  constructor(flow: FlowPositionsContext) {
    this.#flow = flow
    this.#generation = 1 + Math.max(0, ...[...flow.records.files.keys()].map(generationOf))
  }

  /** True when the flow was never started with this directory. */
  get isNew(): boolean {
    return this.#flow.records.startedAt === undefined
  }

  /** All files that have a position. */
  files(): readonly FilePosition[] {
    return [...this.#flow.records.files.values()]
  }

  position(file: string): FilePosition | undefined {
    return this.#flow.records.files.get(file)
  }

  /** Up to where everything is delivered, of a file and of those that it is the copy of. */
  delivered(file: string): Pick<FilePosition, 'offset' | 'tail'> {
    const own = this.position(file)
    const { offset, tail } = own ?? { offset: 0, tail: NO_BYTES }
    const reached = this.#ahead(file)
      .filter((range) => range.from <= offset && range.to > offset)
      .at(-1)
    return reached === undefined ? { offset, tail } : { offset: reached.to, tail: reached.tail }
  }

  /** Ranges that need not be read, or not again: they are delivered, or prepared and to be resumed. In order, and apart. */
  taken(file: string): readonly CheckedRange[] {
    const names = new Set([file, ...this.#originals(file).map((each) => each.file)])
    const inDoubt = this.inDoubt().flatMap(({ ranges }) => ranges.filter((range) => names.has(range.file)))
    return joined([...this.#ahead(file), ...inDoubt.map((range) => ({ ...range, file }))])
  }

  /** A name for a file that has no position yet: unlike any that the flow gave before to the same inode. */
  newName({ device, inode }: { readonly device: string; readonly inode: string }): string {
    return `${device}-${inode}-${this.#generation++}`
  }

  /** Marks the flow as started, and adds the files that it begins with. */
  started(files: readonly FileBeginning[]): Promise<void> {
    const at = this.#flow.now()
    const mark = { kind: 'started' as const, flow: this.#flow.name, at }
    return this.#flow.append([...(this.isNew ? [mark] : []), ...this.#filesAsFacts(files)])
  }

  /** Adds files, or replaces what is known of them. The position of a file that has one stays as it is. */
  known(files: readonly FileBeginning[]): Promise<void> {
    return files.length === 0 ? Promise.resolve() : this.#flow.append(this.#filesAsFacts(files))
  }

  /** Replaces what is known of a file the next time that something of it is written down. */
  noted(file: FileBeginning): void {
    this.#noted.set(file.known.file, file)
  }

  /** Must fulfil before anything of the ranges is sent. Preparing the same ranges again replaces the plan. */
  prepared(
    ranges: CheckedRange | readonly CheckedRange[],
    { plan, madeAt, seed }: Omit<PreparedChunk, 'ranges'>,
  ): Promise<void> {
    const chunk = { ranges: [ranges].flat().map(plain), madeAt, seed, plan }
    const noted = this.#takeNoted(chunk.ranges)
    return this.#flow.append([...noted, { kind: 'prepared', flow: this.#flow.name, ...chunk }])
  }

  /** The ranges are delivered, or hold nothing that is to be delivered. Any order is fine. */
  confirmed(ranges: CheckedRange | readonly CheckedRange[]): Promise<void> {
    const fact = { flow: this.#flow.name, at: this.#flow.now(), ranges: [ranges].flat().map(plain) }
    return this.#flow.append([...this.#takeNoted(fact.ranges), { kind: 'confirmed', ...fact }])
  }

  /** Chunks that were prepared and never confirmed, in the order in which they were prepared last. */
  inDoubt(): readonly PreparedChunk[] {
    return [...this.#flow.records.prepared.values()]
  }

  /** Forgets files that nobody reads and of which nothing was heard for the time to live; not those of chunks in doubt. */
  forget(isRead: (file: string) => boolean): Promise<void> {
    const { records, name: flow, now, timeToLiveDays } = this.#flow
    const before = now() - timeToLiveDays * DAY_MS
    const needed = new Set(
      this.inDoubt().flatMap(({ ranges }) => ranges.map((range: FileRange) => range.file)),
    )
    // What went over into a copy counts for the copy as long as that is known.
    const isNeeded = ({ file, continuedIn }: FilePosition) =>
      isRead(file) ||
      needed.has(file) ||
      (continuedIn !== undefined && this.position(continuedIn) !== undefined)
    const outdated = this.files().filter((each) => each.notedAt < before && !isNeeded(each))
    if (outdated.length === 0 || records.files.size === 0) return Promise.resolve()
    return this.#flow.append(outdated.map(({ file }) => ({ kind: 'forgotten', flow, file })))
  }

  #takeNoted(ranges: readonly FileRange[]): readonly PositionFact[] {
    const noted = ranges.flatMap(({ file }) => {
      const beginning = this.#noted.get(file)
      this.#noted.delete(file)
      return beginning ?? []
    })
    return this.#filesAsFacts(noted)
  }

  /** The files whose bytes went over into this one, offset by offset, as it was copied from them. */
  #originals(file: string): readonly FilePosition[] {
    const { originals, files } = this.#flow.records
    return [...(originals.get(file) ?? [])].flatMap((name) => files.get(name) ?? [])
  }

  /** Delivered ranges, of a file and of those that it is the copy of. */
  #ahead(file: string): readonly CheckedRange[] {
    const originals = this.#originals(file).flatMap(({ offset, tail, ahead }) => [
      { from: 0, to: offset, tail },
      ...ahead,
    ])
    return joined([...(this.position(file)?.ahead ?? []), ...originals.map((range) => ({ ...range, file }))])
  }

  #filesAsFacts(files: readonly FileBeginning[]): readonly PositionFact[] {
    const at = this.#flow.now()
    return files.map((beginning) => ({ kind: 'file', flow: this.#flow.name, at, ...beginning }))
  }
}

function generationOf(file: string): number {
  return Number(file.slice(file.lastIndexOf('-') + 1))
}
