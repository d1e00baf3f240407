// Records that wait to be put into a Kinesis stream, by their keys: of each key only the first one is under way, so that a record that
// is refused is never overtaken by a later one of its key. Pure.

/** A record that waits. */
export interface QueuedEntry {
  readonly key: string
  /** Of its key and data, as the service counts them. */
  readonly bytes: number
}

/** What one request may have. */
export interface RequestBounds {
  readonly records: number
  readonly bytes: number
}

/** Entries in the order of their keys. */
export class PutQueue<E extends QueuedEntry> {
  readonly #byKey = new Map<string, E[]>()
  /** Keys with an entry to put and none under way. */
  readonly #ready = new Set<string>()
  #bytes = 0
  #size = 0

  /** Entries that are not stored, those under way included. */
  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#bytes
  }

  add(entry: E): void {
    const entries = this.#byKey.get(entry.key)
    if (entries === undefined) {
      this.#byKey.set(entry.key, [entry])
      this.#ready.add(entry.key)
    } else entries.push(entry)
    this.#size++
    this.#bytes += entry.bytes
  }

  /** Takes entries for a request, each of another key; an entry beyond the bound of bytes goes alone. Empty if none may go now. */
  take(bounds: RequestBounds): E[] {
    const taken: E[] = []
    let bytes = 0
    for (const key of this.#ready) {
      const entry = this.#byKey.get(key)![0]!
      if (taken.length === bounds.records) break
      if (taken.length > 0 && bytes + entry.bytes > bounds.bytes) break
      taken.push(entry)
      bytes += entry.bytes
    }
    for (const { key } of taken) this.#ready.delete(key)
    return taken
  }

  /** The entry is stored: the next one of its key may go. */
  stored(entry: E): void {
    const entries = this.#byKey.get(entry.key)!
    entries.shift()
    this.#size--
    this.#bytes -= entry.bytes
    if (entries.length > 0) this.#ready.add(entry.key)
    else this.#byKey.delete(entry.key)
  }

  /** The entry was refused: it goes again, before all others of its key. */
  refused(entry: E): void {
    this.#ready.add(entry.key)
  }
}
