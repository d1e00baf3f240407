// Deletes streams whose time as DELETING is over. Runs in the endpoint. Each endpoint of a broker knows of each such stream by
// its document. Who changes the document first deletes the stream; the others look again later, in case that one has died.
// So no endpoint deletes a stream that was made anew under the name meanwhile.
import { MillraceError, type Client } from 'millrace'
import type { KeptDocuments } from './kept-documents.ts'
import type { StreamDocument } from './stream-facts.ts'

export interface DeletionsParts {
  readonly own: Client
  readonly streams: KeptDocuments<StreamDocument>
  now(): number
  readonly log: (message: string, error: unknown) => void
}

/** How long others leave a deletion to the endpoint that took it on. */
const CLAIM_MS = 30_000
/** Delay after an attempt that failed. */
const AGAIN_MS = 5_000
/** Longest delay of one timer. */
const TIMER_MS_MAX = 2 ** 31 - 1

export class Deletions {
  readonly #parts: DeletionsParts
  /** By the name of the stream. */
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #running = new Map<string, Promise<void>>()
  #isClosed = false

  constructor(parts: DeletionsParts) {
    this.#parts = parts
    for (const [name, { value }] of parts.streams.entries()) this.#schedule(name, value)
    parts.streams.onChange((name, value) => this.#schedule(name, value))
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  /** Deletes the stream of this name, whose time is over. Calls at the same time do it once. */
  delete(name: string): Promise<void> {
    const running = this.#running.get(name) ?? this.#delete(name).finally(() => this.#running.delete(name))
    this.#running.set(name, running)
    return running
  }

  /** Removes the document of a stream that is no more, unless it is that of another stream of the name. */
  forget(name: string, streamId: number): Promise<void> {
    return this.#remove(name, (id) => id === streamId)
  }

  /** Removes the document of the name, unless it is that of this stream. */
  forgetOthers(name: string, streamId: number): Promise<void> {
    return this.#remove(name, (id) => id !== streamId)
  }

  async #remove(name: string, isGone: (streamId: number) => boolean): Promise<void> {
    const { streams } = this.#parts
    for (;;) {
      const entry = await streams.read(name)
      if (entry === undefined || !isGone(entry.value.streamId)) return
      try {
        await streams.delete(name, entry.version)
        return
      } catch (error) {
        if (!MillraceError.is(error, 'versionConflict')) throw error
      }
    }
  }

  async #delete(name: string): Promise<void> {
    const { own } = this.#parts
    const streamId = await this.#claim(name)
    if (streamId === undefined) return
    try {
      const { id } = await own.describeStream(name)
      if (id === streamId) await own.deleteStream(name)
    } catch (error) {
      if (!MillraceError.is(error, 'streamNotFound')) throw error
    }
    await this.forget(name, streamId)
  }

  /** Takes the deletion on: resolves with the id of the stream, or with undefined where another endpoint is at it. */
  async #claim(name: string): Promise<number | undefined> {
    const { streams, now } = this.#parts
    try {
      const { streamId } = await streams.update(name, (document) => {
        const due = document?.statusUntil
        if (document === undefined || due?.status !== 'DELETING' || due.until > now()) throw new Taken()
        return { ...document, statusUntil: { status: 'DELETING', until: now() + CLAIM_MS } }
      })
      return streamId
    } catch (error) {
      if (error instanceof Taken) return undefined
      throw error
    }
  }

  #schedule(name: string, document: StreamDocument | undefined, leastMs = 0): void {
    clearTimeout(this.#timers.get(name))
    this.#timers.delete(name)
    const due = document?.statusUntil
    if (this.#isClosed || due?.status !== 'DELETING') return
    const delayMs = Math.min(Math.max(due.until - this.#parts.now(), leastMs), TIMER_MS_MAX)
    const timer = setTimeout(() => {
      this.#timers.delete(name)
      this.delete(name).catch((error: unknown) => {
        this.#parts.log('A stream could not be deleted; another attempt follows.', error)
        this.#schedule(name, this.#parts.streams.get(name), AGAIN_MS)
      })
    }, delayMs)
    this.#timers.set(name, timer.unref())
  }
}

/** Another endpoint deletes the stream, or nobody does any more. */
class Taken extends Error {}
