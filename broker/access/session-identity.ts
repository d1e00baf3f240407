// Who asks on one session: the identity that holds now, and who wants to know of another. Runs on the main thread of every
// process that listens; pure.
import { nobody, type Identity } from './identity.ts'

export class SessionIdentity {
  #identity: Identity
  /** The standing of the identity that the listeners know. */
  #standing: number
  readonly #listeners = new Set<() => void>()

  constructor(identity: Identity) {
    this.#identity = identity
    this.#standing = identity.standing
  }

  get identity(): Identity {
    return this.#identity
  }

  /** Takes another identity, and has everything looked at again that waits or goes on. */
  replace(identity: Identity): void {
    this.#identity = identity
    this.#standing = identity.standing
    for (const listener of this.#listeners) listener()
  }

  /**
   * May do nothing from now on: the session ends, and is told why. Nobody is told of the identity, since what waits or goes on
   * ends with the session, for that reason and not for want of a grant.
   */
  lapse(): void {
    this.#identity = nobody
    this.#standing = nobody.standing
  }

  /** Called at intervals: a grant that has ended by its time changes what waits and goes on, too. */
  look(): void {
    if (this.#identity.standing !== this.#standing) this.replace(this.#identity)
  }

  /** Calls the listener when the identity is replaced, or a grant of it has ended; returns what takes the listener away. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
