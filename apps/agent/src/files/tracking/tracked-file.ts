// A file that a flow reads, as long as it is read: the state that tracking and reading share. Runs in the process of the agent.
import { NO_BYTES } from '../../lines/fingerprint.ts'
import type { CheckedRange, Fingerprint } from '../../lines/line-run.ts'
import type { RecordEnd } from '../../lines/record-end.ts'
import type { FileBeginning } from '../../positions/flow-positions.ts'
import type { FilePosition, KnownFile } from '../../positions/position-facts.ts'
import type { FileFacts } from '../disk.ts'
import type { FileState } from '../file-status.ts'

/** Why nothing can be read of a file, until it changes. */
export interface FileProblem {
  readonly state: FileState
  readonly reason: string
  /** Until when it is not tried again; absent: it is tried each time that the file is looked at. */
  readonly until?: number | undefined
}

export interface TrackedFile {
  readonly file: string
  readonly device: string
  readonly inode: string
  path: string
  facts: FileFacts
  /** Its size when its bytes were last found to be those that were read: what is seen later may be that of other content. */
  intactSize: number
  /** Of the first bytes, as they were read. */
  head: Fingerprint
  /** Where reading goes on. */
  offset: number
  /** Of the last bytes before `offset`. */
  tail: Fingerprint
  /** Ranges from `offset` on that need not be read. */
  taken: CheckedRange[]
  /** The time of change, by the file system, at which its bytes were last compared with those that were read. */
  comparedAt: number
  /** When the size was last seen to be another: this time and those below are of the clock that only rises. */
  grewAt: number
  /** When the facts were last looked at. */
  seenAt: number
  /** False where its name now means another file or none. */
  isListed: boolean
  /** True where nobody is expected to append: a last line without an end is then a record. */
  isRotated: boolean
  /** The file of the same log that must be read to its end first. */
  before: TrackedFile | undefined
  /** When it began to be tracked: what was before it must be looked at later than that. */
  readonly trackedAt: number
  /** Until when it is not read, since it may be a copy of `copyOf` that is being made. */
  heldUntil: number | undefined
  copyOf: TrackedFile | undefined
  /** True once it was compared with the others of its log. */
  isCompared: boolean
  /** A record at `offset` that is longer than a buffer, whose end is looked for. */
  long: RecordEnd | undefined
  /** What is from `offset` on is the beginning of a record: up to this size it was looked at. */
  triedSize: number
  /** The same, with its end as the end of a record. */
  flushedSize: number
  problem: FileProblem | undefined
  isEnded: boolean
}

export interface TrackingStart {
  readonly file: string
  readonly path: string
  readonly facts: FileFacts
  readonly offset?: number
  readonly head?: Fingerprint
  readonly tail?: Fingerprint
  readonly taken?: readonly CheckedRange[]
  readonly now: number
}

export function trackedFile({ file, path, facts, now, ...start }: TrackingStart): TrackedFile {
  const tracked: TrackedFile = {
    file,
    device: facts.device,
    inode: facts.inode,
    path,
    facts,
    intactSize: facts.size,
    head: start.head ?? NO_BYTES,
    offset: start.offset ?? 0,
    tail: start.tail ?? NO_BYTES,
    taken: [...(start.taken ?? [])],
    comparedAt: -1,
    grewAt: now,
    seenAt: now,
    isListed: true,
    isRotated: false,
    before: undefined,
    trackedAt: now,
    heldUntil: undefined,
    copyOf: undefined,
    isCompared: false,
    long: undefined,
    triedSize: -1,
    flushedSize: -1,
    problem: undefined,
    isEnded: false,
  }
  passTaken(tracked)
  return tracked
}

/** Takes up a file where its position says, as it was when that was written. */
export function resumedFile(
  position: FilePosition,
  taken: readonly CheckedRange[],
  now: number,
): TrackedFile {
  const { file, path, head, offset, tail, device, inode, size, modifiedAt, bornAt = 0 } = position
  const facts: FileFacts = {
    device,
    inode,
    size,
    modifiedAt,
    bornAt,
    kind: 'file',
    changedAt: modifiedAt,
    links: 1,
  }
  return trackedFile({ file, path, facts, head, offset, tail, taken, now })
}

/** Moves a file's offset over ranges that need not be read. */
export function passTaken(file: TrackedFile): void {
  for (let next = file.taken[0]; next !== undefined && next.from <= file.offset; next = file.taken[0]) {
    file.taken.shift()
    if (next.to > file.offset) moveTo(file, next.to, next.tail)
  }
}

export function moveTo(file: TrackedFile, offset: number, tail: Fingerprint): void {
  file.offset = offset
  file.tail = tail
  file.long = undefined
  file.triedSize = -1
  file.flushedSize = -1
}

/** Takes what was seen of a file just now. */
export function see(file: TrackedFile, facts: FileFacts, now: number): void {
  if (facts.size !== file.facts.size) file.grewAt = now
  file.facts = facts
  file.seenAt = now
}

export function knownOf(file: TrackedFile, more: Partial<KnownFile> = {}): KnownFile {
  const { path, device, inode, head, facts } = file
  const { size, modifiedAt, bornAt } = facts
  // A file system without times of birth gives another time for it, which changes.
  const born = bornAt > 0 && bornAt < facts.changedAt ? { bornAt } : {}
  return { file: file.file, path, device, inode, ...born, head, size, modifiedAt, ...more }
}

export function inodeKey({ device, inode }: { readonly device: string; readonly inode: string }): string {
  return `${device}:${inode}`
}

/** True when everything that was in the file when it was last looked at is read. */
export function isRead(file: TrackedFile): boolean {
  return file.isEnded || file.offset >= file.facts.size
}

/** Bytes of a file that were never read. */
export interface LostBytes {
  readonly file: string
  readonly path: string
  readonly facts: FileFacts
  readonly offset: number
  readonly reason: string
}

/** What positions are told of a file that begins, or is replaced. */
export function beginningOf(file: TrackedFile): FileBeginning {
  return { known: knownOf(file), offset: file.offset, tail: file.tail }
}
