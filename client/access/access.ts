// The calls about principals, their grants and their credentials: thin requests to the controller. Runs in the client.
import type { ControlPlane } from '../connecting/control-plane.ts'
import { checkArgument, checkOptions } from '../options/check.ts'
import type { CallOptions } from '../settings.ts'
import { listing, type Listing } from '../streams/listing.ts'
import {
  credentialOf,
  principalOf,
  timeOf,
  wireGrant,
  type CredentialDescription,
  type GrantInput,
  type Principal,
} from './descriptions.ts'

/** What a new access key is for, and how long it lasts. */
export interface CreateAccessKeyOptions extends CallOptions {
  /** What it is for, for people. */
  readonly description?: string
  /** From when on it is refused: a Date, or milliseconds since the epoch. Never, by default. */
  readonly expiresAt?: Date | number | undefined
}

/** What a new token is for, how long it lasts, and what its principal may do from now on. */
export interface CreateTokenOptions extends CreateAccessKeyOptions {
  /** Grants that the principal gets in addition to those that it has. */
  readonly grants?: readonly GrantInput[]
}

/** A token that was made. */
export interface NewToken {
  /** Its public id, as lists show it. */
  readonly id: string
  /** The token. It is told once: the broker keeps a hash of it. */
  readonly token: string
}

/** An access key that was made. */
export interface NewAccessKey {
  /** Its public id. */
  readonly id: string
  /** The secret that signs requests. It is told once. */
  readonly secret: string
}

/** Selects credentials. */
export interface CredentialsWhere extends CallOptions {
  /** Those of this principal; of all that may be seen by default. */
  readonly principal?: string
}

/** How a principal is changed. Grants are removed before others are added. */
export interface PrincipalChanges extends CallOptions {
  /** Grants that it gets. */
  readonly add?: readonly GrantInput[]
  /** Every grant of the same kind and pattern loses these actions. */
  readonly remove?: readonly GrantInput[]
  /** All names in client certificates that stand for it, with their types: `DNS:shop.example.org`. No change by default. */
  readonly certificateNames?: readonly string[]
}

/** What a key that verifies signatures is good for: one day, region and service. */
export interface SigningScope extends CallOptions {
  /** The day, YYYYMMDD. */
  readonly date: string
  /** Region of the credential scope. */
  readonly region: string
  /** Service of the credential scope. */
  readonly service: string
}

/** The key that verifies signatures of one access key, on one day. */
export interface SigningKey {
  /** 32 bytes. */
  readonly key: Uint8Array
  /** The principal that the access key identifies. */
  readonly principal: string
}

/**
 * The calls about principals, their grants and their credentials: `client.access`. Each rejects with `permissionDenied` for what
 * the caller may not pass on. A change is answered when it is on disk and every process of the broker that runs enforces it.
 */
export class Access {
  readonly #control: ControlPlane

  constructor(control: ControlPlane) {
    this.#control = control
  }

  /**
   * Makes a token for a principal, which is made with it where there is none. Without grants it is one more token for the same
   * principal, which may also be the caller itself: it then ends no later than the token that asks for it.
   */
  async createToken(principal: string, options: CreateTokenOptions = {}): Promise<NewToken> {
    checkArgument('principal', principal)
    checkOptions('createToken', options)
    const { description = '', expiresAt, grants = [], signal } = options
    const request = { principal, description, expiresAt: timeOf(expiresAt), grants: grants.map(wireGrant) }
    return this.#control.call('createToken', request, signal)
  }

  /** Lists tokens by their ids, without their secrets: use `for await`, or `.page()`. */
  listTokens(options: CredentialsWhere = {}): Listing<CredentialDescription> {
    checkOptions('listTokens', options)
    return this.#list('listTokens', options)
  }

  /** Revokes a token: sessions that began with it end. Rejects with `credentialNotFound`. */
  async revokeToken(id: string, options: CallOptions = {}): Promise<void> {
    checkArgument('id', id)
    checkOptions('revokeToken', options)
    await this.#control.call('revokeToken', { id }, options.signal)
  }

