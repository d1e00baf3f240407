// The other implementation of the aggregated format: npm's aws-kinesis-agg, by the makers of the format. It has no types that
// compile without the AWS SDK.
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** A record as it is packed. */
export interface Packed {
  readonly partitionKey: string
  readonly explicitHashKey?: string | undefined
  readonly data: Uint8Array
}

/** A record as that package reads it. */
interface Unpacked {
  readonly partitionKey: string
  readonly explicitPartitionKey?: string
  readonly subSequenceNumber?: number
  /** In base64. */
  readonly data: string
}

interface KinesisAgg {
  readonly RecordAggregator: new () => {
    addUserRecord(record: Packed): void
    build(): { readonly partitionKey: string; readonly data: Buffer }
  }
  deaggregateSync(
    record: { readonly data: string; readonly partitionKey: string; readonly sequenceNumber: string },
    computeChecksums: boolean,
    done: (error: Error | undefined, records?: Unpacked[]) => void,
  ): void
}

const kinesisAgg = require('aws-kinesis-agg') as KinesisAgg

/** Packs records as the package does. */
export function packedByOther(records: readonly Packed[]): Buffer {
  const aggregator = new kinesisAgg.RecordAggregator()
  for (const record of records) aggregator.addUserRecord({ ...record, data: Buffer.from(record.data) })
  return aggregator.build().data
}

/** Reads a payload as the package does, with its checksum. Throws what it answers. */
export function readByOther(payload: Uint8Array): Unpacked[] {
  let read: Unpacked[] = []
  const data = Buffer.from(payload).toString('base64')
  kinesisAgg.deaggregateSync({ data, partitionKey: 'outer', sequenceNumber: '1' }, true, (error, records) => {
    if (error !== undefined) throw error
    read = records ?? []
  })
  return read
}

/** Puts magic number and checksum around a message, whatever it is. */
export function sealed(message: Uint8Array): Buffer {
  const digest = createHash('md5').update(message).digest()
  return Buffer.concat([Buffer.from('f3899ac2', 'hex'), message, digest])
}

/** The message of a payload. */
export function messageOf(payload: Uint8Array): Buffer {
  return Buffer.from(payload.subarray(4, payload.length - 16))
}
