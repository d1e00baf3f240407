// Keeps a shard's progress document: one put at a time, and what changes meanwhile goes into the next one. Runs in the app. A holder of a
// newer lease that has taken the document over ends this one: `Fenced`.
import { MillraceError, type Documents } from 'millrace'
import { noProgress, type ShardProgress } from './shard-progress.ts'

/** Another lease has the shard: nothing more may be done for it. */
export class Fenced extends Error {
  override readonly name = 'Fenced'
}

/** What the engine needs of the document. */
export interface ProgressDocument {
  /** As it was when it was taken over. */
  readonly found: ShardProgress
  /** Stores what `now` gives; fulfils when that, or something newer, is durable. Rejects with Fenced. */
  save(now: () => Omit<ShardProgress, 'epoch' | 'serial'>): Promise<void>
}

export interface ProgressPlace {
  readonly documents: Pick<Documents<ShardProgress>, 'get' | 'put'>
  readonly name: string
  readonly epoch: number
  /** Waits before a put whose outcome is not known is looked at again. Rejects when nobody wants it any more. */
  readonly pause: (attempt: number) => Promise<void>
  /** Told why the document cannot be had or kept, once for each reason in a row. It is tried again. */
  readonly onTrouble: (error: unknown) => void
}

/** Takes the document over for a lease. Rejects with Fenced where a later one has it. */
export async function takeProgress(given: ProgressPlace): Promise<ProgressDocument> {
  const place = { ...given, onTrouble: onceInARow(given.onTrouble) }
  for (let attempt = 0; ; attempt++) {
    try {
      const document = await place.documents.get(place.name)
      const found = document?.value ?? noProgress
      if (found.epoch > place.epoch) throw fenced(place)
      const taken = { ...found, epoch: place.epoch, serial: found.serial + 1 }
      const { version } = await place.documents.put(place.name, taken, {
        expectedVersion: document?.version ?? 0,
      })
      return new KeptProgress(place, found, { version, serial: taken.serial })
    } catch (error) {
      if (error instanceof Fenced) throw error
      place.onTrouble(error)
      await place.pause(attempt)
    }
  }
}

function onceInARow(tell: (error: unknown) => void): (error: unknown) => void {
  let last: string | undefined
  return (error) => {
    const reason = String(error)
    if (reason === last) return
    last = reason
    tell(error)
  }
}

class KeptProgress implements ProgressDocument {
  readonly found: ShardProgress
  readonly #place: ProgressPlace
  #version: number
  #serial: number
  #now: (() => Omit<ShardProgress, 'epoch' | 'serial'>) | undefined
  #next: Promise<void> | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(place: ProgressPlace, found: ShardProgress, at: { version: number; serial: number }) {
    this.#place = place
    this.found = found
    this.#version = at.version
    this.#serial = at.serial
  }

  save(now: () => Omit<ShardProgress, 'epoch' | 'serial'>): Promise<void> {
    this.#now = now
    if (this.#next === undefined) {
      const before = this.#running
      this.#next = this.#running = before.then(() => {
        this.#next = undefined
        return this.#put(this.#now!())
      })
      // Each caller has its own promise to await; a fence is told to all of them.
      this.#running.catch(() => {})
    }
    return this.#next
  }

  async #put(state: Omit<ShardProgress, 'epoch' | 'serial'>): Promise<void> {
    const { documents, name, epoch, pause, onTrouble } = this.#place
    const serial = ++this.#serial
    const value = { ...state, epoch, serial }
    for (let attempt = 0; ; attempt++) {
      try {
        this.#version = (await documents.put(name, value, { expectedVersion: this.#version })).version
        return
      } catch (error) {
        if (MillraceError.is(error) && error.code === 'invalidArgument') throw error
        onTrouble(error)
        await pause(attempt)
        if (await this.#isStored(serial)) return
      }
    }
  }

  /** Looks whether a put without an answer was done. Throws Fenced where the document is another's. */
  async #isStored(serial: number): Promise<boolean> {
    const { documents, name, epoch, pause, onTrouble } = this.#place
    for (let attempt = 0; ; attempt++) {
      try {
        const document = await documents.get(name)
        if (document === undefined || document.value.epoch !== epoch) throw fenced(this.#place)
        this.#version = document.version
        return document.value.serial >= serial
      } catch (error) {
        if (error instanceof Fenced) throw error
        onTrouble(error)
        await pause(attempt)
      }
    }
  }
}

function fenced({ name, epoch }: ProgressPlace): Fenced {
  return new Fenced(`The progress ${name} belongs to a later lease than that of epoch ${epoch}.`)
}
