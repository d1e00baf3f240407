// What a principal may do: grants of actions on names, and the two questions asked of them. Runs anywhere, pure.
// A grant names one thing or all things that begin with a prefix; nothing is granted by default, and no grant takes away.

/** Kinds of things that have names of their own. A document's name is `kind/name`; the broker has none, and is written `*`. */
export const resourceKinds = ['stream', 'group', 'document', 'broker'] as const
export type ResourceKind = (typeof resourceKinds)[number]

/** Kinds as a grant names them; `*` stands for all of them. */
export const grantKinds = [...resourceKinds, '*'] as const
export type GrantKind = (typeof grantKinds)[number]

/**
 * What can be done. describe: see that it exists, its settings and its figures. read: its records, its documents' contents, take
 * part in a group. write: append records, put documents. manage: create, change, reshard, reset, delete. admin: all of it, and
 * pass it on to others.
 */
export const actions = ['describe', 'read', 'write', 'manage', 'admin'] as const
export type Action = (typeof actions)[number]

/** Actions on one thing, or on all whose names begin with a prefix. */
export interface Grant {
  readonly kind: GrantKind
  /** An exact name, or a prefix that ends in `*`. */
  readonly pattern: string
  readonly actions: readonly Action[]
  /** Milliseconds since the epoch from which it counts for nothing; absent: never. */
  readonly expiresAt?: number | undefined
}

/** What each action includes beside itself. */
const included: Readonly<Record<Action, readonly Action[]>> = {
  describe: [],
  read: ['describe'],
  write: ['describe'],
  manage: ['describe'],
  admin: ['describe', 'read', 'write', 'manage'],
}

/** True if one of the actions is, or includes, the wanted one. */
export function includes(given: readonly Action[], wanted: Action): boolean {
  return given.some((action) => action === wanted || included[action].includes(wanted))
}

/** True if the pattern names this thing. */
export function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}

/** True if the grants allow the action on the thing at this time. */
export function allows(
  grants: readonly Grant[],
  { kind, name, action, now }: { kind: ResourceKind; name: string; action: Action; now: number },
): boolean {
  return grants.some(
    (grant) =>
      (grant.kind === kind || grant.kind === '*') &&
      includes(grant.actions, action) &&
      matches(grant.pattern, name) &&
      (grant.expiresAt === undefined || now < grant.expiresAt),
  )
}

/**
 * True if a holder of `held` may pass `given` on: an admin grant of his covers every name of it, and lasts as long. Several
 * narrow grants never add up to a wider one.
 */
export function mayPassOn(held: readonly Grant[], given: Grant, now: number): boolean {
  return held.some(
    (grant) =>
      (grant.kind === given.kind || grant.kind === '*') &&
      grant.actions.includes('admin') &&
      coversPattern(grant.pattern, given.pattern) &&
      (grant.expiresAt === undefined ||
        (now < grant.expiresAt && given.expiresAt !== undefined && given.expiresAt <= grant.expiresAt)),
  )
}

function coversPattern(wide: string, narrow: string): boolean {
  if (!wide.endsWith('*')) return narrow === wide
  const name = narrow.endsWith('*') ? narrow.slice(0, -1) : narrow
  return name.startsWith(wide.slice(0, -1))
}
