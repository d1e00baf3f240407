// From a position, as a reader names it, to the sequence number to read from. Host main thread.
// By number it is pure arithmetic on the shard's extent. By time it is exact to the millisecond, because arrival time never
// goes backwards within a shard: from the tail cache where it can prove the answer, else from storage.
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

/** Resolves a position among what has not expired; or says why it cannot be. */
export async function resolvePosition(
  shard: HostedShard,
  position: Position,
  reads: ShardReads,
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

/** Each type takes exactly its own field: a client that sends another one means something else than it asks for. */
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

/** The tail itself is a good place to start: the next record to come. */
function atNumber(shard: HostedShard, sequenceNumber: number): ResolvedPosition {
  const refusal = checkReadFrom(shard, sequenceNumber)
  return refusal ? { refusal } : { sequenceNumber }
}

/** Says why nothing can be read from this number on; undefined where something can, or will. */
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
  reads: ShardReads,
  outflow: Outflow,
): Promise<ResolvedPosition> {
  // A time to come, or an empty shard: what arrives next.
  const arrivedBy = Math.min(shard.lastArrivalTime, shard.arrivedBy)
  if (timestamp > arrivedBy || shard.tail === shard.trimHorizon) {
    return { sequenceNumber: shard.tail }
  }
  const found = shard.cached.seek(timestamp) ?? (await reads.seek(shard, timestamp, outflow))
  if (typeof found === 'object') return { refusal: found }
  if (!shard.served) return refuse('shardNotFound', `${shard.label} is no longer served here.`)
  // Records between the two have expired, whatever storage still holds.
  return { sequenceNumber: Math.max(found, shard.trimHorizon) }
}

function refuse(code: PositionRefusal['code'], message: string): ResolvedPosition {
  return { refusal: { code, message } }
}
