// How far an import is: a document in the broker of its target, so that it goes on after a stop, on this machine or another. Runs in
// the process that imports. One import has the document at a time: who begins takes it over, and the one before ends at its next save.
import { createHash, randomUUID } from 'node:crypto'
import type { Client, Documents, StreamPosition } from 'millrace'
import type { ImportStart } from './source.ts'

/** How far a shard of the source is copied. */
interface ShardProgress {
  /** Sequence number of the last record of the last page that is stored. */
  readonly after?: string
  /** True if it is closed and copied to its end. */
  readonly done?: true
}

interface ProgressDocument {
  readonly owner: string
  readonly source: string
  readonly target: string
  readonly start: ImportStart
  readonly shards: Readonly<Record<string, ShardProgress>>
  /** Place in the target: copies of records behind `shards` lie behind it, if there are any. */
  readonly since: StreamPosition
}

/** What names an import: the same stream into the same stream, neither of them made again. */
export interface ImportIdentity {
  readonly sourceArn: string
  readonly sourceCreatedAt: number
  readonly target: string
  readonly targetId: number
}

const KIND = 'kinesis-imports'
const SAVE_ATTEMPTS_MAX = 3
const SAVE_EVERY_MS = 1_000

/** A reader of this import's document was displaced by another. */
export class ImportDisplaced extends Error {
  override readonly name = 'ImportDisplaced'
}

/** The name of the document. */
export function progressName({ sourceArn, sourceCreatedAt, target, targetId }: ImportIdentity): string {
  const text = JSON.stringify([sourceArn, sourceCreatedAt, target, targetId])
  return `${target}-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}

/** Progress in memory, and its document. */
export class ImportProgress {
  readonly #documents: Documents<ProgressDocument>
  readonly #name: string
  readonly #kept: Pick<ProgressDocument, 'owner' | 'source' | 'target' | 'start'>
  readonly #shards: Map<string, ShardProgress>
  #version: number
  #isChanged = false
  #savedAt = -Infinity
  #saving: Promise<void> = Promise.resolve()
  /** Place of an earlier run that this one goes on from; undefined for a first run. */
  readonly earlier: StreamPosition | undefined

  private constructor(
    documents: Documents<ProgressDocument>,
    found: { name: string; version: number; value: ProgressDocument; earlier: StreamPosition | undefined },
  ) {
    const { owner, source, target, start, shards } = found.value
    this.#documents = documents
    this.#name = found.name
    this.#kept = { owner, source, target, start }
    this.#shards = new Map(Object.entries(shards))
    this.#version = found.version
    this.earlier = found.earlier
  }

  /** Finds the document or makes it, and takes it over. `tail` gives the present end of the target. */
  static async open(
    client: Client,
    identity: ImportIdentity,
    { start, tail }: { start: ImportStart; tail: () => Promise<StreamPosition> },
  ): Promise<ImportProgress> {
    const documents = client.documents<ProgressDocument>(KIND)
    const name = progressName(identity)
    const owner = randomUUID()
    const { sourceArn: source, target } = identity
    let earlier: StreamPosition | undefined
    const { version, value } = await documents.update(name, async (found) => {
      earlier = found?.since
      return found === undefined
        ? { owner, source, target, start, shards: {}, since: await tail() }
        : { ...found, owner }
    })
    return new ImportProgress(documents, { name, version, value, earlier })
  }

  /** Where shards begin that have no position: as the first run was told. */
  get start(): ImportStart {
    return this.#kept.start
  }

  after(shardId: string): string | undefined {
    return this.#shards.get(shardId)?.after
  }

  isDone(shardId: string): boolean {
    return this.#shards.get(shardId)?.done === true
  }

  /** All records of the shard up to this one are stored. */
  advance(shardId: string, after: string): void {
    this.#shards.set(shardId, { ...this.#shards.get(shardId), after })
    this.#isChanged = true
  }

  /** The shard is closed, and all of its records are stored. */
  finish(shardId: string): void {
    this.#shards.set(shardId, { ...this.#shards.get(shardId), done: true })
    this.#isChanged = true
  }

  /** Forgets shards that are done and not listed any more, so that the document stays small. */
  keepOnly(listed: ReadonlySet<string>): string[] {
    const lost: string[] = []
    for (const [shardId, { done }] of this.#shards) {
      if (listed.has(shardId)) continue
      if (done !== true) lost.push(shardId)
      this.#shards.delete(shardId)
      this.#isChanged = true
    }
    return lost
  }

  /** Whether something has changed, and the last save is long enough ago. */
  isDue(monotonicMs: number): boolean {
    if (!this.#isChanged || monotonicMs - this.#savedAt < SAVE_EVERY_MS) return false
    this.#savedAt = monotonicMs
    return true
  }

  /** Stores what has changed; one save at a time. Rejects with ImportDisplaced if another run has taken over. */
  save(since: () => StreamPosition): Promise<void> {
    this.#saving = this.#saving.then(() => this.#put(since()))
    return this.#saving
  }

  async #put(since: StreamPosition): Promise<void> {
    if (!this.#isChanged) return
    this.#isChanged = false
    const value = { ...this.#kept, shards: Object.fromEntries(this.#shards), since }
    for (let attempt = 1; ; attempt++) {
      try {
        const { version } = await this.#documents.put(this.#name, value, { expectedVersion: this.#version })
        this.#version = version
        return
      } catch (error) {
        // If only the answer was lost, the document is stored, and this run's own all the same.
        const found = await this.#documents.get(this.#name)
        if (found?.value.owner !== this.#kept.owner) {
          const message = 'Another import of this stream has taken over; this one ends.'
          throw new ImportDisplaced(message, { cause: error })
        }
        this.#version = found.version
        if (attempt === SAVE_ATTEMPTS_MAX) throw error
      }
    }
  }
}
