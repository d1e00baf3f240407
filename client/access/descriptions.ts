// Principals, grants and credentials as people see them: with dates, and grants as text or objects. Runs in the client, pure.
import type { Action, Grant as HeldGrant, GrantKind } from '../../protocol/access/grant.ts'
import { parseGrant, wrongWith } from '../../protocol/access/grant-text.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { WireCredential, WireGrant, WirePrincipal } from '../../protocol/operations.ts'
import { quoteText } from '../../protocol/text/text.ts'

/** Actions on one thing, or on all whose names begin with a prefix. */
export interface Grant {
  /** What kind of thing it is about; `*` for all kinds. */
  readonly kind: GrantKind
  /** An exact name, or a prefix that ends in `*`. A document's name is `kind/name`. */
  readonly pattern: string
  /** What is granted. `read`, `write` and `manage` include `describe`; `admin` includes all, and passing grants on. */
  readonly actions: readonly Action[]
  /** From when on it counts for nothing; undefined: never. */
  readonly expiresAt: Date | undefined
}

/** A grant as an object: the kind is `stream` unless it is given. */
export interface GrantFields {
  /** What kind of thing it is about; `*` for all kinds. */
  readonly kind?: GrantKind
  /** An exact name, or a prefix that ends in `*`. */
  readonly pattern: string
  /** What is granted. */
  readonly actions: readonly Action[]
  /** From when on it counts for nothing: a Date, or milliseconds since the epoch. */
  readonly expiresAt?: Date | number | undefined
}

/** A grant as text, `[kind:]pattern:actions` as in `orders-*:read,write`, or as an object. */
export type GrantInput = string | GrantFields

/** Someone who may use the broker, and what he may do. */
export interface Principal {
  /** Its name. */
  readonly name: string
  /** When it was made. */
  readonly createdAt: Date
  /** What it may do. */
  readonly grants: readonly Grant[]
  /** Names in client certificates that stand for it, with their types: `DNS:shop.example.org`. */
  readonly certificateNames: readonly string[]
  /** How many tokens it has. */
  readonly tokens: number
  /** How many access keys it has. */
  readonly accessKeys: number
}

/** A token or an access key, without its secret. */
export interface CredentialDescription {
  /** Its public id. */
  readonly id: string
  /** The principal that it identifies. */
  readonly principal: string
  /** What it is for. */
  readonly description: string
  /** When it was made. */
  readonly createdAt: Date
  /** From when on it is refused; undefined: never. */
  readonly expiresAt: Date | undefined
  /** When it was last used, to within a minute; undefined: never. */
  readonly lastUsedAt: Date | undefined
}

export function principalOf({ createdAt, grants, ...wire }: WirePrincipal): Principal {
  return { ...wire, createdAt: new Date(createdAt), grants: grants.map(grantOf) }
}

function grantOf({ expiresAt, ...wire }: WireGrant): Grant {
  return { ...wire, expiresAt: dateOf(expiresAt) }
}

/** A grant as `allows` takes it. */
export function heldGrant({ kind, pattern, actions, expiresAt }: Grant): HeldGrant {
  return { kind, pattern, actions, expiresAt: expiresAt?.getTime() }
}

export function credentialOf({
  createdAt,
  expiresAt,
  lastUsedAt,
  ...wire
}: WireCredential): CredentialDescription {
  return {
    ...wire,
    createdAt: new Date(createdAt),
    expiresAt: dateOf(expiresAt),
    lastUsedAt: dateOf(lastUsedAt),
  }
}

/** Returns the grant as it is sent. Throws `invalidArgument` for text that is none, and for an object that makes none. */
export function wireGrant(input: GrantInput): WireGrant {
  if (typeof input === 'string') return { ...parseGrant(input), expiresAt: undefined }
  const { kind = 'stream', pattern, actions, expiresAt } = input
  const grant: HeldGrant = { kind, pattern, actions }
  const wrong = wrongWith(grant)
  if (wrong === undefined) return { kind, pattern, actions, expiresAt: timeOf(expiresAt) }
  throw new MillraceError('invalidArgument', `The grant on ${quoteText(pattern)} cannot be given: ${wrong}.`)
}

/** Returns milliseconds since the epoch. */
export function timeOf(moment: Date | number | undefined): number | undefined {
  return moment === undefined ? undefined : Number(moment)
}

function dateOf(timeMs: number | undefined): Date | undefined {
  return timeMs === undefined ? undefined : new Date(timeMs)
}
