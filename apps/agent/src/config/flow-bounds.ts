// Bounds and defaults of a flow's buffers, by the kind of its destination. Pure data. Those of AWS' agent stand in keys/flow-keys.ts;
// where a flow goes to the broker they are wider: it takes batches of up to 12 MiB, and bills nobody for a put.
import { limits } from 'millrace/protocol'

const KiB = 1024
const MiB = 1024 * KiB

export type DestinationType = 'stream' | 'delivery' | 'kinesis' | 'firehose'

interface Bounded {
  readonly default: number
  readonly min: number
  readonly max: number
}

export interface FlowBounds {
  readonly ageMs: Bounded
  readonly records: Bounded
  readonly bytes: Bounded
  /** Data and partition key of one record. */
  readonly recordBytesMax: number
}

const ofBroker: FlowBounds = {
  ageMs: { default: 1000, min: 0, max: 900_000 },
  records: { default: 50_000, min: 1, max: 50_000 },
  bytes: { default: MiB, min: 1, max: 8 * MiB },
  recordBytesMax: limits.recordBytesMax,
}

const ofKinesis: FlowBounds = {
  ageMs: { default: 60_000, min: 1000, max: 900_000 },
  records: { default: 500, min: 1, max: 500 },
  bytes: { default: 4 * MiB, min: 1, max: 5 * MiB },
  recordBytesMax: MiB,
}

export const flowBounds: Readonly<Record<DestinationType, FlowBounds>> = {
  stream: ofBroker,
  delivery: ofBroker,
  kinesis: ofKinesis,
  firehose: { ...ofKinesis, bytes: { default: 4 * MiB, min: 1, max: 4 * MiB }, recordBytesMax: 1000 * KiB },
}

/** Characters of the longest partition key that a flow gives: an MD5 in hexadecimal. */
export const PARTITION_KEY_LENGTH_MAX = 32

export const destinationWords: Readonly<Record<DestinationType, string>> = {
  stream: 'a stream of the broker',
  delivery: 'a delivery of the broker',
  kinesis: 'a Kinesis stream',
  firehose: 'a Firehose delivery stream',
}
