// Which records of a request the limits of their shards let through, in the order of the request. Runs in the endpoint.
// One that is refused leaves the room to those that follow, as in the service: a large record may wait while small ones pass.
import type { RecordInput } from 'millrace'
import type { KinesisError } from '../../model/errors.ts'
import type { ErrorPlace } from '../../native-errors.ts'
import type { KnownStream } from '../known-stream.ts'
import type { RecordsContext } from '../parts.ts'
import type { PutEntry } from './entries.ts'
import { rateExceeded } from './writable.ts'

/** Takes the room of a record in its shard, or says why there is none. */
export type Admit = (entry: PutEntry, record: RecordInput) => KinesisError | undefined

/** What admits the records of one request; undefined if nothing is limited. */
export function admissionTo(
  { limits, now }: RecordsContext,
  stream: KnownStream,
  place: ErrorPlace,
): Admit | undefined {
  const limited = limits.of(stream)
  if (limited === undefined) return undefined
  const time = now()
  return ({ Data, PartitionKey }, record) => {
    const shardId = stream.openShards.of(record)
    if (shardId === undefined) return undefined
    const bytes = Data.length + (PartitionKey === undefined ? 0 : Buffer.byteLength(PartitionKey))
    if (limited.shard(shardId, time).takeRecord(bytes, time)) return undefined
    return rateExceeded(shardId, place)
  }
}
