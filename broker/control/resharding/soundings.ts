// Questions to hosts before a change of shards begins, while nothing is written yet: which hash key divides a load evenly,
// and whether the change can be carried out. Runs in the controller. A change that has begun cannot be undone, so a host
// that is down, or a shard too damaged to be sealed, must be found here.
import { hashKeyFromHex } from '../../../protocol/shards/hash-key.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { refusal } from '../../../protocol/refusal.ts'
import { shardIdOf } from '../../../protocol/shards/shard-id.ts'
import { canSplitAt } from '../../../protocol/shards/shard-map.ts'
import { withDeadline } from '../../time.ts'
import { openShardsOf, type Journal, type Shard } from '../catalog-state.ts'
import { byHost } from '../hosts/fleet.ts'
import type { CarrierOptions } from './carrier.ts'
import { parentsOf, type ReshardIntent } from './plan.ts'

/** Longest wait for a host's answer to where the load of a shard divides evenly. */
const BALANCE_DEADLINE_MS = 1_000

type Parts = Pick<CarrierOptions, 'catalog' | 'fleet' | 'time' | 'log'>

/** Returns the intents, with a point for each split without one: the hash key that divides the load evenly, if known. */
export function balanced(
  parts: Parts,
  streamId: number,
  intents: readonly ReshardIntent[],
): Promise<readonly ReshardIntent[]> {
  const open = openShardsOf(parts.catalog.state, streamId)
  return Promise.all(
    intents.map(async (intent) => {
      if (!('split' in intent) || intent.at.length > 0) return intent
      const shard = open.get(intent.split)
      const point = shard && (await balanceOf(parts, shard))
      return point === undefined ? intent : { ...intent, at: [point] }
    }),
  )
}

/** Returns the hash key that divides the load of a shard evenly; undefined, for a split in the middle, if unknown. */
async function balanceOf({ fleet, time, log }: Parts, shard: Shard): Promise<string | undefined> {
  const { streamId, index: shardIndex } = shard
  try {
    const { hostId } = fleet.hostOf(shard.ownerId)
    const asked = fleet.call(hostId, 'balanceOf', { streamId, shardIndex })
    const { startingHashKey } = await withDeadline(asked, time, BALANCE_DEADLINE_MS)
    if (startingHashKey === null) return undefined
    const range = { start: hashKeyFromHex(shard.startingHashKey), end: hashKeyFromHex(shard.endingHashKey) }
    return canSplitAt(range, hashKeyFromHex(startingHashKey)) ? startingHashKey : undefined
  } catch (error) {
    log.debug({ err: error, streamId, shardIndex }, 'splits in the middle: the load is not known')
    return undefined
  }
}

/**
 * Throws `invalidArgument` where a shard is too damaged to be served, because it could never be sealed; `unavailable` where
 * a host does not answer.
 */
export async function requireServed(
  { catalog, fleet }: Parts,
  streamId: number,
  intents: readonly ReshardIntent[],
): Promise<void> {
  const open = openShardsOf(catalog.state, streamId)
  const named = new Set(intents.flatMap(parentsOf))
  const shards = [...named].flatMap((index) => open.get(index) ?? [])
  await Promise.all(
    [...byHost(fleet, shards)].map(async ([hostId, there]) => {
      const asked = { streamId, shardIndexes: there.map(({ index }) => index) }
      const { shardIndexes } = await fleet.call(hostId, 'unservedShards', asked).catch((cause: unknown) => {
        if (!MillraceError.is(cause, 'outcomeUnknown')) throw cause
        // The call changes nothing, so its unknown outcome is no unknown outcome of the change.
        throw refusal('unavailable', `Host ${hostId} went down; nothing was changed.`, { cause })
      })
      const [unserved] = shardIndexes
      if (unserved === undefined) return
      const message = `${shardIdOf(unserved)} is not served by host ${hostId}, whose log says why: it cannot be changed.`
      throw refusal('invalidArgument', message)
    }),
  )
}

/** Throws `unavailable` where a host is down: parents would be sealed while their children could not be opened. */
export function requireHosts({ catalog, fleet }: Parts, streamId: number, { moves }: Journal): void {
  const open = openShardsOf(catalog.state, streamId)
  const changed = moves.flatMap(({ parents }) => parents.flatMap((index) => open.get(index) ?? []))
  const children = moves.flatMap((move) => move.children)
  const ownerIds = new Set([...changed, ...children].map(({ ownerId }) => ownerId))
  for (const ownerId of ownerIds) fleet.requireReady(fleet.hostOf(ownerId).hostId)
}
