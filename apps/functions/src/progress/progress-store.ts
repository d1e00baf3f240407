// The progress of one shard as a document, written by the member that has the shard's lease. Runs in the app. A compare-and-set with the epoch of the
// lease fences late writers: who finds a higher epoch has lost the shard. The state of a window may be larger than a document: then it is kept in
// parts, which are written before the document that names them.
import { MillraceError, type Client, type DocumentCodec } from 'millrace'
import { functionKinds } from 'millrace/protocol'
import type { WindowState } from '../windows/window-state.ts'
import { progressName, type ShardProgress } from './shard-progress.ts'

/** Another member has the shard. */
export class ShardTakenError extends Error {
  constructor(name: string, epoch: number) {
    super(`The progress ${name} was written by a later member, in epoch ${epoch}.`)
    this.name = 'ShardTakenError'
  }
}

/** JSON texts above this are kept in parts of that size: a document holds 256 KiB. */
const PART_CHARACTERS = 60_000

/** The document as it is stored: with a large state in parts. */
interface StoredProgress extends Omit<ShardProgress, 'window'> {
  readonly window?: Omit<WindowState, 'state'> &
    ({ readonly state: unknown } | { readonly parts: StateParts })
}

interface StateParts {
  readonly generation: string
  readonly count: number
}

/** JSON that leaves out what is undefined. */
const plainJson = <T>(): DocumentCodec<T> => ({
  name: 'json',
  encode: (value) => new TextEncoder().encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as T,
})

export class ProgressStore {
  readonly #documents
  readonly #parts
  readonly #name: string
  readonly #epoch: number
  #version = 0
  #generation = 0
  #stored: StateParts | undefined

  private constructor(client: Pick<Client, 'documents'>, name: string, epoch: number) {
    this.#documents = client.documents<StoredProgress>(functionKinds.progress, { codec: plainJson() })
    this.#parts = client.documents<string>(functionKinds.progress)
    this.#name = name
    this.#epoch = epoch
  }

  /** Reads what the member before has kept. Rejects with `ShardTakenError` if a later one has written already. */
  static async open(
    client: Pick<Client, 'documents'>,
    place: {
      readonly uuid: string
      readonly streamId: number
      readonly shardIndex: number
      readonly epoch: number
    },
  ): Promise<{ readonly store: ProgressStore; readonly progress: ShardProgress | undefined }> {
    const store = new ProgressStore(client, progressName(place), place.epoch)
    return { store, progress: await store.#load() }
  }

  /** Keeps the progress; fulfils when it is on the disk. One call at a time. Rejects with `ShardTakenError` if the shard is another member's. */
  async save(progress: Omit<ShardProgress, 'epoch'>): Promise<void> {
    const before = this.#stored
    const { stored, parts } = await this.#written({ ...progress, epoch: this.#epoch })
    await this.#put(stored)
    this.#stored = parts
    if (before !== undefined && before !== parts) await this.#forget(before)
  }

  async #load(): Promise<ShardProgress | undefined> {
    const found = await this.#documents.get(this.#name)
    if (found === undefined) return undefined
    const { value, version } = found
    if (value.epoch > this.#epoch) throw new ShardTakenError(this.#name, value.epoch)
    this.#version = version
    const { window, ...rest } = value
    if (window === undefined) return rest
    if (!('parts' in window)) return { ...rest, window }
    const { parts, ...bounds } = window
    this.#stored = parts
    const texts = await Promise.all(
      partNames(this.#name, parts).map(async (name) => (await this.#parts.get(name))?.value),
    )
    if (texts.includes(undefined)) throw new Error(`Parts of the progress ${this.#name} are missing.`)
    return { ...rest, window: { ...bounds, state: JSON.parse(texts.join('')) as unknown } }
  }

  async #written(
    progress: ShardProgress,
  ): Promise<{ readonly stored: StoredProgress; readonly parts: StateParts | undefined }> {
    const { window, ...rest } = progress
    const text = window === undefined ? '' : JSON.stringify(window.state)
    if (window === undefined || text.length <= PART_CHARACTERS) return { stored: progress, parts: undefined }
    const { state: _, ...bounds } = window
    const count = Math.ceil(text.length / PART_CHARACTERS)
    const parts = { generation: `${this.#epoch}.${this.#generation++}`, count }
    const names = partNames(this.#name, parts)
    await Promise.all(
      names.map((name, i) =>
        this.#parts.put(name, text.slice(i * PART_CHARACTERS, (i + 1) * PART_CHARACTERS)),
      ),
    )
    return { stored: { ...rest, window: { ...bounds, parts } }, parts }
  }

  async #put(stored: StoredProgress): Promise<void> {
    for (;;) {
      try {
        const { version } = await this.#documents.put(this.#name, stored, { expectedVersion: this.#version })
        this.#version = version
        return
      } catch (error) {
        if (!MillraceError.is(error, 'versionConflict')) throw error
        // A member that came before has written late, or an answer to this one was lost.
        const found = await this.#documents.get(this.#name)
        if (found !== undefined && found.value.epoch > this.#epoch)
          throw new ShardTakenError(this.#name, found.value.epoch)
        this.#version = found?.version ?? 0
      }
    }
  }

  async #forget(parts: StateParts): Promise<void> {
    await Promise.all(partNames(this.#name, parts).map((name) => this.#parts.delete(name)))
  }
}

function partNames(name: string, { generation, count }: StateParts): readonly string[] {
  return Array.from({ length: count }, (_, i) => `${name}/${generation}/${i}`)
}
