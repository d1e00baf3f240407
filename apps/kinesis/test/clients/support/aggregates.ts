// Aggregated records of the Kinesis Producer Library, taken apart and put together by its makers' package for Node.
import type { _Record as KinesisRecord } from '@aws-sdk/client-kinesis'
import { createRequire } from 'node:module'

/** The package's own types ask for others that are not installed. */
interface Aggregation {
  deaggregateSync(
    record: { partitionKey: string; sequenceNumber: string; data: string; kinesisSchemaVersion: string },
    computeChecksums: boolean,
    done: (error: Error | undefined, records: { partitionKey: string; data: string }[]) => void,
  ): void
  aggregate(
    records: { partitionKey: string; data: Buffer }[],
    onRecord: (record: { partitionKey: string; data: Buffer }, done: () => void) => void,
    onEnd: () => void,
    onError: (error: Error) => void,
  ): void
}

const aggregation = createRequire(import.meta.url)('aws-kinesis-agg') as Aggregation

export interface UserRecord {
  readonly partitionKey: string
  readonly text: string
}

/** The records inside of one record; a record that is no aggregate is its own only one. */
export async function deaggregate(record: KinesisRecord): Promise<readonly UserRecord[]> {
  const envelope = {
    partitionKey: record.PartitionKey!,
    sequenceNumber: record.SequenceNumber!,
    data: Buffer.from(record.Data!).toString('base64'),
    kinesisSchemaVersion: '1.0',
  }
  return new Promise((resolve, reject) => {
    aggregation.deaggregateSync(envelope, true, (error, records) => {
      if (error) reject(error)
      else
        resolve(
          records.map(({ partitionKey, data }) => ({
            partitionKey,
            text: Buffer.from(data, 'base64').toString(),
          })),
        )
    })
  })
}

/** One record for PutRecord with all of these inside. */
export async function aggregateOf(
  users: readonly UserRecord[],
): Promise<{ PartitionKey: string; Data: Uint8Array }> {
  const records = users.map(({ partitionKey, text }) => ({ partitionKey, data: Buffer.from(text) }))
  return new Promise((resolve, reject) => {
    aggregation.aggregate(
      records,
      ({ partitionKey, data }, done) => {
        resolve({ PartitionKey: partitionKey, Data: data })
        done()
      },
      () => {},
      reject,
    )
  })
}
