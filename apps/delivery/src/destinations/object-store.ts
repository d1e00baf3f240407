// A place for objects: what a directory and a bucket have in common. Types only. Faults are `DeliveryFault`s.

/** Bytes that can be read several times, from their beginning. */
export interface ObjectContent {
  /** Undefined where that is known only at the end. */
  readonly bytes: number | undefined
  chunks(): AsyncIterable<Uint8Array>
  /** Path of a file with these bytes and no others, where there is one. A store on the same file system may link it. */
  readonly file?: string | undefined
}

/** An object that is there. */
export interface StoredObject {
  readonly key: string
  readonly bytes: number
}

/** How an object is written. */
export interface WriteSteps {
  /** Whose it is, in letters and digits: what is left of it where it is cut off is found again by that. Left out: nobody's. */
  readonly writer?: string
  /** Nobody may see the object before it fulfils. What it rejects with ends the write. */
  readonly prepared?: Promise<void>
}

export interface ObjectStore {
  /** Small writes at a time beyond which more only make each take longer: 1 where all wait for the same disk. */
  readonly writesMax: number
  /** Fulfils when the object is there to stay. Nobody ever sees a part of it. Replaces what has the same key. */
  write(key: string, content: ObjectContent, signal: AbortSignal, steps?: WriteSteps): Promise<void>
  /** Fulfils also where there is no such object. */
  remove(key: string, signal: AbortSignal): Promise<void>
  /**
   * Removes what other processes have left beside a key of writes of this writer that were cut off. One that goes on all the same fails,
   * and can be tried again. Absent where nothing is left.
   */
  sweep?(key: string, writer: string, signal: AbortSignal): Promise<void>
  /** Objects whose keys begin with the prefix, in the order of their keys. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject>
  /** The bytes of an object. Throws the fault `missing` where it is not there. */
  read(key: string, signal: AbortSignal): AsyncIterable<Uint8Array>
  close(): Promise<void>
}
