// Checks the limits on numbers of shards, of one stream and of all; planned shards count.
// Runs in the controller; pure: a check returns nothing, or throws the error that the client gets.
import { invariant } from '../../../protocol/invariant.ts'
import { limits } from '../../../protocol/limits.ts'
import type { Fail } from '../../../protocol/refusal.ts'
import { checkMadeShards, type MadeQuotas } from './made-quotas.ts'
import { shardsOf, type CatalogState, type Stream } from '../catalog-state.ts'

/** Slots are 32 bits wide in every key, and never given twice: a slot beyond this would wrap to another shard's. */
const SLOT_MAX = 0xffff_ffff

const KEPT = 'closed ones go when their last record has expired'

/** Throws `limitExceeded` where a stream cannot have `made` more shards, counting closed ones. */
export function checkNewShards(
  state: CatalogState,
  { id, name, nextShardIndex, createdBy }: Stream,
  { made, quotas }: { readonly made: number; readonly quotas: MadeQuotas | undefined },
  fail: Fail<'limitExceeded'>,
): void {
  const { readableShardsPerStreamMax, shardIndexMax } = limits
  const readable = shardsOf(state, id).size
  checkCount(readable + made, readableShardsPerStreamMax, `shards of stream ${name}; ${KEPT}`, fail)
  checkAllShards(state, made, fail)
  checkMadeShards(state, createdBy, { made, quotas }, fail)
  checkCount(nextShardIndex + made, shardIndexMax, `shards that stream ${name} ever had`, fail)
}

/** Throws `limitExceeded` where all streams together cannot have `made` more shards. */
export function checkAllShards(state: CatalogState, made: number, fail: Fail<'limitExceeded'>): void {
  const count = state.shardCount + state.plannedCount + made
  checkAll(count, limits.shardsMax, `shards of all streams; ${KEPT}`, fail)
  const { shardsReserved, shardsMadeFew } = limits
  if (made > shardsMadeFew) {
    const kept = `${shardsReserved} are kept for changes that make up to ${shardsMadeFew}`
    checkAll(count, limits.shardsMax - shardsReserved, `shards of all streams; ${kept}`, fail)
  }
  invariant(state.broker !== undefined, 'the catalog has an identity')
  checkAll(state.broker.nextSlot + made - 1, SLOT_MAX, 'shards that this broker ever had', fail)
}

/** Throws `limitExceeded` where `count` is above `max`. */
export function checkCount(count: number, max: number, what: string, fail: Fail<'limitExceeded'>): void {
  if (count <= max) return
  fail('limitExceeded', `There would be ${count}, above the limit of ${max} for ${what}.`)
}

/** The same of a count that says something of other streams, which the one who asks may not be allowed to see: it is not told. */
function checkAll(count: number, max: number, what: string, fail: Fail<'limitExceeded'>): void {
  if (count > max) fail('limitExceeded', `There would be more than ${max}, the limit for ${what}.`)
}
