// How records become an object: first lines of a spool, then, when the object is due, its content. Types, and the encoder that leaves
// both as they are.
import type { ObjectContent } from '../destinations/object-store.ts'
import type { ErrorRecord } from '../errors/error-record.ts'

/** The records of one object, as `add` has written them, one behind the other. */
export interface Spooled extends ObjectContent {
  readonly bytes: number
  readonly records: number
  /** Path of a file with the same bytes: made where they are in memory. It is deleted with the spool. */
  toFile(): Promise<string>
  /** Path of a file that does not exist yet, for what an encoder makes. It is deleted with the spool. */
  scratch(extension: string): string
}

/** Takes bytes one behind the other, as an array does. */
export interface Pieces {
  push(piece: Uint8Array): unknown
}

export interface EncodedObject {
  /** Undefined where no record is left. */
  readonly content: ObjectContent | undefined
  /** Records that the format does not take, in the order of their lines: they go to the errors. */
  readonly failed: readonly RefusedRecord[]
}

/** A record that a format does not take. */
export interface RefusedRecord extends Omit<ErrorRecord, 'origin'> {
  /** Its number among the lines of the spool, from 0. */
  readonly line: number
}

export interface ObjectEncoder {
  /** Ending of names, with its dot; '' for none. */
  readonly extension: string
  /** It may refuse records: then what it pushes are lines, and a record may have several. */
  readonly isSelective: boolean
  /** Pushes what the spool gets for a record. Returns how many lines those are, where it may refuse some. */
  add(data: Uint8Array, pieces: Pieces): number
  /** Makes the content of an object. The same spool may be given again, and should then give the same. */
  finish(spooled: Spooled, signal: AbortSignal): Promise<EncodedObject>
}

/** Records as they are, each followed by the delimiter. */
export function rawEncoder(delimiter: string): ObjectEncoder {
  const end = Buffer.from(delimiter)
  return {
    extension: '',
    isSelective: false,
    add: (data, pieces) => {
      pieces.push(data)
      if (end.length > 0) pieces.push(end)
      return 1
    },
    finish: (spooled) => Promise.resolve({ content: spooled, failed: [] }),
  }
}
