// Which files a flow has, and in which order they are read: follows renaming, creation, truncation and copying. It looks at names and
// facts, and at a few bytes of files whose facts changed. A file is its inode with its first bytes, whatever its name.
import { dirname } from 'node:path'
import type { FileRange } from '../../lines/line-run.ts'
import { FINGERPRINT_BYTES, fingerprintOf } from '../../lines/fingerprint.ts'
import type { FileBeginning } from '../../positions/flow-positions.ts'
import type { FilePosition } from '../../positions/position-facts.ts'
import type { Disk, FileFacts } from '../disk.ts'
import { findCopy, inodesBeside, type FoundFile } from './file-search.ts'
import type { FlowFilesOptions } from '../flow-file-settings.ts'

import { holdCopies } from './file-copies.ts'
import { blockerOf, logsOf, orderLog } from './file-order.ts'
import { GoneFiles } from './gone-files.ts'
import { isHiddenBy, listFiles, type Listed } from './listing.ts'
import { logOf } from './log-names.ts'
import type { OpenHandles } from '../open-handles.ts'
import { PathPattern, unreadable, type PassedOver } from '../path-pattern.ts'
import { isIntact, readBytes, type RunReader } from '../run-reader.ts'
import {
  beginningOf,
  inodeKey,
  isRead,
  knownOf,
  resumedFile,
  see,
  trackedFile,
  type LostBytes,
  type TrackedFile,
} from './tracked-file.ts'

/** How long a file must not have grown before what is incomplete at its end counts as complete. */
export const SETTLED_MS = 1_000
/** How long a removed file is kept open: its writer may go on. */
const REMOVED_MS = 10_000
const FORGETTING_MS = 3_600_000

export class FileTracker {
  readonly #options: FlowFilesOptions
  readonly #handles: OpenHandles
  readonly #reader: RunReader
  readonly #pattern: PathPattern
  readonly #byInode = new Map<string, TrackedFile>()
  #directories: readonly string[] = []
  #passedOver: readonly PassedOver[] = []
  readonly #gone: GoneFiles
  #forgotAt = -Infinity
  #isOrdered = false
  /** Files that begin, and are not durable yet. */
  #unsaved: readonly TrackedFile[] = []

  constructor(options: FlowFilesOptions, handles: OpenHandles, reader: RunReader) {
    this.#options = options
    this.#handles = handles
    this.#reader = reader
    this.#pattern = new PathPattern(options.flow.filePattern)
    this.#gone = new GoneFiles(options.positions)
  }

  get files(): Iterable<TrackedFile> {
    return this.#byInode.values()
  }

  isTracked(file: TrackedFile): boolean {
    return this.#byInode.get(inodeKey(file)) === file
  }

  /** Where new files may appear. */
  get directories(): readonly string[] {
    return this.#directories
  }

  get passedOver(): readonly PassedOver[] {
    return this.#passedOver
  }

  get lost(): readonly LostBytes[] {
    return this.#gone.lost
  }

