// The streams that callers write and read, each with a producer of its own for each caller. Runs in the endpoint.
// A bounded number is kept: the one that was used least lately goes, and so does one that is not used for a minute.
import type { Client } from 'millrace'
import type { StreamBook } from '../book/stream-book.ts'
import { statusOf, type StreamCall, type StreamView } from '../book/stream-view.ts'
import type { StreamFacts } from '../book/stream-facts.ts'
import { KnownStream } from './known-stream.ts'
import { ANSWER_TIMEOUT_MS, inTime } from './patience.ts'

/** A call, as far as finding a stream needs it. */
export type KnownStreamCall = Omit<StreamCall, 'input'>

const STREAMS_MAX = 1000
const IDLE_MS = 60_000
/** A call that has found a stream before it was forgotten has an answer by then. */
const ANSWERED_MS = 2 * ANSWER_TIMEOUT_MS

interface Entry {
  readonly client: Client
  readonly name: string
  readonly opening: Promise<KnownStream>
  /** Set when the stream is there: most calls need not wait. */
  stream: KnownStream | undefined
  readonly idle: NodeJS.Timeout
}

export class KnownStreams {
  readonly #book: StreamBook
  readonly #byClient = new WeakMap<Client, Map<string, Entry>>()
  /** From the one that was used least lately. */
  readonly #entries = new Set<Entry>()

  constructor(book: StreamBook) {
    this.#book = book
  }

  /** The stream of this name. Throws ResourceNotFoundException, or what a refusal of the broker is to callers. */
  get(call: KnownStreamCall, name: string): Promise<KnownStream> | KnownStream {
    const entry = this.#byClient.get(call.caller.client)?.get(name) ?? this.#open(call, name)
    // Its time as DELETING is over: whoever asks for it now deletes it.
    if (entry.stream !== undefined && this.#book.isGone(entry.stream.view.stream)) {
      this.#forget(entry)
      return this.#open(call, name).opening
    }
    this.#entries.delete(entry)
    this.#entries.add(entry)
    entry.idle.refresh()
    return entry.stream ?? entry.opening
  }

  /**
   * The stream of this name as the broker has it: one that is known may have been deleted, and made again, by others than this
   * caller.
   */
  async current(
    call: KnownStreamCall & { readonly signal: AbortSignal },
    name: string,
  ): Promise<KnownStream> {
    const { client } = call.caller
    const known = this.#byClient.get(client)?.get(name)?.stream
    if (known === undefined) return this.get(call, name)
    // Its refusal is told by the search for the stream.
    const described = await inTime(call.signal, (signal) =>
      client.describeStream(name, { signal }).catch((error: unknown) => {
        if (signal.aborted) throw error
        return undefined
      }),
    )
    return described?.id === known.view.id ? this.get(call, name) : this.refreshed(call, known)
  }

  /** The stream as it is now, after one of an earlier time did not do. */
  async refreshed(call: KnownStreamCall, stale: KnownStream): Promise<KnownStream> {
    const { name } = stale.view
    const entry = this.#byClient.get(call.caller.client)?.get(name)
    if (entry?.stream === stale) this.#forget(entry)
    return this.get(call, name)
  }

  /** What is kept of a stream, as this process knows it. */
  facts({ view }: KnownStream): StreamFacts {
    return this.#book.facts(view.name, view.id)
  }

  /** The state of a stream as clients see it. */
  status(stream: KnownStream, now: number): StreamView['status'] {
    return statusOf(stream.view.stream, this.facts(stream), now)
  }

  #open(call: KnownStreamCall, name: string): Entry {
    const { client } = call.caller
    const opening = this.#find(call, name)
    const idle = setTimeout(() => this.#forget(entry), IDLE_MS)
    idle.unref()
    const entry: Entry = { client, name, opening, stream: undefined, idle }
    const names = this.#byClient.get(client) ?? new Map<string, Entry>()
    this.#byClient.set(client, names.set(name, entry))
    this.#entries.add(entry)
    opening.then(
      (stream) => (entry.stream = stream),
      () => this.#forget(entry),
    )
    const [oldest] = this.#entries
    if (this.#entries.size > STREAMS_MAX && oldest !== undefined) this.#forget(oldest)
    return entry
  }

  async #find(call: KnownStreamCall, name: string): Promise<KnownStream> {
    // It serves other calls too: that of the first one may end without it.
    const lasting = { ...call, signal: undefined }
    const view = await this.#book.find(lasting, name)
    return new KnownStream(call.caller.client, view, await this.#book.shards(lasting, view))
  }

  #forget(entry: Entry): void {
    clearTimeout(entry.idle)
    this.#entries.delete(entry)
    const names = this.#byClient.get(entry.client)
    if (names?.get(entry.name) === entry) names.delete(entry.name)
    // Closed at once, its producer would refuse the records of calls that have found it and wait for room in it.
    const close = (): void => void entry.opening.then((stream) => stream.close()).catch(() => {})
    setTimeout(close, ANSWERED_MS).unref()
  }
}
