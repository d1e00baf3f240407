// Who is at the other end of one session: what he has proved, and what he may do by the policy of the moment. Runs in every
// process that listens; pure.
import { refusal, type Fail } from '../../protocol/refusal.ts'
import { quoteText } from '../../protocol/text/text.ts'
import type { Clock } from '../time.ts'
import { anyone, nobody, type Identity } from './identity.ts'
import type { Credential, Policy, TokenCredential } from './policy.ts'

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

/** Another principal, whose identity is wanted in place of one's own. */
export interface Acting {
  readonly as: string
  readonly fail: Fail<'principalNotFound'>
}

/** Who sent a token. */
export interface TokenBearer {
  readonly tokenId: string
  /** Whose session it is: the token's principal, or the one as which that acts. */
  readonly principal: string
  /** When the token expires, in milliseconds since the epoch; undefined: never. */
  readonly expiresAt: number | undefined
}

export class Bearer {
  readonly #arrival: Arrival
  readonly #now: Clock
  #policy: Policy
  #credential: Credential | undefined
  /** The other principal whose identity the session has taken on. */
  #actsAs: string | undefined
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

  /**
   * Takes a token, and with `acting` the identity of another principal. Throws `unauthenticated`; `permissionDenied` for who may not
   * act as another; `principalNotFound` where there is no such other; `invalidArgument` for another principal than before, and for
   * one to act as where access is open.
   */
  authenticate(token: string, acting?: Acting): TokenBearer {
    const actsAs = acting?.as
    if (!this.#arrival.isPrivate) {
      const message =
        'A token is taken over TLS, or from the machine of the broker: others on the way could read it here. ' +
        'Connect by millraces://, and revoke this token.'
      throw refusal('unauthenticated', message)
    }
    const verdict = this.#policy.verify(token, this.#now())
    if ('refused' in verdict) throw refusal('unauthenticated', verdict.refused)
    const { credential } = verdict
    if (acting !== undefined) this.#checkActing(credential.principal, acting)
    this.#checkSame(credential, actsAs)
    this.#credential = credential
    this.#actsAs = actsAs
    this.#identity = this.#identify()
    const { id: tokenId, principal, expiresAt } = credential
    return { tokenId, principal: actsAs ?? principal, expiresAt }
  }

  #checkActing(actor: string, { as, fail }: Acting): void {
    if (this.#policy.access === 'open') {
      const message =
        'Access is open here, so that everyone may do everything: nobody acts as another. Start the broker with --access required.'
      throw refusal('invalidArgument', message)
    }
    // First, so that who may not act learns nothing of who there is.
    const denied = this.#policy.whyNotAct(actor, this.#now())
    if (denied !== undefined) throw refusal('permissionDenied', denied)
    if (this.#policy.grantsOf(as) === undefined) {
      fail('principalNotFound', `There is no principal ${quoteText(as)} to act as.`)
    }
  }

  /** What a session has under way belongs to its principal: it stays the same one. Who has shown a certificate alone may begin to act. */
  #checkSame({ principal }: TokenCredential, actsAs: string | undefined): void {
    const before = this.#credential
    if (before === undefined) return
    if (before.principal !== principal) {
      const message = `This session is that of the principal ${before.principal}, by its certificate or an earlier token, and this token is another's: show one of them, or connect anew.`
      throw refusal('invalidArgument', message)
    }
    if (before.is === 'certificate' || actsAs === this.#actsAs) return
    const message = `This session is that of the principal ${this.#actsAs ?? principal}, and stays so: connect anew to act as another.`
    throw refusal('invalidArgument', message)
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
    const principal = this.#actsAs ?? this.#credential.principal
    return before.grantsOf(principal) === this.#policy.grantsOf(principal)
  }

  /** Why what was proved counts for nothing now: it has expired, for example, or the right to act as another has ended. */
  get lapse(): string | undefined {
    if (this.#credential === undefined) return undefined
    const now = this.#now()
    const lapse = this.#policy.lapseOf(this.#credential, now)
    if (lapse !== undefined || this.#actsAs === undefined) return lapse
    if (this.#policy.access === 'open') return 'Access is open by now: nobody acts as another.'
    if (this.#policy.grantsOf(this.#actsAs) === undefined) return `The principal ${this.#actsAs} was deleted.`
    return this.#policy.whyNotAct(this.#credential.principal, now)
  }

  #identify(): Identity {
    if (this.#credential !== undefined) {
      return this.#policy.identityOf(this.#credential, this.#now, this.#actsAs)
    }
    return this.#policy.access === 'open' ? anyone : nobody
  }
}
