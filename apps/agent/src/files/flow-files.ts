// The files of one flow: finds them, reads them, and says how each stands. One reader: `next` and `again` are not called side by side.
// Nothing is read ahead: what a flow does not take stays in the files.
import { frame } from '../lines/framing.ts'
import { FINGERPRINT_BYTES, fingerprintOf, NO_BYTES } from '../lines/fingerprint.ts'
import { LinePatterns } from '../lines/line-patterns.ts'
import type { FileRange, LineRun } from '../lines/line-run.ts'
import type { FileFacts } from './disk.ts'
import type { FileStatus } from './file-status.ts'
import type { FlowFilesOptions, RunLimits } from './flow-file-settings.ts'
import { PathPattern, type PassedOver } from './path-pattern.ts'

interface ReadFile {
  readonly file: string
  readonly path: string
  facts: FileFacts
  offset: number
}

export class FlowFiles implements AsyncDisposable {
  readonly #options: FlowFilesOptions
  readonly #pattern: PathPattern
  readonly #patterns: LinePatterns
  readonly #files = new Map<string, ReadFile>()
  #passedOver: readonly PassedOver[] = []
  #held: string | undefined
  #isEnded = false

  private constructor(options: FlowFilesOptions) {
    this.#options = options
    this.#pattern = new PathPattern(options.flow.filePattern)
    this.#patterns = new LinePatterns(options.flow)
  }

  /** Finds the files that are there, and where to go on in each. */
  static async open(options: FlowFilesOptions): Promise<FlowFiles> {
    const files = new FlowFiles(options)
    await files.#refresh()
    return files
  }

  /** With `once`: everything that was there is read. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** The next records of some file; undefined where there are none now. */
  async next({ bytesMax, recordsMax }: RunLimits): Promise<LineRun | undefined> {
    await this.#refresh()
    for (const file of this.#files.values()) {
      const to = Math.min(file.facts.size, file.offset + bytesMax)
      const run = await this.#read(file, to, recordsMax, this.#options.flow.once && to === file.facts.size)
      if (run === undefined) continue
      file.offset = run.to
      return run
    }
    this.#isEnded = this.#options.flow.once
    return undefined
  }

  /** The records of a range that `next` gave, in this life or an earlier one. Rejects where they cannot be read any more. */
  async again({ file, from, to }: FileRange): Promise<LineRun> {
    const known = this.#files.get(file)
    const run = known && (await this.#read({ ...known, offset: from }, to, Number.MAX_SAFE_INTEGER, true))
    if (run === undefined) throw new Error(`Bytes ${from} to ${to} of ${file} cannot be read any more.`)
    return run
  }

  /** Fulfils when there may be more to read, or the signal aborts. */
  idle(signal: AbortSignal): Promise<void> {
    return this.#options.rim.wait(this.#options.flow.pollMsMin, signal)
  }

  /** Says why the flow does not call `next`; undefined: it does. */
  hold(reason: string | undefined): void {
    this.#held = reason
  }

  status(): readonly FileStatus[] {
    const rows = [...this.#files.values()].map(({ file, path, facts, offset }): FileStatus => {
      const confirmedOffset = this.#options.positions.position(file)?.offset ?? 0
      const { size, modifiedAt } = facts
      const about = {
        path,
        file,
        size,
        offset,
        confirmedOffset,
        lagBytes: size - confirmedOffset,
        modifiedAt,
      }
      if (this.#held !== undefined) return { ...about, state: 'destination', reason: this.#held }
      return { ...about, state: 'reading', reason: 'Reading.' }
    })
    const nothing = { size: 0, offset: 0, confirmedOffset: 0, lagBytes: 0, modifiedAt: 0 }
    return [...rows, ...this.#passedOver.map((each) => ({ ...nothing, ...each }))]
  }

  close(): Promise<void> {
    this.#files.clear()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #refresh(): Promise<void> {
    const { positions, rim, flow } = this.#options
    const { paths, passedOver } = await this.#pattern.find(rim.disk)
    this.#passedOver = passedOver
    for (const path of paths) {
      const facts = await rim.disk.facts(path)
      if (facts === undefined) continue
      const { device, inode, size, modifiedAt } = facts
      const before = positions.files().find((each) => each.device === device && each.inode === inode)
      const file = before?.file ?? positions.newName(facts)
      const read = this.#files.get(file)
      if (read !== undefined) {
        read.facts = facts
        continue
      }
      const offset = before?.offset ?? (positions.isNew && flow.initialPosition === 'END_OF_FILE' ? size : 0)
      const known = { file, path, device, inode, head: NO_BYTES, size, modifiedAt }
      if (before === undefined) await positions.known([{ known, offset, tail: NO_BYTES }])
      this.#files.set(file, { file, path, facts, offset: positions.taken(file).at(-1)?.to ?? offset })
    }
    if (positions.isNew) await positions.started([])
  }

  async #read(
    file: ReadFile,
    to: number,
    recordsMax: number,
    isWhole: boolean,
  ): Promise<LineRun | undefined> {
    if (to <= file.offset) return undefined
    const opened = await this.#options.rim.disk.open(file.path)
    if (opened === undefined) return undefined
    try {
      const bytes = new Uint8Array(to - file.offset)
      const filled = bytes.subarray(0, await opened.read(bytes, file.offset))
      const framed = frame(filled, this.#patterns, this.#options.flow, { recordsMax, isWhole })
      const { consumed, records, droppedBytes, cutRecords } = framed
      if (consumed === 0) return undefined
      const tail = fingerprintOf(filled.subarray(Math.max(0, consumed - FINGERPRINT_BYTES), consumed))
      const range = { file: file.file, from: file.offset, to: file.offset + consumed, tail }
      return {
        ...range,
        path: file.path,
        records,
        droppedBytes,
        cutRecords,
        modifiedAt: file.facts.modifiedAt,
      }
    } finally {
      await opened.close()
    }
  }
}
