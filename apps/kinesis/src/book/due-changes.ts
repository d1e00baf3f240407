// Carries out what was put off: streams whose time as DELETING is over are deleted, and shards are split and merged when their
// stream has been UPDATING for long enough. Runs in the endpoint. Each endpoint of a broker knows of each such stream by its
// document. Who changes the document first does it; the others look again later, in case that one has died. So no endpoint
// deletes a stream that was made anew under the name meanwhile.
import { MillraceError, type Client, type KeptDocuments } from 'millrace'
import { carryOut, isWorthAnotherTry, type ReshardChange } from './reshard-change.ts'
import { isDue, isPutOff, type StreamDocument } from './stream-facts.ts'

export interface DueChangesParts {
  readonly own: Client
  readonly streams: KeptDocuments<StreamDocument>
  now(): number
  readonly log: (message: string, error: unknown) => void
}

/** How long others leave a change to the endpoint that took it on. */
const CLAIM_MS = 30_000
/** Delay after an attempt that came too early. */
const EARLY_MS = 10
/** Delay after an attempt that failed. */
const AGAIN_MS = 5_000
/** Longest delay of one timer. */
const TIMER_MS_MAX = 2 ** 31 - 1

export class DueChanges {
  readonly #parts: DueChangesParts
  /** By the name of the stream. */
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #running = new Map<string, Promise<void>>()
  #isClosed = false

  constructor(parts: DueChangesParts) {
    this.#parts = parts
    for (const [name, { value }] of parts.streams.entries()) this.#schedule(name, value)
    parts.streams.onChange((name, value) => this.#schedule(name, value))
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  /** Does what is due of the stream of this name. Calls at the same time do it once. */
  carryOut(name: string): Promise<void> {
    const running = this.#running.get(name) ?? this.#carryOut(name).finally(() => this.#running.delete(name))
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

  async #carryOut(name: string): Promise<void> {
    const document = await this.#claim(name)
    if (document === undefined) return
    const { streamId, pending } = document
    if (pending === undefined) await this.#delete(name, streamId)
    else await this.#reshard(name, streamId, pending)
  }

  async #delete(name: string, streamId: number): Promise<void> {
    const { own } = this.#parts
    try {
      await own.deleteStream(name, { expectedId: streamId })
    } catch (error) {
      if (!MillraceError.is(error, 'streamNotFound')) throw error
    }
    await this.forget(name, streamId)
  }

  async #reshard(name: string, streamId: number, change: ReshardChange): Promise<void> {
    const { own, streams, log } = this.#parts
    try {
      const { id } = await own.describeStream(name)
      if (id === streamId) await carryOut(own, name, change)
    } catch (error) {
      if (isWorthAnotherTry(error)) throw error
      log('A change of shards that had been taken on was refused, and is given up.', error)
    }
    const done = { pending: undefined, statusUntil: undefined }
    await streams.update(name, (document) => {
      if (document === undefined) throw new Taken()
      return document.streamId === streamId ? { ...document, ...done } : document
    })
  }

  /** Takes a change on: resolves with its document, or with undefined where another endpoint is at it. */
  async #claim(name: string): Promise<StreamDocument | undefined> {
    const { streams, now } = this.#parts
    try {
      return await streams.update(name, (document) => {
        if (document?.statusUntil === undefined || !isDue(document, now())) throw new Taken()
        return { ...document, statusUntil: { ...document.statusUntil, until: now() + CLAIM_MS } }
      })
    } catch (error) {
      if (error instanceof Taken) return undefined
      throw error
    }
  }

  #schedule(name: string, document: StreamDocument | undefined, leastMs = 0): void {
    clearTimeout(this.#timers.get(name))
    this.#timers.delete(name)
    const due = document?.statusUntil
    if (this.#isClosed || document === undefined || due === undefined || !isPutOff(document)) return
    const delayMs = Math.min(Math.max(due.until - this.#parts.now(), leastMs), TIMER_MS_MAX)
    const timer = setTimeout(() => {
      this.#timers.delete(name)
      const again = (leastMs: number): void => this.#schedule(name, this.#parts.streams.get(name), leastMs)
      this.carryOut(name).then(
        // A timer may fire before the clock says that it is time.
        () => again(EARLY_MS),
        (error: unknown) => {
          this.#parts.log('What was put off for a stream could not be done; another attempt follows.', error)
          again(AGAIN_MS)
        },
      )
    }, delayMs)
    this.#timers.set(name, timer.unref())
  }
}

/** Another endpoint does it, or nobody does any more. */
class Taken extends Error {}
