// Who is at the other end of one session: what he has proved, and what he may do by the policy of the moment. Runs in every
// process that listens; pure.
import { refusal } from '../../protocol/refusal.ts'
import type { Clock } from '../time.ts'
import { anyone, nobody, type Identity } from './identity.ts'
import type { Credential, Policy } from './policy.ts'

/** How a connection came. */
export interface Arrival {
  /** True if nobody on the way can read it: TLS, this machine, or this process. A token may then be sent. */
  readonly isPrivate: boolean
  /**
   * Subject alternative names, with their types, of the client certificate that was verified; none where there was none. They are
   * known when the handshake is over, and so not before the first request.
   */
  readonly certificateNames: readonly string[]
}

/** Who sent a token. */
export interface TokenBearer {
  readonly tokenId: string
  readonly principal: string
  /** When the token expires, in milliseconds since the epoch; undefined: never. */
  readonly expiresAt: number | undefined
}

export class Bearer {
  readonly #arrival: Arrival
  readonly #now: Clock
  #policy: Policy
  #credential: Credential | undefined
  #identity: Identity

  constructor(arrival: Arrival, policy: Policy, now: Clock) {
    this.#arrival = arrival
    this.#now = now
    this.#policy = policy
    this.#identity = this.#identify()
  }

  /** Looks at the client certificate. Called with the first request; a handshake, if there is one, is over by then. */
  begin(): void {
    this.#credential ??= this.#policy.certified(this.#arrival.certificateNames)
    this.#identity = this.#identify()
  }

  get identity(): Identity {
    return this.#identity
  }

  /** False while it must be said first who asks. */
  get isKnown(): boolean {
    return this.#credential !== undefined || this.#policy.access === 'open'
  }

  /** Takes a token. Throws `unauthenticated`, or `invalidArgument` for the token of another principal than before. */
  authenticate(token: string): TokenBearer {
    if (!this.#arrival.isPrivate) {
      const message =
        'A token is taken over TLS, or from the machine of the broker: others on the way could read it here. ' +
        'Connect by millraces://, and revoke this token.'
      throw refusal('unauthenticated', message)
    }
    const verdict = this.#policy.verify(token, this.#now())
    if ('refused' in verdict) throw refusal('unauthenticated', verdict.refused)
    const { credential } = verdict
    const before = this.#credential?.principal
    if (before !== undefined && before !== credential.principal) {
      const message = `This session is that of the principal ${before}, by its certificate or an earlier token, and this token is another's: show one of them, or connect anew.`
      throw refusal('invalidArgument', message)
    }
    this.#credential = credential
    this.#identity = this.#identify()
    return { tokenId: credential.id, principal: credential.principal, expiresAt: credential.expiresAt }
  }

  /** Follows a new policy. Returns why the session must end, as a sentence; undefined if what was proved still counts. */
  follow(policy: Policy): string | undefined {
    const before = this.#policy
    this.#policy = policy
    const { lapse } = this
    if (lapse === undefined && !this.#isAsBefore(before)) this.#identity = this.#identify()
    return lapse
  }

  /** True if the same grants hold: an identity that stays wakes nothing, and what was decided by it is not decided again. */
  #isAsBefore(before: Policy): boolean {
    if (this.#credential === undefined) return false
    const { principal } = this.#credential
    return before.grantsOf(principal) === this.#policy.grantsOf(principal)
  }

  /** Why what was proved counts for nothing now: it has expired, for example. */
  get lapse(): string | undefined {
    return this.#credential && this.#policy.lapseOf(this.#credential, this.#now())
  }

  #identify(): Identity {
    if (this.#credential !== undefined) return this.#policy.identityOf(this.#credential, this.#now)
    return this.#policy.access === 'open' ? anyone : nobody
  }
}
