// Describes the fields of a batch's header for authors of other clients: docs/protocol.md prints this table. Pure.
// `batchOffsets` has the place of each field; a test checks that the two tables together cover the header.
import { BATCH_HEADER_BYTES, BATCH_VERSION, batchOffsets, HASH_KEY_BYTES } from './batch.ts'
import { limits } from '../limits.ts'

export interface BatchField {
  readonly bytes: number
  readonly doc: string
}

/** The fields, in the order in which they lie in the header. */
export const batchFields = {
  magic: { bytes: 4, doc: '"MLR1" in ASCII: 4d 4c 52 31.' },
  version: {
    bytes: 1,
    doc: `Version of this layout: ${BATCH_VERSION}. A broker refuses any other.`,
  },
  reserved: { bytes: 3, doc: 'Zero.' },
  batchLength: { bytes: 4, doc: 'Length of the whole batch, header included.' },
  bodyCrc: { bytes: 4, doc: `CRC-32 of everything from byte ${batchOffsets.attributes} to the end.` },
  baseSequenceNumber: { bytes: 8, doc: 'Stamped: the number of the first record. Zero when sent.' },
  arrivalTime: {
    bytes: 8,
    doc: "Stamped: milliseconds since the epoch, by the broker's clock. Zero when sent.",
  },
  stampCrc: { bytes: 4, doc: `Stamped: CRC-32 of bytes 0 to ${batchOffsets.stampCrc - 1}. Zero when sent.` },
  attributes: {
    bytes: 2,
    doc: 'Bits 0 to 2: the codec; bits 3 to 5: how many hash keys are sampled; bit 6: the records are encrypted; the rest is zero, and a batch in which it is not is refused.',
  },
  producerEpoch: { bytes: 2, doc: 'Epoch of the producer; 0 where the batch is not idempotent.' },
  recordCount: {
    bytes: 4,
    doc: `How many records follow: 1 to ${limits.batchRecordsMax.toLocaleString('en')}.`,
  },
  recordBytes: { bytes: 4, doc: 'Length of the records, uncompressed and not encrypted.' },
  producerId: { bytes: 8, doc: 'Below 2^53; 0 where the batch is not idempotent.' },
  firstProducerSequence: { bytes: 8, doc: "The producer's own number for the first record; below 2^53." },
  lowestHashKey: { bytes: HASH_KEY_BYTES, doc: 'Big-endian: the lowest hash key of the records.' },
  highestHashKey: { bytes: HASH_KEY_BYTES, doc: 'Big-endian: the highest hash key of the records.' },
} as const satisfies Record<keyof typeof batchOffsets, BatchField>

/** Returns the fields with their places. Throws an Error if the fields leave a gap in the header or overlap. */
export function batchFieldRows(): readonly { name: string; at: number; bytes: number; doc: string }[] {
  let end = 0
  const rows = Object.entries<BatchField>(batchFields).map(([name, { bytes, doc }]) => {
    const at = batchOffsets[name as keyof typeof batchOffsets]
    if (at !== end)
      throw new Error(`The field ${name} of a batch lies at ${at}; the one before it ends at ${end}.`)
    end = at + bytes
    return { name, at, bytes, doc }
  })
  if (end !== BATCH_HEADER_BYTES)
    throw new Error(`The fields of a batch end at ${end}, its header at ${BATCH_HEADER_BYTES}.`)
  return rows
}
