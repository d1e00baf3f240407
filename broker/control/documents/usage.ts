// Which documents there are and how much room they take, so that puts keep to the limits. Runs in the controller; pure.
// A put that is under way counts before it is stored, and what it replaces counts until then: however puts and deletions
// overlap, the documents that are stored are within the limits.
import { countOf } from '../../../protocol/text/count-text.ts'
import { limits } from '../../../protocol/limits.ts'
import type { Fail } from '../../../protocol/refusal.ts'

/** A document that is stored, or is being put. */
interface Entry {
  /** Bytes of the stored document; undefined if it is not stored. */
  stored: number | undefined
  /** Puts under way, and the bytes of the largest since there was none. */
  puts: number
  putBytes: number
}

export type UsageLimits = Readonly<
  Record<'documentsPerKindMax' | 'documentsMax' | 'documentsStoredBytesMax', number>
>

export class DocumentUsage {
  readonly #limits: UsageLimits
  readonly #kinds = new Map<string, Map<string, Entry>>()
  /** Stored documents. */
  #count = 0
  /** Bytes of the stored documents. */
  #bytes = 0
  /** Stored documents and those that are being put. */
  #takenCount = 0
  #takenBytes = 0

  constructor(bounds: UsageLimits = limits) {
    this.#limits = bounds
  }

  /** Number of stored documents. */
  get count(): number {
    return this.#count
  }

  /** Bytes of the stored documents. */
  get bytes(): number {
    return this.#bytes
  }

  /** Returns true if the document is stored or is being put. */
  has(kind: string, name: string): boolean {
    return this.#kinds.get(kind)?.has(name) ?? false
  }

  /** Takes room for a put until the returned function is called. Fails with `limitExceeded` where there is none. */
  reserve(kind: string, name: string, bytes: number, fail: Fail<'limitExceeded'>): () => void {
    this.#checkRoom(kind, name, bytes, fail)
    this.#update(kind, name, (entry) => {
      entry.puts++
      entry.putBytes = Math.max(entry.putBytes, bytes)
    })
    return () => {
      this.#update(kind, name, (entry) => {
        entry.puts--
        if (entry.puts === 0) entry.putBytes = 0
      })
    }
  }

  /** Notes what is stored now: a document of so many bytes, or none (undefined). Returns true if there was one before. */
  stored(kind: string, name: string, bytes: number | undefined): boolean {
    let before: number | undefined
    this.#update(kind, name, (entry) => {
      before = entry.stored
      entry.stored = bytes
    })
    this.#bytes += (bytes ?? 0) - (before ?? 0)
    this.#count += Number(bytes !== undefined) - Number(before !== undefined)
    return before !== undefined
  }

  #checkRoom(kind: string, name: string, bytes: number, fail: Fail<'limitExceeded'>): void {
    const { documentsPerKindMax, documentsMax, documentsStoredBytesMax } = this.#limits
    const ofKind = this.#kinds.get(kind)
    const entry = ofKind?.get(name)
    if (entry === undefined && (ofKind?.size ?? 0) >= documentsPerKindMax) {
      const message = `There are ${countOf(documentsPerKindMax, 'document')} of the kind ${kind}, the most that a kind has: delete some.`
      fail('limitExceeded', message)
    }
    if (entry === undefined && this.#takenCount >= documentsMax) {
      fail('limitExceeded', `The broker has ${countOf(documentsMax, 'document')}, its limit: delete some.`)
    }
    const more = Math.max(0, bytes - bytesOf(entry))
    if (more > 0 && this.#takenBytes + more > documentsStoredBytesMax) {
      const message = `All documents together may take ${documentsStoredBytesMax} bytes, and there is no room for ${more} more: delete some.`
      fail('limitExceeded', message)
    }
  }

  #update(kind: string, name: string, change: (entry: Entry) => void): void {
    const ofKind = this.#kinds.get(kind) ?? new Map<string, Entry>()
    const known = ofKind.get(name)
    const entry = known ?? { stored: undefined, puts: 0, putBytes: 0 }
    const bytesBefore = bytesOf(known)
    change(entry)
    const isKept = entry.stored !== undefined || entry.puts > 0
    this.#takenBytes += bytesOf(entry) - bytesBefore
    this.#takenCount += Number(isKept) - Number(known !== undefined)
    if (isKept) ofKind.set(name, entry)
    else ofKind.delete(name)
    if (ofKind.size > 0) this.#kinds.set(kind, ofKind)
    else this.#kinds.delete(kind)
  }
}

function bytesOf(entry: Entry | undefined): number {
  return entry === undefined ? 0 : Math.max(entry.stored ?? 0, entry.putBytes)
}
