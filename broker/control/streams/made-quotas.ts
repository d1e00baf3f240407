// The quotas of a principal on what it makes: streams, and the shards of its streams, whoever splits them. Runs in the
// controller; pure: a check returns nothing, or throws the error that the client gets. They are counted from the rows, each time
// that a principal with a quota makes something: that is rare, and flushed to the disk.
import type { Fail } from '../../../protocol/refusal.ts'
import { quotasOfPrincipal, type QuotaSettings } from '../../access/quotas/quotas.ts'
import { plannedShards, shardsOf, type CatalogState } from '../catalog-state.ts'

/** What a principal may make; Infinity: no quota. */
export interface MadeQuotas {
  /** Returns the quota of a principal. */
  mostOf(quota: 'streams' | 'shards' | 'groups', principal: string): number
}

export function madeQuotasOf(settings: QuotaSettings): MadeQuotas {
  return { mostOf: (quota, principal) => quotasOfPrincipal(settings, principal)[quota] }
}

/** Throws `limitExceeded` where the principal cannot have one more stream. */
export function checkMadeStreams(
  state: CatalogState,
  principal: string | undefined,
  quotas: MadeQuotas | undefined,
  fail: Fail<'limitExceeded'>,
): void {
  if (principal === undefined || quotas === undefined) return
  const most = quotas.mostOf('streams', principal)
  if (most === Infinity) return
  const made = madeBy(state, principal).length
  if (made < most) return
  fail('limitExceeded', quotaReached(principal, 'streams', most))
}

/** Throws `limitExceeded` where the streams of the principal cannot have so many shards more. */
export function checkMadeShards(
  state: CatalogState,
  principal: string | undefined,
  { made, quotas }: { readonly made: number; readonly quotas: MadeQuotas | undefined },
  fail: Fail<'limitExceeded'>,
): void {
  if (principal === undefined || quotas === undefined) return
  const most = quotas.mostOf('shards', principal)
  if (most === Infinity) return
  const ids = madeBy(state, principal)
  const shards = ids.reduce((sum, id) => sum + shardsOf(state, id).size + plannedShards(state, id).length, 0)
  if (shards + made <= most) return
  fail('limitExceeded', quotaReached(principal, 'shards', most))
}

/** Says that the quota is used up. */
export function quotaReached(
  principal: string,
  things: 'streams' | 'shards' | 'groups',
  most: number,
): string {
  return (
    `Principal ${principal} may have made ${most} ${things} at a time; that is its quota. ` +
    'Delete some, or ask whoever runs the broker for a larger quota.'
  )
}

function madeBy(state: CatalogState, principal: string): number[] {
  const made: number[] = []
  for (const { id, createdBy } of state.streams.values()) if (createdBy === principal) made.push(id)
  return made
}
