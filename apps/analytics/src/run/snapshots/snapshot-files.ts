// The files of a query's snapshot: rows that its windows hold, and beside them a note of the place at which they were held. Runs in the app.
//
//   NAME~rows-UUID      rows, a database of DuckDB of its own
//   NAME~note           sha256 of the rest, line feed, the note as JSON: with the name and the sha256 of the file of rows
//
// The note is put in place when the rows are durable, under another name first. So there is the former snapshot, or the new one: what a
// process leaves that dies in between belongs to no note, and goes with the next snapshot.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import * as files from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { StreamPositions } from '../place/query-place.ts'

/** What a snapshot says of itself. */
export interface SnapshotNote {
  readonly query: { readonly id: string; readonly version: number; readonly unit: string }
  /** What the rows of each input are: those of another shape are not these. */
  readonly shapes: readonly string[]
  /** The place at which the rows were held. */
  readonly watermark: number | null
  readonly positions: StreamPositions
  /** Of each input, latest event time by shard, in microseconds. */
  readonly latest: readonly (readonly (readonly [shard: number, latest: number])[])[]
  /** How many rows there are of each input. */
  readonly counts: readonly number[]
}

/** A snapshot that is not whole. */
export class SnapshotFault extends Error {
  override readonly name = 'SnapshotFault'
}

/** A note of rows that are stored. */
export interface StoredNote extends SnapshotNote {
  readonly rows: { readonly file: string; readonly sha256: string }
}

/** What changes the disk. */
export type Disk = Pick<typeof files, 'open' | 'rename' | 'rm'>

export class SnapshotFiles {
  readonly #disk: Disk
  readonly #directory: string
  /** How the names of its files begin. No name of another query begins so. */
  readonly #prefix: string

  constructor(
    directory: string,
    { id, unit }: Pick<SnapshotNote['query'], 'id' | 'unit'>,
    disk: Disk = files,
  ) {
    this.#disk = disk
    this.#directory = directory
    this.#prefix = `${id}~${unit}~`
  }

  /** Makes the directory, and returns a path for rows that nobody has. */
  async rowsPath(uuid: string): Promise<string> {
    await this.#makeDirectory()
    return join(this.#directory, `${this.#prefix}rows-${uuid}`)
  }

  /** Puts a snapshot in the place of the former one. The file of rows is there. */
  async put(note: SnapshotNote, rows: string): Promise<void> {
    await this.#sync(rows)
    const file = rows.slice(join(this.#directory, '/').length)
    const stored: StoredNote = { ...note, rows: { file, sha256: await digestOf(rows) } }
    const body = JSON.stringify(stored)
    const written = `${this.#note}.new`
    const handle = await this.#disk.open(written, 'w')
    try {
      await handle.writeFile(`${sha256(body)}\n${body}`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    // The rows must be found by whoever finds the note.
    await this.#sync(this.#directory)
    await this.#disk.rename(written, this.#note)
    await this.#sync(this.#directory)
    await this.#removeAllBut([this.#note, rows])
  }

  /** Returns what the note says; undefined where there is none. Rejects with `SnapshotFault`. */
  async find(): Promise<StoredNote | undefined> {
    let text: string
    try {
      text = await files.readFile(this.#note, 'utf8')
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
    const [digest, ...lines] = text.split('\n')
    const body = lines.join('\n')
    if (digest !== sha256(body)) throw new SnapshotFault('Its note is not the one that was written.')
    return JSON.parse(body) as StoredNote
  }

  /** Returns the path of the rows of a note, once all of them are read. Rejects with `SnapshotFault`. */
  async rowsOf({ rows: { file, sha256: awaited } }: StoredNote): Promise<string> {
    const path = join(this.#directory, file)
    const digest = await digestOf(path).catch((error: unknown) => {
      throw isMissing(error) ? new SnapshotFault(`Its rows are missing: ${file}.`) : error
    })
    if (digest !== awaited) throw new SnapshotFault(`Its rows are not those that were written: ${file}.`)
    return path
  }

  /** Removes all that there is of it. */
  remove(): Promise<void> {
    return this.#removeAllBut([])
  }

  get #note(): string {
    return join(this.#directory, `${this.#prefix}note`)
  }

  async #makeDirectory(): Promise<void> {
    if ((await files.mkdir(this.#directory, { recursive: true, mode: 0o700 })) !== undefined)
      await this.#sync(dirname(this.#directory))
  }

  async #sync(path: string): Promise<void> {
    const handle = await this.#disk.open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  async #removeAllBut(kept: readonly string[]): Promise<void> {
    for (const name of await namesIn(this.#directory)) {
      const path = join(this.#directory, name)
      if (name.startsWith(this.#prefix) && !kept.includes(path)) await this.#disk.rm(path, { force: true })
    }
  }
}

/** Removes the snapshots of a directory whose queries are gone. `idsThere` is asked once all names are known: who has one was there then. */
export async function removeGone(
  directory: string,
  idsThere: () => Promise<ReadonlySet<string>>,
): Promise<void> {
  const names = await namesIn(directory)
  if (names.length === 0) return
  const ids = await idsThere()
  for (const name of names) {
    const end = name.indexOf('~')
    if (end > 0 && !ids.has(name.slice(0, end))) await files.rm(join(directory, name), { force: true })
  }
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await files.readdir(directory)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
