// The policy: who there is, what each may do, and what proves who asks. Runs in every process that listens; pure and immutable.
// The controller makes it of its rows and gives it to every host; a change makes a new one. It holds hashes of tokens, no secrets.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Grant } from '../../protocol/access/grant.ts'
import { printGrant } from '../../protocol/access/grant-text.ts'
import { parseToken } from '../../protocol/access/token.ts'
import type { Clock } from '../time.ts'
import { EVERYTHING, identityOf, mayEverything, type Identity } from './identity.ts'

/** open: everyone who reaches the port may do everything. required: everyone must say who he is. */
export type Access = 'open' | 'required'

/** A policy as plain data, for channels between processes. */
export interface PolicyData {
  /** Rises with every change. */
  readonly version: number
  readonly access: Access
  readonly principals: readonly PolicyPrincipal[]
  readonly tokens: readonly PolicyToken[]
}

export interface PolicyPrincipal {
  readonly name: string
  readonly grants: readonly Grant[]
  /** Subject alternative names of client certificates that stand for it, with their type: `DNS:shop.example.org`. */
  readonly certificateNames: readonly string[]
}

export interface PolicyToken {
  readonly id: string
  readonly principal: string
  /** SHA-256 of the secret, in hex. */
  readonly secretHash: string
  readonly expiresAt?: number | undefined
}

/** What proves who asks, once it was checked. */
export type Credential = TokenCredential | CertificateCredential

export interface TokenCredential {
  readonly is: 'token'
  readonly id: string
  readonly principal: string
  readonly expiresAt: number | undefined
}

interface CertificateCredential {
  readonly is: 'certificate'
  readonly names: readonly string[]
  readonly principal: string
}

/** The outcome of a check: what was proved, or a sentence that says why not. */
type Verdict = { readonly credential: TokenCredential } | { readonly refused: string }

interface KnownToken extends PolicyToken {
  readonly hash: Uint8Array
}

/** Compared with where there is no token of the id, so that a wrong id takes as long as a wrong secret. */
const NO_HASH = new Uint8Array(32)
const NO_TOKEN = { id: undefined, expiresAt: undefined }
const WRONG = "This broker does not know the token: it is wrong, was revoked, or is another broker's."

export class Policy {
  readonly version: number
  readonly access: Access
  readonly #principals: ReadonlyMap<string, PolicyPrincipal>
  readonly #tokens: ReadonlyMap<string, KnownToken>
  /** Principals by certificate name. */
  readonly #certificates: ReadonlyMap<string, string>

  /** `before`: the policy that this one replaces; grants that have not changed are shared with it. */
  constructor({ version, access, principals, tokens }: PolicyData, before?: Policy) {
    this.version = version
    this.access = access
    this.#principals = new Map(
      principals.map((principal) => {
        const known = before?.grantsOf(principal.name)
        const isKnown = known !== undefined && isSame(known, principal.grants)
        return [principal.name, isKnown ? { ...principal, grants: known } : principal]
      }),
    )
    this.#tokens = new Map(
      tokens.map((token) => [token.id, { ...token, hash: Buffer.from(token.secretHash, 'hex') }]),
    )
    this.#certificates = new Map(
      principals.flatMap(({ name, certificateNames }) => certificateNames.map((of) => [of, name] as const)),
    )
  }

  /** Checks a token as it was sent, in a time that does not tell whether its id or its secret is wrong. */
  verify(text: string, now: number): Verdict {
    const parts = parseToken(text)
    // The text is not quoted: it may be a mistyped token.
    if (parts === undefined) return { refused: 'What was sent is no token: one reads mr_<id>_<secret>.' }
    const token = this.#tokens.get(parts.id)
    const isRight = timingSafeEqual(secretHashOf(parts.secret), token?.hash ?? NO_HASH)
    if (!isRight || token === undefined || !this.#principals.has(token.principal)) return { refused: WRONG }
    const { id, principal, expiresAt } = token
    if (isOver(expiresAt, now)) return { refused: expiredText(id) }
    return { credential: { is: 'token', id, principal, expiresAt } }
  }

  /** Returns what the verified names of a client certificate prove; undefined where they name no principal, or several. */
  certified(names: readonly string[]): Credential | undefined {
    const principals = new Set(names.flatMap((name) => this.#certificates.get(name) ?? []))
    const [principal] = principals
    if (principal === undefined || principals.size > 1) return undefined
    return { is: 'certificate', names, principal }
  }

  /** Returns why what was proved earlier counts for nothing now, as a sentence; undefined while it counts. */
  lapseOf(credential: Credential, now: number): string | undefined {
    const { principal } = credential
    if (!this.#principals.has(principal)) return `The principal ${principal} was deleted.`
    if (credential.is === 'certificate') {
      if (this.certified(credential.names)?.principal === principal) return undefined
      return `The client certificate no longer stands for the principal ${principal}.`
    }
    const token = this.#tokens.get(credential.id)
    if (token === undefined) return `The token ${credential.id} was revoked.`
    return isOver(token.expiresAt, now) ? expiredText(credential.id) : undefined
  }

  /** Returns the grants of a principal; undefined where there is none of the name. */
  grantsOf(principal: string): readonly Grant[] | undefined {
    return this.#principals.get(principal)?.grants
  }

  /**
   * Returns what the principal may do, by the clock at each question; with `actsAs`, what that other one may. The credential must
   * count, and so must the right to act as another.
   */
  identityOf(credential: Credential, now: Clock, actsAs?: string): Identity {
    const principal = actsAs ?? credential.principal
    const grants = this.grantsOf(principal) ?? []
    const { id, expiresAt } = credential.is === 'token' ? credential : NO_TOKEN
    const token = id === undefined ? undefined : { id, expiresAt }
    return identityOf(principal, grants, now, { token, actor: actsAs && credential.principal })
  }

  /** Returns why the principal may not act as another, or not any more, as a sentence; undefined where it may. */
  whyNotAct(principal: string, now: number): string | undefined {
    if (mayEverything({ grants: this.grantsOf(principal) ?? [] }, now)) return undefined
    return `To act as another principal takes the grant '${printGrant(EVERYTHING)}', which ${principal} lacks.`
  }
}

/** The policy of a broker that has none: everyone may do everything. */
export const openPolicyData: PolicyData = {
  version: 0,
  access: 'open',
  principals: [{ name: 'root', grants: [EVERYTHING], certificateNames: [] }],
  tokens: [],
}
export const openPolicy = new Policy(openPolicyData)

/** SHA-256 of a token's secret. It is 32 random bytes, which no guessing finds, so it needs no slow hash. */
export function secretHashOf(secret: Uint8Array): Buffer {
  return createHash('sha256').update(secret).digest()
}

function isSame(some: readonly Grant[], others: readonly Grant[]): boolean {
  return some.length === others.length && some.every((grant, i) => isSameGrant(grant, others[i]!))
}

function isSameGrant(a: Grant, b: Grant): boolean {
  return (
    a.kind === b.kind &&
    a.pattern === b.pattern &&
    a.expiresAt === b.expiresAt &&
    a.actions.length === b.actions.length &&
    a.actions.every((action, i) => action === b.actions[i])
  )
}

function isOver(expiresAt: number | undefined, now: number): boolean {
  return expiresAt !== undefined && now >= expiresAt
}

function expiredText(id: string): string {
  return `The token ${id} has expired.`
}