  /** Makes an access key for a principal. Rejects with `principalNotFound`. */
  async createAccessKey(principal: string, options: CreateAccessKeyOptions = {}): Promise<NewAccessKey> {
    checkArgument('principal', principal)
    checkOptions('createAccessKey', options)
    const { description = '', expiresAt, signal } = options
    const request = { principal, description, expiresAt: timeOf(expiresAt) }
    return this.#control.call('createAccessKey', request, signal)
  }

  /** Lists access keys by their ids, without their secrets: use `for await`, or `.page()`. */
  listAccessKeys(options: CredentialsWhere = {}): Listing<CredentialDescription> {
    checkOptions('listAccessKeys', options)
    return this.#list('listAccessKeys', options)
  }

  /** Revokes an access key. Rejects with `credentialNotFound`. */
  async revokeAccessKey(id: string, options: CallOptions = {}): Promise<void> {
    checkArgument('id', id)
    checkOptions('revokeAccessKey', options)
    await this.#control.call('revokeAccessKey', { id }, options.signal)
  }

  /** Lists principals by name, those that the caller may give grants to and itself: use `for await`, or `.page()`. */
  listPrincipals(options: CallOptions = {}): Listing<Principal> {
    checkOptions('listPrincipals', options)
    return listing<Principal>(options, {
      operation: 'listPrincipals',
      fetch: async ({ limit, after, signal }) => {
        const request = { limit: Math.min(limit, PRINCIPALS_MAX), exclusiveStartName: after }
        const { principals, hasMore } = await this.#control.call('listPrincipals', request, signal)
        return { items: principals.map(principalOf), hasMore }
      },
      placeOf: ({ name }) => name,
      isBehind: (name, other) => name > other,
    })
  }

  /** Describes a principal; without a name, the caller itself. Rejects with `principalNotFound`. */
  async describePrincipal(name?: string, options: CallOptions = {}): Promise<Principal> {
    if (name !== undefined) checkArgument('principal', name)
    checkOptions('describePrincipal', options)
    const { principal } = await this.#control.call('describePrincipal', { name }, options.signal)
    return principalOf(principal)
  }

  /** Gives grants to a principal and takes grants from it, or makes it where there is none. Its open sessions follow. */
  async updatePrincipal(name: string, changes: PrincipalChanges = {}): Promise<Principal> {
    checkArgument('principal', name)
    checkOptions('updatePrincipal', changes)
    const { add = [], remove = [], certificateNames, signal } = changes
    const request = { name, add: add.map(wireGrant), remove: remove.map(wireGrant), certificateNames }
    return principalOf((await this.#control.call('updatePrincipal', request, signal)).principal)
  }

  /** Deletes a principal with its grants and credentials: its sessions end. Rejects with `principalNotFound`. */
  async deletePrincipal(name: string, options: CallOptions = {}): Promise<void> {
    checkArgument('principal', name)
    checkOptions('deletePrincipal', options)
    await this.#control.call('deletePrincipal', { name }, options.signal)
  }

  /**
   * Derives what verifies signed requests (Signature Version 4) of an access key, for programs that serve such requests. For
   * principals that may do everything. Rejects with `credentialNotFound`.
   */
  async signingKey(id: string, scope: SigningScope): Promise<SigningKey> {
    checkArgument('id', id)
    checkOptions('signingKey', scope)
    const { date, region, service, signal } = scope
    const answer = await this.#control.call('signingKey', { id, date, region, service }, signal)
    // The answer's bytes lie in the received frame.
    return { key: Uint8Array.from(answer.key), principal: answer.principal }
  }

  #list(
    operation: 'listTokens' | 'listAccessKeys',
    { principal, ...options }: CredentialsWhere,
  ): Listing<CredentialDescription> {
    return listing<CredentialDescription>(options, {
      operation,
      fetch: async ({ limit, after, signal }) => {
        const request = { limit, exclusiveStartId: after, principal }
        const { credentials, hasMore } = await this.#control.call(operation, request, signal)
        return { items: credentials.map(credentialOf), hasMore }
      },
      placeOf: ({ id }) => id,
      isBehind: (id, other) => id > other,
    })
  }
}

/** Principals in one answer, at most: each may have many grants. */
const PRINCIPALS_MAX = 100
