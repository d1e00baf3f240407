// The handlers of records, joined. Runs in the endpoint.
import type { HandlersOf } from '../call.ts'
import type { EndpointParts } from '../parts.ts'
import { getRecords } from './get/get-records.ts'
import { ReadRoom } from './get/read-room.ts'
import { getShardIterator } from './get/get-shard-iterator.ts'
import { KnownStreams } from './known-streams.ts'
import { LimitedStreams } from './limits/limited-streams.ts'
import { putRecord } from './put/put-record.ts'
import { putRecords } from './put/put-records.ts'

type RecordsOperation = 'PutRecord' | 'PutRecords' | 'GetShardIterator' | 'GetRecords'

/** Writes and reads by callers' own clients, so that the broker's grants, quotas and audit are theirs. */
export function recordsHandlers(parts: EndpointParts): HandlersOf<RecordsOperation> {
  const context = {
    ...parts,
    streams: new KnownStreams(parts.book),
    limits: new LimitedStreams(parts.own, parts.now),
    readRoom: new ReadRoom(),
  }
  return {
    PutRecord: (call) => putRecord(context, call),
    PutRecords: (call) => putRecords(context, call),
    GetShardIterator: (call) => getShardIterator(context, call),
    GetRecords: (call) => getRecords(context, call),
  }
}
