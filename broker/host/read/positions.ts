// Turns a reader's position into the sequence number to read from. Host main thread.
// A position by number is arithmetic on the shard's extent. A position by time is exact to the millisecond, because arrival
// times never fall within a shard. The tail cache gives the answer if it can prove it, else storage.
import type { Position } from '../../../protocol/operations.ts'
import type { HostedShard } from '../shards/hosted-shard.ts'
import type { Outflow } from './outflow.ts'
import type { ReadRefusal } from './read-refusal.ts'
import type { ShardReads } from './shard-reads.ts'

export interface PositionRefusal {
  readonly code: ReadRefusal['code'] | 'invalidPosition'
  readonly message: string
}

export type ResolvedPosition = { readonly sequenceNumber: number } | { readonly refusal: PositionRefusal }

/** Resolves a position among the records that have not expired, or returns why it cannot be resolved. */
export async function resolvePosition(
  shard: HostedShard,
  position: Position,
  reads: Pick<ShardReads, 'refreshHorizon' | 'seek'>,
  outflow: Outflow,
): Promise<ResolvedPosition> {
  const stray = strayField(position)
  if (stray) return refuse('invalidArgument', stray)
  await reads.refreshHorizon(shard)
  if (!shard.served) return refuse('shardNotFound', `${shard.label} is no longer served here.`)
  switch (position.type) {
    case 'TRIM_HORIZON':
      return { sequenceNumber: shard.trimHorizon }
    case 'LATEST':
      return { sequenceNumber: shard.tail }
    case 'AT_SEQUENCE_NUMBER':
      return atNumber(shard, position.sequenceNumber!)
    case 'AFTER_SEQUENCE_NUMBER':
      return atNumber(shard, position.sequenceNumber! + 1)
    case 'AT_TIMESTAMP':
      return atTimestamp(shard, position.timestamp!, reads, outflow)
  }
}

/** Returns what is wrong with the fields: a type takes only its own field, because another would mean something else. */
function strayField({ type, sequenceNumber, timestamp }: Position): string | undefined {
  const needsNumber = type === 'AT_SEQUENCE_NUMBER' || type === 'AFTER_SEQUENCE_NUMBER'
  const needsTime = type === 'AT_TIMESTAMP'
  if (needsNumber !== (sequenceNumber !== undefined)) {
    return `Position ${type} ${needsNumber ? 'needs' : 'takes no'} sequenceNumber.`
  }
  if (needsTime !== (timestamp !== undefined)) {
    return `Position ${type} ${needsTime ? 'needs' : 'takes no'} timestamp.`
  }
  return undefined
}

/** Resolves a number up to the tail, which stands for the next record. */
function atNumber(shard: HostedShard, sequenceNumber: number): ResolvedPosition {
  const refusal = checkReadFrom(shard, sequenceNumber)
  return refusal ? { refusal } : { sequenceNumber }
}

/** Returns why no record can be read from this number on; undefined if records can be read there, now or later. */
export function checkReadFrom(shard: HostedShard, sequenceNumber: number): PositionRefusal | undefined {
  const { trimHorizon, tail, label } = shard
  if (sequenceNumber < trimHorizon) {
    return {
      code: 'trimmed',
      message: `${label}: number ${sequenceNumber} has expired. Start at ${trimHorizon}, its trim horizon, or later.`,
    }
  }
  if (sequenceNumber > tail) {
    return {
      code: 'invalidPosition',
      message: `${label}: number ${sequenceNumber} is above its tail. Start at ${tail} or below.`,
    }
  }
  return undefined
}

async function atTimestamp(
  shard: HostedShard,
  timestamp: number,
  reads: Pick<ShardReads, 'seek'>,
  outflow: Outflow,
): Promise<ResolvedPosition> {
  // In an empty shard, or at a time after the newest record, reading begins with the next record.
  const arrivedBy = Math.min(shard.lastArrivalTime, shard.arrivedBy)
  if (timestamp > arrivedBy || shard.tail === shard.trimHorizon) {
    return { sequenceNumber: shard.tail }
  }
  const found = shard.cached.seek(timestamp) ?? (await reads.seek(shard, timestamp, outflow))
  if (typeof found === 'object') return { refusal: found }
  if (!shard.served) return refuse('shardNotFound', `${shard.label} is no longer served here.`)
  // Records below the horizon have expired, even if storage still holds them.
  return { sequenceNumber: Math.max(found, shard.trimHorizon) }
}

function refuse(code: PositionRefusal['code'], message: string): ResolvedPosition {
  return { refusal: { code, message } }
}
