// What a record takes in an event: the payload of a call is bounded, and the base64 of the data counts. Runs in the app, pure.

/** Bytes of the event of one call, at most: Lambda's bound of synchronous calls. */
export const EVENT_BYTES_MAX = 6 * 1024 * 1024

/** `{"Records":[]}`, and the fields of a window but for its state. */
export const EVENT_FRAME_BYTES = 512

/** The fields of a record beside data, key and ARNs, with a sequence number of 56 digits that stands twice. */
const RECORD_FRAME_BYTES = 430

/** Bytes of a record in the event of a source whose ARNs have so many characters, about and not less. */
export function recordEventBytes(dataBytes: number, partitionKey: string, arnCharacters: number): number {
  // A character of a key takes up to six bytes in JSON, where it is escaped; two are the rule for what is not plain.
  return Math.ceil(dataBytes / 3) * 4 + partitionKey.length * 2 + RECORD_FRAME_BYTES + arnCharacters
}
