// Files from elsewhere that SQL joins: a copy of each in a directory, fetched again when it has changed. Runs wherever queries do. A copy is
// exchanged only where its owner says so, so that no statement reads half of one and half of another.
import { existsSync, renameSync, rmSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fetchHttp } from './http-source.ts'
import { copyPath, isReference, referenceFault, shownName } from './reference-name.ts'
import { ReferenceFault, type ReferenceSource, type ReferenceVersion } from './reference-source.ts'
import { s3Source } from './s3-source.ts'

export interface ReferenceSettings {
  /** How often a server is asked whether a file has changed. */
  readonly refreshMs: number
  readonly bytesMax: number
}

export const defaultReferenceSettings: ReferenceSettings = {
  refreshMs: 60_000,
  bytesMax: 256 * 1024 ** 2,
}

/** How long the fetching of one file may take. */
const FETCH_MS = 120_000

export interface ReferencesParts extends Partial<ReferenceSettings> {
  /** For copies alone; made when there is one. */
  readonly directory: string
  /** Fetches objects of S3; by default with what the surroundings say. */
  readonly s3?: ReferenceSource
}

interface Copy {
  readonly name: string
  readonly path: string
  /** Of what lies at `path`, or waits to be exchanged for it; undefined before the first. */
  version: ReferenceVersion | undefined
  isWaiting: boolean
  /** Why the last try has failed. */
  trouble: string | undefined
}

const s3Default = s3Source()

export class References {
  readonly #parts: ReferencesParts & ReferenceSettings
  readonly #copies = new Map<string, Copy>()
  readonly #closing = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #refreshing: Promise<void> | undefined

  constructor(parts: ReferencesParts) {
    this.#parts = { ...defaultReferenceSettings, ...parts }
  }

  /** Returns where a file lies that SQL names: a copy of one from elsewhere, any other where it is. */
  pathOf(name: string): string {
    return isReference(name) ? copyPath(this.#parts.directory, name) : name
  }

  /** Fetches those of the files that lie elsewhere, as far as they have changed. Rejects with `ReferenceFault` where one cannot be had. */
  async load(files: Iterable<string>, signal?: AbortSignal): Promise<void> {
    for (const name of files) {
      if (!isReference(name)) continue
      const copy = this.#copyOf(name)
      await this.#fetch(copy, signal)
      if (copy.trouble !== undefined) throw new ReferenceFault(copy.trouble)
    }
    this.turn()
  }

  /** Asks again and again whether what was loaded has changed. */
  follow(): void {
    if (this.#copies.size === 0 || this.#timer !== undefined) return
    this.#timer = setInterval(() => void this.refresh(), this.#parts.refreshMs)
    this.#timer.unref()
  }

  /** Fetches what has changed; `turn` takes it. What cannot be had stays as it was. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refreshAll().finally(() => (this.#refreshing = undefined))
    return this.#refreshing
  }

  /** Takes the copies that have come. To be called where nothing reads them. */
  turn(): void {
    for (const copy of this.#copies.values()) {
      if (!copy.isWaiting) continue
      renameSync(waitingPath(copy), copy.path)
      copy.isWaiting = false
    }
  }

  /** What cannot be had, and has an older copy, as a sentence; undefined where there is nothing. */
  get trouble(): string | undefined {
    const [first] = [...this.#copies.values()].filter(({ trouble }) => trouble !== undefined)
    return first === undefined ? undefined : `${first.trouble!} The copy that was fetched before is used.`
  }

  /** Returns a text with the names of files in the place of their copies. */
  named(text: string): string {
    let named = text
    for (const { path, name } of this.#copies.values()) named = named.replaceAll(path, shownName(name))
    return named
  }

  /** Removes the copies. */
  close(): void {
    clearInterval(this.#timer)
    this.#closing.abort()
    rmSync(this.#parts.directory, { recursive: true, force: true })
  }

  #copyOf(name: string): Copy {
    let copy = this.#copies.get(name)
    if (copy === undefined) {
      copy = { name, path: this.pathOf(name), version: undefined, isWaiting: false, trouble: undefined }
      this.#copies.set(name, copy)
    }
    return copy
  }

  async #refreshAll(): Promise<void> {
    for (const copy of this.#copies.values()) {
      // One that waits has its place of the next one.
      if (!copy.isWaiting && !this.#closing.signal.aborted) await this.#fetch(copy, undefined)
    }
  }

  async #fetch(copy: Copy, given: AbortSignal | undefined): Promise<void> {
    const { s3 = s3Default, bytesMax } = this.#parts
    const { name, path, version } = copy
    const fault = referenceFault(name)
    if (fault !== undefined) throw new ReferenceFault(fault)
    const timeout = AbortSignal.timeout(FETCH_MS)
    const signal = AbortSignal.any([this.#closing.signal, timeout, ...(given === undefined ? [] : [given])])
    const fetchOne = /^s3:/i.test(name) ? s3 : fetchHttp
    const known = version !== undefined && existsSync(path) ? version : undefined
    try {
      await mkdir(dirname(path), { recursive: true })
      const fetched = await fetchOne({ name, known, path: partPath(copy), bytesMax, signal })
      signal.throwIfAborted()
      copy.trouble = undefined
      if (fetched === undefined) return
      renameSync(partPath(copy), waitingPath(copy))
      copy.version = fetched
      copy.isWaiting = true
    } catch (error) {
      given?.throwIfAborted()
      if (this.#closing.signal.aborted) return
      const reason = timeout.aborted
        ? `it takes longer than ${FETCH_MS / 1000} s`
        : error instanceof Error
          ? error.message
          : String(error)
      copy.trouble = `The file ${shownName(name)} cannot be fetched: ${reason.replace(/\.$/, '')}.`
    }
  }
}

function partPath({ path }: Copy): string {
  return `${path}.part`
}

function waitingPath({ path }: Copy): string {
  return `${path}.next`
}
