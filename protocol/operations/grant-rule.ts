// What an operation asks of the principal that sends it: a column of the table of operations. Runs anywhere, pure data and types.
// Every operation has it, so that a new one cannot be forgotten; the gate of each process, the documentation and the test that
// tries all operations with all identities derive from it.
import type { Action, ResourceKind } from '../access/grant.ts'

/** Kinds of things that a request or an answer names. */
export type NamedKind = Exclude<ResourceKind, 'broker'>

/**
 * How a name is refused that the sender may not describe: with the error, the text and the path of a name that does not exist.
 * `permissionDenied` where the operation would make what it does not find, or succeeds without it: it does not look.
 */
export type HiddenAs =
  | 'streamNotFound'
  | 'groupNotFound'
  | 'documentNotFound'
  | 'memberNotFound'
  | 'shardNotFound'
  | 'permissionDenied'

export type GrantRule =
  /** Served before a principal is known: it begins the session, or keeps it alive. */
  | { readonly rule: 'everyone' }
  /** Touches only what this session began itself. */
  | { readonly rule: 'ownSession' }
  /**
   * The action on every thing that the request names. `at`: where it names them, a field or `list.field`; several fields joined
   * by `/` make one name. `by`: as a name, or as the id of a stream. `each`: every item is answered by itself, and only those
   * that are not allowed are refused. `hidden`: what is said of a name that the sender may not describe.
   */
  | {
      readonly rule: 'may'
      readonly action: Action
      readonly on: NamedKind
      readonly at: string
      readonly by: 'name' | 'id'
      readonly hidden: HiddenAs
      readonly each?: true
    }
  /** The action on the broker as a whole. */
  | { readonly rule: 'mayBroker'; readonly action: Action }
  /** Answers only with things on which the principal has the action; `at`: the list in the answer, and the field of the name in it. */
  | {
      readonly rule: 'shows'
      readonly action: 'describe' | 'read'
      readonly on: NamedKind
      readonly at: string
    }
  /** About principals: the sender may do it to itself where that takes something away, and to those whose grants it may pass on. */
  | { readonly rule: 'delegates' }

export const everyone = { rule: 'everyone' } as const satisfies GrantRule
export const ownSession = { rule: 'ownSession' } as const satisfies GrantRule
export const delegates = { rule: 'delegates' } as const satisfies GrantRule

const notFound = {
  stream: 'streamNotFound',
  group: 'groupNotFound',
  document: 'documentNotFound',
} as const satisfies Record<NamedKind, HiddenAs>

/** The action on the things that the request names in a field. */
export function may<const A extends Action, const K extends NamedKind, const F extends string>(
  action: A,
  on: K,
  at: F,
) {
  return { rule: 'may', action, on, at, by: 'name', hidden: notFound[on] } as const
}

/** As `may`, for an operation that makes the thing where there is none, or succeeds without it. */
export function mayMake<const A extends Action, const K extends NamedKind, const F extends string>(
  action: A,
  on: K,
  at: F,
) {
  return { rule: 'may', action, on, at, by: 'name', hidden: 'permissionDenied' } as const
}

/** The request comes from a member of a group: it names both, and needs to read the group. */
export const mayAsMember = {
  rule: 'may',
  action: 'read',
  on: 'group',
  at: 'group',
  by: 'name',
  hidden: 'memberNotFound',
} as const satisfies GrantRule

/** The action on the streams whose ids the request has in a field. */
export function mayId<const A extends Action, const F extends string>(action: A, at: F) {
  return { rule: 'may', action, on: 'stream', at, by: 'id', hidden: 'shardNotFound' } as const
}

/** As `mayId`, for requests whose items are answered one by one. */
export function mayEachId<const A extends Action, const F extends string>(action: A, at: F) {
  return { rule: 'may', action, on: 'stream', at, by: 'id', hidden: 'shardNotFound', each: true } as const
}

export function mayBroker<const A extends Action>(action: A) {
  return { rule: 'mayBroker', action } as const
}

export function shows<const K extends NamedKind, const F extends string>(on: K, at: F) {
  return { rule: 'shows', action: 'describe', on, at } as const
}

/** As `shows`, for lists that tell what is in the things. */
export function showsContents<const K extends NamedKind, const F extends string>(on: K, at: F) {
  return { rule: 'shows', action: 'read', on, at } as const
}
