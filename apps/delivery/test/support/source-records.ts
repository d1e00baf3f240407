// Records of a source for tests.
import type { SourceRecord } from '../../src/engine/source-record.ts'

/** Returns consecutive records with these payloads. */
export function sourceRecords(...payloads: readonly (string | Uint8Array)[]): SourceRecord[] {
  return payloads.map((payload, place) => ({
    shardId: 'shardId-000000000000',
    sequenceNumber: 100 + place,
    partitionKey: `key-${place}`,
    data: typeof payload === 'string' ? Buffer.from(payload) : payload,
    arrivedAt: 1_700_000_000_000 + place,
  }))
}

/** Texts of records. */
export const textsOf = (records: readonly { readonly data: Uint8Array }[]) =>
  records.map(({ data }) => Buffer.from(data).toString())
