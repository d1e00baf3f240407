// Packs batches for an owner into arenas. Host main thread, pure.
// The bytes of a batch are copied exactly once: from the received frame into the arena, in which they go to the owner, come
// back stamped, and are sent to readers.
import { ENTRY_FIELDS } from '../../threads/append-fields.ts'
import type { AppendGroup } from '../../threads/owner-contract.ts'
import type { HostedShard } from '../shards/hosted-shard.ts'
import type { AppendAnswer } from './append-answer.ts'
import type { ProvenProducer } from './producer-proofs.ts'

/** A batch that waits for the end of the turn, and the answer that gets its result. */
export interface QueuedBatch {
  readonly shard: HostedShard
  readonly bytes: Uint8Array
  readonly producer: ProvenProducer
  readonly answer: AppendAnswer
  /** Place of its result in the answer. */
  readonly index: number
}

/** A batch that was sent to the owner. Only the arena holds its bytes, so that the received frame can be freed. */
export type SentBatch = Omit<QueuedBatch, 'bytes' | 'producer'>

/** One append call, and its batches, which get the outcome. `group.entries` says where each batch is in the arena. */
export interface PackedGroup {
  readonly group: AppendGroup
  readonly batches: readonly SentBatch[]
  readonly bytes: number
}

/** Packs batches in their order into groups of at most `groupBytes`; a larger batch gets its own group. `now`: their arrival. */
export function packGroups(
  batches: readonly QueuedBatch[],
  { groupBytes, now }: { readonly groupBytes: number; readonly now: number },
): PackedGroup[] {
  const groups: PackedGroup[] = []
  let first = 0
  let bytes = 0
  for (let i = 0; i < batches.length; i++) {
    const { length } = batches[i]!.bytes
    if (i > first && bytes + length > groupBytes) {
      groups.push(pack(batches, { first, end: i, bytes, now }))
      first = i
      bytes = 0
    }
    bytes += length
  }
  if (batches.length > first) groups.push(pack(batches, { first, end: batches.length, bytes, now }))
  return groups
}

function pack(
  queued: readonly QueuedBatch[],
  { first, end, bytes, now }: Record<'first' | 'end' | 'bytes' | 'now', number>,
): PackedGroup {
  // The memory comes from no pool, because a pool cannot be transferred. It needs no zeros, because every byte is written here.
  const arena = Buffer.allocUnsafeSlow(bytes)
  const entries = new Float64Array((end - first) * ENTRY_FIELDS)
  const batches: SentBatch[] = []
  let offset = 0
  for (let i = first; i < end; i++) {
    const { shard, bytes: batch, producer, answer, index } = queued[i]!
    arena.set(batch, offset)
    const { tag, holder, address, openTag, most } = producer
    const fields = [shard.slot, offset, batch.length, tag, holder, address, openTag, most]
    entries.set(fields, (i - first) * ENTRY_FIELDS)
    batches.push({ shard, answer, index })
    offset += batch.length
  }
  return { group: { arena: arena.buffer, entries, now }, batches, bytes }
}
