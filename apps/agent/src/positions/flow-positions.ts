// The positions of one flow: what its files and its sender tell the journal and ask of it. Every promise fulfils when what was told
// is durable.
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

  /** Ranges beyond the offset that need not be read again: they are delivered, or prepared and to be resumed. In order, and apart. */
  taken(file: string): readonly CheckedRange[] {
    const { files, prepared } = this.#flow.records
    const ahead = files.get(file)?.ahead ?? []
    const inDoubt = [...prepared.values()].flatMap(({ ranges }) =>
      ranges.filter((range) => range.file === file),
    )
    return joined([...ahead, ...inDoubt])
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

  /** Must fulfil before anything of the ranges is sent. Preparing the same ranges again replaces the plan. */
  prepared(
    ranges: CheckedRange | readonly CheckedRange[],
    { plan, madeAt, seed }: Omit<PreparedChunk, 'ranges'>,
  ): Promise<void> {
    const chunk = { ranges: [ranges].flat().map(plain), madeAt, seed, plan }
    return this.#flow.append([{ kind: 'prepared', flow: this.#flow.name, ...chunk }])
  }

  /** The ranges are delivered, or hold nothing that is to be delivered. Any order is fine. */
  confirmed(ranges: CheckedRange | readonly CheckedRange[]): Promise<void> {
    const fact = { flow: this.#flow.name, at: this.#flow.now(), ranges: [ranges].flat().map(plain) }
    return this.#flow.append([{ kind: 'confirmed', ...fact }])
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
    const outdated = this.files().filter(
      ({ file, notedAt }) => notedAt < before && !isRead(file) && !needed.has(file),
    )
    if (outdated.length === 0 || records.files.size === 0) return Promise.resolve()
    return this.#flow.append(outdated.map(({ file }) => ({ kind: 'forgotten', flow, file })))
  }

  #filesAsFacts(files: readonly FileBeginning[]): readonly PositionFact[] {
    const at = this.#flow.now()
    return files.map((beginning) => ({ kind: 'file', flow: this.#flow.name, at, ...beginning }))
  }
}

function generationOf(file: string): number {
  return Number(file.slice(file.lastIndexOf('-') + 1))
}
