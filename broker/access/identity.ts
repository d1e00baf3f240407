// Who asks on a session, and what he may do. Runs in every process that listens; pure. A session has one identity at a time,
// which is replaced as a whole when the principal's grants change.
import {
  allows,
  includes,
  matches,
  type Action,
  type Grant,
  type ResourceKind,
} from '../../protocol/access/grant.ts'
import type { Clock } from '../time.ts'

export interface Identity {
  /** Name of the principal; undefined where access is open and nobody said who he is. */
  readonly principal: string | undefined
  /** What he may do; expired grants may be among them. */
  readonly grants: readonly Grant[]
  /** The token that identifies him, or who acts as him; undefined where it is something else. */
  readonly token: { readonly id: string; readonly expiresAt: number | undefined } | undefined
  /** Name of the principal that acts as him; undefined where he asks himself. */
  readonly actor?: string | undefined
  /** True if the action on the thing of this name is granted at this moment. */
  may(action: Action, kind: ResourceKind, name: string): boolean
  /**
   * The names of a kind on which the action is granted, `describe` by default: exact names, and prefixes that end in `*`; sorted by `<`, and none within another.
   * A list that walks them reads nothing that it does not show.
   */
  shown(kind: ResourceKind, action?: Action): readonly string[]
  /** Rises when a grant ends by its time: what was decided under another number no longer holds. */
  readonly standing: number
}

const everything = ['*']

/** What root has: everything, and it may pass on all of it. */
export const EVERYTHING: Grant = { kind: '*', pattern: '*', actions: ['admin'] }

/** True if the holder of these grants may do everything at this moment, and so act as anybody. */
export function mayEverything({ grants }: Pick<Identity, 'grants'>, now: number): boolean {
  return grants.some(
    ({ kind, actions, expiresAt = Infinity }) => kind === '*' && actions.includes('admin') && now < expiresAt,
  )
}

/** Everyone who reaches a process where access is open: may do everything. */
export const anyone: Identity = {
  principal: undefined,
  grants: [EVERYTHING],
  token: undefined,
  may: () => true,
  shown: () => everything,
  standing: 0,
}

/** A peer of whom it is not known yet who he is, where that is required: may do nothing. */
export const nobody: Identity = {
  principal: undefined,
  grants: [],
  token: undefined,
  may: () => false,
  shown: () => [],
  standing: 0,
}

/**
 * A principal with its grants, by a clock of milliseconds since the epoch. `token`: what identifies it, if that is a token;
 * `actor`: whose token it is, if another acts as the principal.
 */
export function identityOf(
  principal: string,
  grants: readonly Grant[],
  now: Clock,
  { token, actor }: Partial<Pick<Identity, 'token' | 'actor'>> = {},
): Identity {
  return new Grantee(principal, grants, now, { token, actor })
}

class Grantee implements Identity {
  readonly principal: string
  readonly token: Identity['token']
  readonly actor: string | undefined
  /** Those that have not ended; those that end, the soonest first. */
  #grants: readonly Grant[]
  readonly #now: Clock
  #standing = 0
  #nextEnd: number
  #shown = new Map<string, readonly string[]>()

  constructor(
    principal: string,
    grants: readonly Grant[],
    now: Clock,
    { token, actor }: Partial<Pick<Identity, 'token' | 'actor'>>,
  ) {
    this.principal = principal
    this.token = token
    this.actor = actor
    this.#grants = grants
    this.#now = now
    this.#nextEnd = firstEnd(grants)
  }

  get grants(): readonly Grant[] {
    return this.#grants
  }

  get standing(): number {
    // Most grants have no end, and then the clock is not asked: data requests come here.
    if (this.#nextEnd !== Infinity) this.#drop(this.#now())
    return this.#standing
  }

  may(action: Action, kind: ResourceKind, name: string): boolean {
    const now = this.#nextEnd === Infinity ? 0 : this.#now()
    return allows(this.#grants, { kind, name, action, now })
  }

  shown(kind: ResourceKind, action: Action = 'describe'): readonly string[] {
    void this.standing
    const known = this.#shown.get(`${kind} ${action}`)
    if (known !== undefined) return known
    const about = this.#grants.filter((grant) => grant.kind === kind || grant.kind === '*')
    const patterns = about.filter(({ actions }) => includes(actions, action)).map(({ pattern }) => pattern)
    const shown = disjoint(patterns)
    this.#shown.set(`${kind} ${action}`, shown)
    return shown
  }

  #drop(now: number): void {
    if (now < this.#nextEnd) return
    this.#grants = this.#grants.filter(({ expiresAt = Infinity }) => now < expiresAt)
    this.#nextEnd = firstEnd(this.#grants)
    this.#shown = new Map()
    this.#standing++
  }
}

function firstEnd(grants: readonly Grant[]): number {
  return grants.reduce((first, { expiresAt = Infinity }) => Math.min(first, expiresAt), Infinity)
}

/** Leaves out patterns that lie within another. */
function disjoint(patterns: readonly string[]): readonly string[] {
  const prefixes = new Set(patterns.filter((pattern) => pattern.endsWith('*')))
  const isWithin = (pattern: string): boolean => {
    const name = pattern.endsWith('*') ? pattern.slice(0, -1) : pattern
    return [...prefixes].some((prefix) => prefix !== pattern && matches(prefix, name))
  }
  const found = [...new Set(patterns)].filter((pattern) => !isWithin(pattern))
  // A prefix stands where its first name would.
  return found.toSorted((a, b) => (bareOf(a) < bareOf(b) ? -1 : 1))
}

function bareOf(pattern: string): string {
  return pattern.endsWith('*') ? pattern.slice(0, -1) : pattern
}
