// Lists of grants: checked, joined and cut. Runs in the controller; pure. A list has at most one grant for each kind, pattern and
// end, and none that has expired.
import type { Action, Grant } from '../../../protocol/access/grant.ts'
import { wrongWith } from '../../../protocol/access/grant-text.ts'
import { refusal } from '../../../protocol/refusal.ts'
import { quoteText, surrogateFault } from '../../../protocol/text/text.ts'
import type { Principal } from './state.ts'
import { isActive } from './rules.ts'

type StoredGrant = Principal['grants'][number]

/** Throws `invalidArgument` for a grant that is none, or that has expired. */
export function checkGrants(grants: readonly Grant[], now: number): void {
  for (const grant of grants) {
    const wrong =
      wrongWith(grant) ??
      (isPrintable(grant.pattern) ? undefined : 'a pattern has no control characters, and is valid text') ??
      (isActive(grant, now) ? undefined : 'it has expired already')
    if (wrong !== undefined) {
      throw refusal('invalidArgument', `The grant on ${quoteText(grant.pattern)} cannot be given: ${wrong}.`)
    }
  }
}

function isPrintable(text: string): boolean {
  return !/\p{Cc}/u.test(text) && surrogateFault(text) === undefined
}

/** Returns the grants with others added, without those that have expired. */
export function withGrants(held: readonly Grant[], added: readonly Grant[], now: number): StoredGrant[] {
  const joined = new Map<string, StoredGrant>()
  for (const { kind, pattern, actions, expiresAt } of [...held, ...added]) {
    if (!isActive({ expiresAt }, now)) continue
    const key = JSON.stringify([kind, pattern, expiresAt])
    const all = new Set<Action>([...(joined.get(key)?.actions ?? []), ...actions])
    joined.set(key, { kind, pattern, actions: [...all], ...(expiresAt !== undefined && { expiresAt }) })
  }
  return [...joined.values()]
}

/** Returns the grants where every one of the kind and pattern of a removed one has lost its actions. */
export function withoutGrants(held: readonly Grant[], removed: readonly Grant[]): readonly Grant[] {
  return held.flatMap((grant) => {
    const lost = removed
      .filter(({ kind, pattern }) => kind === grant.kind && pattern === grant.pattern)
      .flatMap(({ actions }) => actions)
    const actions = grant.actions.filter((action) => !lost.includes(action))
    return actions.length === 0 ? [] : [{ ...grant, actions }]
  })
}
