// How far one session has come: hello, then who asks where that must be known, then everything that is granted, until its end.
// Runs in every process that listens; pure.
import type { Message } from '../../protocol/frame/messages.ts'
import { Bearer, type Acting, type Arrival, type TokenBearer } from '../access/bearer.ts'
import type { Identity } from '../access/identity.ts'
import { SessionIdentity } from '../access/session-identity.ts'
import type { Policy } from '../access/policy.ts'
import type { Clock } from '../time.ts'
import type { Overdue, SessionPhase } from './admission.ts'
import { tooEarly, unknownSender, type Moment } from './gate.ts'

export class SessionStage {
  readonly who: SessionIdentity
  readonly #bearer: Bearer
  #phase: SessionPhase = 'greeting'
  /** Who asked until it lapsed. */
  #ended: Identity | undefined
  /** Why the session ends after its next answer. */
  #lapse: string | undefined

  constructor(arrival: Arrival, policy: Policy, now: Clock) {
    this.#bearer = new Bearer(arrival, policy, now)
    this.who = new SessionIdentity(this.#bearer.identity)
  }

  get phase(): SessionPhase {
    return this.#phase
  }

  /** True until it serves: hello is not answered, or it must be said who asks. */
  get isBeginning(): boolean {
    return this.#phase === 'greeting' || this.#phase === 'authenticating'
  }

  /** Who asks, also at the end for want of what he proved; undefined before the session serves. */
  get asker(): Identity | undefined {
    return this.isBeginning ? undefined : (this.#ended ?? this.who.identity)
  }

  /** Why the session ends as soon as it has sent an answer; undefined: it does not. */
  get endsAfterAnswer(): Overdue | undefined {
    return lapsed(this.#lapse)
  }

  /** Why the session must end by now: a token expires while it is open. */
  get overdue(): Overdue | undefined {
    return this.#phase === 'closing' ? undefined : lapsed(this.#lapse ?? this.#bearer.lapse)
  }

  /** What a request finds. */
  moment(isStopping: boolean): Moment {
    if (this.#phase === 'greeting') {
      this.#bearer.begin()
      this.who.replace(this.#bearer.identity)
    }
    return {
      isGreeting: this.#phase === 'greeting',
      isKnown: this.#bearer.isKnown,
      isStopping: isStopping || this.#lapse !== undefined,
    }
  }

  /** Why a message that is no request ends the session; undefined for an event that is taken. */
  refusalOf(message: Exclude<Message, { kind: 'request' }>): Overdue | undefined {
    if (message.kind !== 'event') {
      const said = `A client sends requests and events, no message of kind ${message.kind}.`
      return { code: 'malformedFrame', message: said }
    }
    if (this.#phase === 'greeting') return { code: 'helloRequired', message: tooEarly(message.event) }
    return this.#phase === 'authenticating' ? lapsed(unknownSender(message.event)) : undefined
  }

  /** Goes on after an answer. Returns true if the session is open from now on. */
  advance(): boolean {
    if (!this.isBeginning) return false
    this.#phase = this.#bearer.isKnown ? 'open' : 'authenticating'
    return this.#phase === 'open'
  }

  /** Takes a token: see Session. */
  authenticate(token: string, acting?: Acting): TokenBearer {
    const bearer = this.#bearer.authenticate(token, acting)
    this.who.replace(this.#bearer.identity)
    return bearer
  }

  end(): void {
    this.#phase = 'closing'
  }

  /**
   * Follows a new policy. Returns why the session must end now. With `isAsker` it ends once its client has the answer to the
   * request that made the policy, and begins nothing more until then.
   */
  follow(policy: Policy, isAsker: boolean): Overdue | undefined {
    const lapse = this.#bearer.follow(policy)
    const { identity } = this.#bearer
    if (lapse !== undefined) this.#ended ??= this.who.identity
    if (lapse !== undefined) this.who.lapse()
    else if (identity !== this.who.identity) this.who.replace(identity)
    if (!isAsker) return lapsed(lapse)
    this.#lapse = lapse
    return undefined
  }
}

function lapsed(message: string | undefined): Overdue | undefined {
  return message === undefined ? undefined : { code: 'unauthenticated', message }
}
