// The session of one who asks, as far as handlers that are tested without a connection look at it.
import { anyone, type Identity } from '../../../../broker/access/identity.ts'
import type { Session } from '../../../../broker/server/session.ts'

export class Asker implements Pick<
  Session,
  'id' | 'remote' | 'client' | 'identity' | 'onIdentity' | 'denied'
> {
  readonly id = 1
  readonly remote = '127.0.0.1:5'
  readonly client = 'test'
  identity: Identity
  readonly #listeners = new Set<() => void>()

  constructor(identity: Identity = anyone) {
    this.identity = identity
  }

  /** The same as a whole session, for the types. */
  static session(identity?: Identity): Session {
    return new Asker(identity) as unknown as Session
  }

  onIdentity(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  denied(): void {}

  /** Takes another identity, as a session does when grants change. */
  identify(identity: Identity): void {
    this.identity = identity
    for (const listener of this.#listeners) listener()
  }
}
