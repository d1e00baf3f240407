// The segment that a compaction writes. Runs on the maintenance thread. It has a temporary name until all of it is
// flushed and verified, so that no half segment is taken for a whole one, and a start removes what a crash left.
import { existsSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { removeDirectory, syncDirectory, temporaryName } from '../disk/durable-files.ts'
import type { Faults } from '../disk/faults.ts'
import { dataFileOf } from '../disk/lmdb-files.ts'
import { releaseReserved } from '../disk/reserved-room.ts'
import { DIRECTORY_MODE } from '../disk/private-files.ts'
import type { Environment, OpenEnvironment, Row, Writer } from '../environment.ts'
import { formatSegmentName, segmentPath, type SegmentName } from '../segments/segment-name.ts'
import { mapBytesOf, openForReading, putSegmentMeta } from '../segments/segment.ts'

/** Bytes and rows of one commit. Small, so that appends need not wait long for its flush. */
const CHUNK_BYTES = 512 * 1024
const CHUNK_ROWS = 2000

export interface TargetPlace {
  readonly directory: string
  readonly ownerId: number
  readonly name: SegmentName
  readonly openEnvironment: OpenEnvironment
  readonly faults: Faults
}

export class CompactionTarget {
  readonly #place: TargetPlace
  readonly #path: string
  readonly #temporary: string
  /** Set while the segment is written. */
  #environment: Environment | undefined
  #rows: Row[] = []
  #bytes = 0

  private constructor(place: TargetPlace) {
    this.#place = place
    this.#path = segmentPath(place.directory, formatSegmentName(place.name))
    this.#temporary = temporaryName(this.#path)
  }

  /** Creates a segment. Removes what an earlier attempt left under its name. */
  static async create(
    place: TargetPlace,
    options: { bytesMax: number; createdAt: number },
  ): Promise<CompactionTarget> {
    const target = new CompactionTarget(place)
    await target.discard()
    try {
      await target.#create(options)
      return target
    } catch (error) {
      await target.discard()
      throw error
    }
  }

  async #create({ bytesMax, createdAt }: { bytesMax: number; createdAt: number }): Promise<void> {
    const { ownerId, name, openEnvironment, faults } = this.#place
    await mkdir(this.#temporary, DIRECTORY_MODE)
    await faults.at('compactionStarted')
    const mapBytes = mapBytesOf(bytesMax)
    this.#environment = await openEnvironment({ path: this.#temporary, mapBytes, readOnly: false })
    await putSegmentMeta(this.#environment, { ...name, ownerId, createdAt })
  }

  /** Adds a row. The target keeps the row's memory until `flush` fulfils. */
  put(key: Uint8Array, value: Uint8Array): void {
    this.#rows.push({ key, value })
    this.#bytes += value.length
  }

  /** True if enough rows wait for a flush. */
  get isDue(): boolean {
    return this.#bytes >= CHUNK_BYTES || this.#rows.length >= CHUNK_ROWS
  }

  /** Commits the rows added so far, and returns the bytes of their values. */
  async flush(): Promise<number> {
    const rows = this.#rows
    const bytes = this.#bytes
    this.#rows = []
    this.#bytes = 0
    if (rows.length === 0) return 0
    const write = (writer: Writer): void => {
      for (const { key, value } of rows) writer.put(key, value)
    }
    await this.#environment!.commit(write, { rows: rows.length, bytes })
    return bytes
  }

  /**
   * Makes the finished segment durable, verifies it from disk, and gives it its final name. Returns the size of its
   * file.
   */
  async finish(verify: (environment: Environment) => Promise<void>): Promise<number> {
    const { directory, openEnvironment, faults } = this.#place
    await this.#close()
    await faults.at('compactionCopied')
    releaseReserved(dataFileOf(this.#temporary))
    await syncFile(dataFileOf(this.#temporary))
    await syncDirectory(this.#temporary)
    const environment = await openForReading(openEnvironment, this.#temporary)
    let fileBytes: number
    try {
      await verify(environment)
      fileBytes = environment.bytesUsed()
    } finally {
      await environment.close()
    }
    await rename(this.#temporary, this.#path)
    await syncDirectory(directory)
    await faults.at('compactionSynced')
    return fileBytes
  }

  /** Removes the segment in any stage. */
  async discard(): Promise<void> {
    await this.#close()
    await rm(this.#temporary, { recursive: true, force: true })
    if (existsSync(this.#path)) await removeDirectory(this.#path)
  }

  async #close(): Promise<void> {
    const environment = this.#environment
    this.#environment = undefined
    await environment?.close()
  }
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