  find({ file }: Pick<FileRange, 'file'>): TrackedFile | undefined {
    for (const each of this.#byInode.values()) if (each.file === file) return each
    return undefined
  }

  /** Takes up the files that have positions. Called once, before the first `relist`. */
  restore(): void {
    for (const position of this.#options.positions.files()) this.#resume(position)
  }

  /** Finds which files there are now, and makes them durable before anything of them is read. */
  async relist(): Promise<void> {
    const { rim, positions } = this.#options
    const isFirst = positions.isNew
    const { paths, directories, passedOver } = await this.#pattern.find(rim.disk)
    this.#directories = directories
    // Two names of one file: it keeps the one that it has.
    const isName = (key: string, path: string) => this.#byInode.get(key)?.path === path
    const { listed, failed } = await listFiles(rim.disk, paths, isName)
    this.#passedOver = [...passedOver, ...failed]
    const fresh: Listed[] = []
    const former = new Map([...this.#byInode.values()].map((file) => [file.path, file]))
    for (const each of listed.values()) if (!(await this.#recognise(each))) fresh.push(each)
    await this.#followUnlisted(listed, isHiddenBy(this.#passedOver))
    // A truncated file's search may have found some meanwhile.
    const unknown = fresh.filter(({ facts }) => !this.#byInode.has(inodeKey(facts)))
    const added: TrackedFile[] = []
    for (const each of await this.#resumeAll(unknown)) added.push(await this.#add(each, isFirst))
    const logs = logsOf(this.#byInode.values())
    if (!this.#options.flow.once)
      for (const log of logs.values()) await holdCopies(log, this.#handles, rim.monotonic())
    this.#unsaved = [...this.#unsaved, ...added]
    const beginnings = this.#unsaved.map(beginningOf)
    await (isFirst ? positions.started(beginnings) : positions.known(beginnings))
    this.#unsaved = []
    this.#order(added, former)
    await this.#forget()
  }

  /** Looks at a file. Returns false where its name means another file by now. */
  async look(file: TrackedFile): Promise<boolean> {
    const { disk, monotonic } = this.#rim
    let facts: FileFacts | undefined
    try {
      facts = file.isListed ? await disk.facts(file.path) : await (await this.#handles.of(file))?.facts()
    } catch (error) {
      const { state, reason } = unreadable(file.path, error as NodeJS.ErrnoException)
      file.problem = { state, reason }
      file.seenAt = monotonic()
      return true
    }
    if (facts === undefined || inodeKey(facts) !== inodeKey(file)) return !file.isListed
    await this.#noticed(file, facts)
    return true
  }

  /** Ends a file whose bytes are others than those that were read, and begins the one that took its inode. */
  async truncated(file: TrackedFile): Promise<void> {
    const { positions, rim } = this.#options
    const handle = await this.#handles.of(file)
    const facts = handle === undefined ? file.facts : await handle.facts()
    // Where it has more now than it was seen with, what was seen may be of the new content already.
    const size = facts.size < file.facts.size ? file.facts.size : file.intactSize
    const copy = file.offset > 0 || file.facts.size > 0 ? await this.#copyOf(file) : undefined
    const now = rim.monotonic()
    const next = trackedFile({ file: positions.newName(file), path: file.path, facts, now })
    next.isListed = file.isListed
    next.isRotated = file.isRotated
    next.before = copy?.copy ?? file.before
    const ended = knownOf(file, { isFinished: true, ...(copy && { continuedIn: copy.copy.file }) })
    // The copy takes up everything that is not delivered of the file: what is under way of it counts for both.
    const delivered = positions.delivered(file.file)
    await positions.known([
      { known: ended, offset: file.offset, tail: file.tail },
      ...(copy === undefined ? [] : [{ ...beginningOf(copy.copy), ...delivered }]),
      ...(copy?.replaced === undefined
        ? []
        : [{ ...beginningOf(copy.replaced), known: knownOf(copy.replaced, { isFinished: true }) }]),
      beginningOf(next),
    ])
    if (copy === undefined)
      this.#gone.lose(
        file,
        'It was truncated before it was read to its end, and no copy of it was found beside it.',
        size,
      )
    this.#handles.pass(file, next)
    this.#byInode.set(inodeKey(file), next)
    await this.#lookAtHead(next)
    for (const each of this.#byInode.values()) {
      if (each.copyOf === file) each.copyOf = next
      if (each.before === file) each.before = copy?.copy ?? next
    }
  }

  /** True where a file may be a copy in the making: it is not read before that is clear. */
  isHeld(file: TrackedFile): boolean {
    if (file.heldUntil === undefined) return false
    if (this.#rim.monotonic() < file.heldUntil) return true
    file.heldUntil = undefined
    file.copyOf = undefined
    return false
  }

  /** The older file of the same log that must be read first. */
  blockerOf(file: TrackedFile): TrackedFile | undefined {
    return blockerOf(file, this.#byInode, this.#options.flow.once)
  }

  /** True where nothing more can come that is a record only with what is there. */
  isSettled(file: TrackedFile): boolean {
    return this.#options.flow.once || this.#rim.monotonic() - file.grewAt >= SETTLED_MS
  }

  /** Lets go of files that have no name any more, once all of them is delivered. */
  async dropRead(): Promise<void> {
    const finished: FileBeginning[] = []
    for (const file of this.#byInode.values()) {
      if (file.isListed || !isRead(file) || this.#rim.monotonic() - file.grewAt < REMOVED_MS) continue
      // As long as something is under way, it may have to be read again.
      if (this.#options.positions.delivered(file.file).offset < file.offset) continue
      this.#byInode.delete(inodeKey(file))
      await this.#handles.close(file)
      finished.push({ ...beginningOf(file), known: knownOf(file, { isFinished: true }) })
    }
    await this.#options.positions.known(finished)
  }

  get #rim(): { readonly disk: Disk; monotonic(): number } {
    return this.#options.rim
  }

  #resume(position: FilePosition): void {
    if (position.isFinished === true) return
    const taken = this.#options.positions.taken(position.file)
    this.#byInode.set(inodeKey(position), resumedFile(position, taken, this.#rim.monotonic()))
  }

  /** Takes up files that were not there for a while, as on a disk that was not mounted. Returns those that are new. */
  async #resumeAll(unknown: readonly Listed[]): Promise<readonly Listed[]> {
    if (unknown.length === 0) return unknown
    const known = new Map(this.#options.positions.files().map((position) => [inodeKey(position), position]))
    const fresh: Listed[] = []
    for (const each of unknown) {
      const key = inodeKey(each.facts)
      const position = known.get(key)
      const parked = this.#gone.unpark(key)
      if (parked !== undefined) this.#byInode.set(key, parked)
      else if (position !== undefined) this.#resume(position)
      if (!(await this.#recognise(each))) fresh.push(each)
    }
    return fresh
  }

  /** Returns true where a listed file is one that is tracked, or begins one in the inode of such. */
  async #recognise({ path, facts }: Listed): Promise<boolean> {
    const file = this.#byInode.get(inodeKey(facts))
    if (file === undefined) return false
    const known = this.#options.positions.position(file.file)
    if (known?.bornAt !== undefined && facts.bornAt !== known.bornAt) {
      // The inode of a removed file was given to a new one.
      await this.#handles.close(file)
      this.#byInode.delete(inodeKey(file))
      await this.#options.positions.known([
        { ...beginningOf(file), known: knownOf(file, { isFinished: true }) },
      ])
      this.#gone.lose(file, 'It was removed before it was read to its end.')
      return false
    }
    if (file.path !== path) {
      if (logOf(path) === logOf(file.path)) file.isRotated = true
      file.path = path
    }
    file.isListed = true
    await this.#noticed(file, facts, true)
    return true
  }

  /**
   * Takes the facts of a file, and compares its bytes with those that were read where it may be another file by now: where nothing was
   * appended, or, when names changed, anything.
   */
  async #noticed(file: TrackedFile, facts: FileFacts, haveNamesChanged = false): Promise<void> {
    const isChanged = facts.modifiedAt !== file.facts.modifiedAt
    const isSuspicious =
      facts.size === file.offset ? isChanged : haveNamesChanged && facts.modifiedAt !== file.comparedAt
    if (file.problem?.state === 'unreadable' && facts.changedAt !== file.facts.changedAt)
      file.problem = undefined
    if (facts.size < file.offset) return this.truncated(file)
    if (isSuspicious && file.head.bytes + file.tail.bytes > 0) {
      const handle = await this.#handles.of(file).catch(() => undefined)
      if (handle !== undefined && !(await isIntact(handle, file))) return this.truncated(file)
      if (handle !== undefined) file.intactSize = facts.size
      file.comparedAt = facts.modifiedAt
    }
    see(file, facts, this.#rim.monotonic())
    return this.#lookAtHead(file)
  }

  /** Follows files whose names are gone: elsewhere in their directory, or as long as they are open. */
  async #followUnlisted(listed: Map<string, Listed>, isHidden: (path: string) => boolean): Promise<void> {
    const beside = new Map<string, Map<string, FoundFile>>()
    // Nobody knows of what cannot be looked at whether it is gone.
    const unlisted = [...this.#byInode.values()].filter(
      (file) => !listed.has(inodeKey(file)) && !isHidden(file.path),
    )
    for (const file of unlisted) {
      if (file.isListed) {
        file.isListed = false
        file.isRotated = true
      }
      const directory = dirname(file.path)
      const inodes = beside.get(directory) ?? (await inodesBeside(this.#rim.disk, directory))
      beside.set(directory, inodes)
      const found = inodes.get(inodeKey(file))
      if (found !== undefined) {
        file.path = found.path
        await this.#noticed(file, found.facts)
      } else if (this.#handles.isOpen(file)) {
        await this.look(file)
      } else {
        this.#byInode.delete(inodeKey(file))
        this.#gone.park(file)
        this.#gone.lose(file, 'It was removed, or moved to another directory, before it was read to its end.')
      }
    }
  }

  async #add({ path, facts }: Listed, isFirst: boolean): Promise<TrackedFile> {
    const { positions, flow, rim } = this.#options
    const now = rim.monotonic()
    const file = trackedFile({ file: positions.newName(facts), path, facts, now })
    this.#byInode.set(inodeKey(file), file)
    if (isFirst && flow.initialPosition === 'END_OF_FILE') await this.#goToEnd(file)
    else await this.#lookAtHead(file)
    return file
  }

  /** Remembers how a file begins before it is read: it may be truncated and written anew until then. */
  async #lookAtHead(file: TrackedFile): Promise<void> {
    if (file.head.bytes > 0 || file.facts.size === 0 || file.problem !== undefined) return
    try {
      const handle = await this.#handles.of(file)
      if (handle !== undefined) file.head = fingerprintOf(await readBytes(handle, 0, FINGERPRINT_BYTES))
    } catch (error) {
      const { state, reason } = unreadable(file.path, error as NodeJS.ErrnoException)
      file.problem = { state, reason }
    }
  }

  async #goToEnd(file: TrackedFile): Promise<void> {
    try {
      const handle = await this.#handles.of(file)
      if (handle === undefined) return
      const { size } = await handle.facts()
      const headerEnd = await this.#reader.headerEnd(handle)
      if (headerEnd === undefined) return
      const offset = Math.max(headerEnd, await this.#reader.lastStart(handle, size))
      Object.assign(file, { offset, ...(await this.#reader.fingerprints(handle, offset)) })
    } catch (error) {
      const { state, reason } = unreadable(file.path, error as NodeJS.ErrnoException)
      file.problem = { state, reason }
      file.offset = file.facts.size
    }
  }

  /** Finds the copy that was made of a file before it was truncated, and takes it up where the file was read to. */
  async #copyOf(
    file: TrackedFile,
  ): Promise<{ readonly copy: TrackedFile; readonly replaced: TrackedFile | undefined } | undefined> {
    const { positions, rim } = this.#options
    const isFree = (key: string) => (this.#byInode.get(key)?.offset ?? 0) === 0
    const found = await findCopy(rim.disk, file, isFree)
    if (found === undefined) return undefined
    const { path, facts } = found
    const replaced = this.#byInode.get(inodeKey(facts))
    const { offset, head, tail } = file
    const start = { file: positions.newName(facts), path, facts, offset, head, tail, now: rim.monotonic() }
    const copy = trackedFile({ ...start, taken: file.taken })
    copy.isRotated = true
    copy.isListed = this.#pattern.includes(path)
    copy.before = file.before
    this.#byInode.set(inodeKey(copy), copy)
    return { copy, replaced }
  }

  /** Puts new files behind those of their logs, and behind those whose names they took. */
  #order(added: readonly TrackedFile[], former: ReadonlyMap<string, TrackedFile>): void {
    const logs = logsOf(this.#byInode.values())
    const changed = this.#isOrdered ? new Set(added.map(({ path }) => logOf(path))) : logs.keys()
    for (const log of changed) orderLog(logs.get(log) ?? [])
    this.#isOrdered = true
    for (const file of added) {
      const before = former.get(file.path)
      if (before === undefined || this.#byInode.get(inodeKey(before)) !== before) continue
      before.isRotated = true
      file.before ??= before
    }
  }

  async #forget(): Promise<void> {
    const now = this.#rim.monotonic()
    if (now - this.#forgotAt < FORGETTING_MS) return
    this.#forgotAt = now
    const tracked = new Set([...this.#byInode.values()].map(({ file }) => file))
    await this.#options.positions.forget((file) => tracked.has(file))
  }
}
