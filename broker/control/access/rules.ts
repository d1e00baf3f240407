// Who may change what about whom. Runs in the controller; pure. One rule underlies all: nobody gives, to himself or to others, by
// a grant or by a credential, what he may not pass on.
import { mayPassOn, type Grant } from '../../../protocol/access/grant.ts'
import { printGrant } from '../../../protocol/access/grant-text.ts'
import { ROOT } from '../../../protocol/access/principal-name.ts'
import { refusal } from '../../../protocol/refusal.ts'
import { quoteText } from '../../../protocol/text/text.ts'
import { EVERYTHING, mayEverything, type Identity } from '../../access/identity.ts'
import type { AccessState, Principal } from './state.ts'

/** Who asks. Where access is open and he has not said who he is, he is root. */
export type Asker = Pick<Identity, 'principal' | 'grants' | 'token'>

/** Returns the name of who asks; undefined for nobody: his session ended while his request waited for its turn. */
export function nameOf({ principal, grants }: Asker): string | undefined {
  return principal ?? (grants.length > 0 ? ROOT : undefined)
}

/** True if the grant counts at this time. */
export function isActive({ expiresAt }: { readonly expiresAt?: number | undefined }, now: number): boolean {
  return expiresAt === undefined || now < expiresAt
}

/** True if he may pass on anything at all. */
function isDelegator({ grants }: Asker, now: number): boolean {
  return grants.some((grant) => grant.actions.includes('admin') && isActive(grant, now))
}

/**
 * True if the asker may give credentials and grants to a principal: he may pass on all that it may do. One that may do nothing
 * belongs to who made it: what it is granted later must not fall to others.
 */
export function mayAdminister(state: AccessState, by: Asker, name: string, now: number): boolean {
  const principal = state.principal.get(name)
  if (principal === undefined) return isDelegator(by, now)
  const active = principal.grants.filter((grant) => isActive(grant, now))
  if (active.length === 0) return mayPassOn(by.grants, EVERYTHING, now) || isMaker(state, by, principal)
  return active.every((grant) => mayPassOn(by.grants, grant, now))
}

function isMaker(state: AccessState, by: Asker, { madeBy }: Principal): boolean {
  return (
    madeBy !== undefined &&
    madeBy.name === nameOf(by) &&
    state.principal.get(madeBy.name)?.createdAt === madeBy.createdAt
  )
}

/** True if the principal exists for the asker: it is himself, or he may administer it. */
export function isVisible(state: AccessState, by: Asker, name: string, now: number): boolean {
  return state.principal.has(name) && (name === nameOf(by) || mayAdminister(state, by, name, now))
}

/** Throws `permissionDenied` unless the asker may administer the principal, or make it where there is none. */
export function checkAdministers(state: AccessState, by: Asker, name: string, now: number): void {
  if (mayAdminister(state, by, name, now)) return
  // Who may pass on nothing is not told whether there is such a principal.
  const what = isDelegator(by, now)
    ? `a grant to pass on all that the principal ${name} may do, or '${printGrant(EVERYTHING)}'`
    : 'a grant of admin: who may pass on nothing changes and makes no principals'
  throw refusal('permissionDenied', `This takes ${what}.`)
}

/** Throws `permissionDenied` for the first grant that the asker may not pass on. */
export function checkPassesOn(by: Asker, grants: readonly Grant[], now: number): void {
  const wrong = grants.find((grant) => !mayPassOn(by.grants, grant, now))
  if (wrong === undefined) return
  const needed = printGrant({ ...wrong, actions: ['admin'] })
  const message = `To pass on ${quoteText(printGrant(wrong))} takes the grant ${quoteText(needed)}, for as long as it lasts.`
  throw refusal('permissionDenied', message)
}

/**
 * Throws `permissionDenied` unless the asker may say for whom a certificate stands. Its name is given by an authority, for all of the
 * broker: who may pass on a little could otherwise claim the names of others, and lock them out.
 */
export function checkNames(by: Asker, now: number): void {
  if (mayEverything(by, now)) return
  const message = `For whom a certificate stands is said by who has the grant '${printGrant(EVERYTHING)}'.`
  throw refusal('permissionDenied', message)
}

/**
 * Throws `permissionDenied` where the asker makes a credential for himself that outlives the token by which he asks: whoever gets
 * hold of a token for an hour must not have it for ever.
 */
export function checkOutlives(by: Asker, name: string, expiresAt: number | undefined): void {
  // Where access is open, who did not say who he is may do everything anyway.
  if (by.principal === undefined || name !== by.principal) return
  const { token } = by
  if (token === undefined) {
    const message = `A credential for ${name} itself is made by a token of ${name}; this session is known by a certificate.`
    throw refusal('permissionDenied', message)
  }
  const end = token.expiresAt
  if (end === undefined || (expiresAt !== undefined && expiresAt <= end)) return
  const message = `A credential for ${name} itself ends no later than the token that asks for it, at ${new Date(end).toISOString()}.`
  throw refusal('permissionDenied', message)
}
