// What files give to flows: runs of records that lie one behind another in one file. Types, shared by files, positions and flows.

/** Some bytes of a file, recognised again by their number and digest. */
export interface Fingerprint {
  readonly bytes: number
  readonly digest: string
}

/** Bytes of one file, from a record's beginning to a record's end. Offsets are exact up to 2^53. */
export interface FileRange {
  /** The identity that positions gave to the file: it survives renaming, and ends with truncation. */
  readonly file: string
  readonly from: number
  readonly to: number
}

/** A range whose end can be recognised in the file again. */
export interface CheckedRange extends FileRange {
  /** Of the last bytes before `to`. */
  readonly tail: Fingerprint
}

/** Records that were read from a file. They are views of buffers that nobody else writes to; the taker may keep or transfer them. */
export interface LineRun extends CheckedRange {
  readonly path: string
  /** Whole records, with their terminators where the flow keeps them. A record of no bytes is an empty line. */
  readonly records: readonly Uint8Array[]
  /** Bytes of records that were too long, and of headers and footers: they are in the range and in no record. */
  readonly droppedBytes: number
  /** Records that were too long, and were cut. */
  readonly cutRecords: number
  /** When the file was last written to, in ms since 1970. */
  readonly modifiedAt: number
}
