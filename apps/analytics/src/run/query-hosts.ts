// The processes that carry queries out, as documents: each puts its own again and again, and one that is not put any more is gone. Which of
// those that are there carries out a query, or a unit of one, follows from the names alone. Runs in the app.
import { createHash } from 'node:crypto'
import type { Documents, KeptDocuments } from 'millrace'

/** What a process says of itself. */
export interface QueryHost {
  /** Rises with each put. */
  readonly beat: number
  /** Names of the units of queries that it carries out. */
  readonly queries: readonly string[]
}

export interface QueryHostsParts {
  readonly documents: Documents<QueryHost>
  /** Name of this process. */
  readonly own: string
  /** Names of the units of queries that this process carries out now. */
  readonly queries: () => readonly string[]
  /** Milliseconds that only go on. */
  readonly monotonic: () => number
  readonly warn: (message: string, error: unknown) => void
}

/** How often a process says that it is there. */
const BEAT_MS = 3000
/** One that has not said so for this long is gone. */
const GONE_MS = 15_000

export class QueryHosts {
  readonly #parts: QueryHostsParts
  readonly #kept: KeptDocuments<QueryHost>
  /** When a change of each process was seen. */
  readonly #seen = new Map<string, number>()
  readonly #timer: NodeJS.Timeout
  #listener: () => void = () => {}
  #beat = 0
  #isDue = false
  #beating: Promise<void> | undefined

  private constructor(parts: QueryHostsParts, kept: KeptDocuments<QueryHost>) {
    this.#parts = parts
    this.#kept = kept
    for (const [name] of kept.entries()) this.#seen.set(name, parts.monotonic())
    kept.onChange((name, value) => this.#changed(name, value))
    this.#timer = setInterval(() => void this.#sayAgain(), BEAT_MS)
  }

  /** Says that this process is there, until it is closed. */
  static async open(parts: QueryHostsParts): Promise<QueryHosts> {
    await parts.documents.put(parts.own, { beat: 0, queries: [] })
    const onLost = (error: Error) =>
      parts.warn('The processes that carry queries out are followed anew.', error)
    return new QueryHosts(parts, await parts.documents.keep({ onLost }))
  }

  /** Sets what is called when a process has come, or is gone. */
  onChange(listener: () => void): void {
    this.#listener = listener
  }

  /** Whether another process is there, and says that it carries a unit out. */
  isElsewhere(name: string, unit: string): boolean {
    return (
      name !== this.#parts.own && this.#isLive(name) && this.#kept.get(name)?.queries.includes(unit) === true
    )
  }

  /** Whether any other process that is there says that it carries one of these units out. */
  areElsewhere(units: readonly string[]): boolean {
    return [...this.#seen.keys()].some((name) => units.some((unit) => this.isElsewhere(name, unit)))
  }

  /** Says at once which units this process carries out. */
  tell(): void {
    void this.#sayAgain()
  }

  #isLive(name: string): boolean {
    if (name === this.#parts.own) return true
    const seen = this.#seen.get(name)
    return seen !== undefined && this.#parts.monotonic() - seen < GONE_MS
  }

  /** Whether this process is the one to carry a unit out: of those that are there, the one with the highest hash of both names. */
  isMine(unit: string): boolean {
    const { own } = this.#parts
    const weight = weightOf(own, unit)
    return ![...this.#seen.keys()].some(
      (name) => name !== own && this.#isLive(name) && weightOf(name, unit) > weight,
    )
  }

  /** Says that this process is gone. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#beating
    await this.#kept.close()
    await this.#parts.documents.delete(this.#parts.own).catch(() => {})
  }

  #changed(name: string, value: QueryHost | undefined): void {
    const wasLive = this.#isLive(name)
    if (value === undefined) this.#seen.delete(name)
    else this.#seen.set(name, this.#parts.monotonic())
    if (this.#isLive(name) !== wasLive) this.#listener()
  }

  #sayAgain(): Promise<void> {
    this.#isDue = true
    this.#beating ??= this.#sayAll().finally(() => (this.#beating = undefined))
    return this.#beating
  }

  async #sayAll(): Promise<void> {
    while (this.#isDue) {
      this.#isDue = false
      await this.#say()
    }
  }

  async #say(): Promise<void> {
    const { documents, own, queries, warn } = this.#parts
    try {
      await documents.put(own, { beat: ++this.#beat, queries: queries() })
      for (const name of this.#seen.keys()) {
        if (this.#isLive(name)) continue
        this.#seen.delete(name)
        await documents.delete(name)
        this.#listener()
      }
    } catch (error) {
      warn('This process cannot say that it carries queries out, and tries again.', error)
    }
  }
}

function weightOf(host: string, unit: string): string {
  return createHash('sha1').update(`${host}\n${unit}`).digest('hex')
}
