// Turns away addresses from which too many credentials were refused. Runs in every process that listens; pure but for the clock
// that it is given. Secrets of 256 bits cannot be guessed: what is bounded is what wrong ones cost, connections and lines.
//
// Many clients may share an address, and a wrong one must not lock out a right one:
// - A right credential is always taken, however many wrong ones came before it: only new connections are turned away.
// - Where somebody has logged in within ten minutes, no connection is turned away, only refusals cost their sender a wait.
// - A newcomer at an address that is turned away gets in at the next moment at which the bucket has something, and the bucket's
//   debt is at most one second: nobody waits longer than that after the last wrong credential.
import { TokenBucket } from '../../../protocol/shards/token-bucket.ts'
import type { Clock } from '../../time.ts'

/** For so long after a login its address counts as one that somebody right is at. */
const KNOWN_MS = 600_000
/** The longest debt of an address. */
const DEBT_MS_MAX = 1000
/** Addresses in memory; the one that was heard of least lately is forgotten. */
const ADDRESSES_MAX = 8192

export interface LoginGateOptions {
  /** Refused credentials a second from one address; Infinity: as many as come. */
  readonly failuresPerSecond: number
  readonly elapsed: Clock
  readonly addressesMax?: number
}

interface Visitor {
  readonly failures: TokenBucket
  knownUntil: number
}

export class LoginGate {
  readonly #options: Required<LoginGateOptions>
  /** In the order in which they were heard of last. */
  readonly #visitors = new Map<string, Visitor>()

  constructor(options: LoginGateOptions) {
    this.#options = { addressesMax: ADDRESSES_MAX, ...options }
  }

  /** Addresses in memory. */
  get size(): number {
    return this.#visitors.size
  }

  /** Milliseconds for which connections from the address are turned away; 0 if they are not. */
  waitMs(address: string): number {
    const visitor = this.#visitors.get(address)
    if (visitor === undefined) return 0
    const now = this.#options.elapsed()
    return now < visitor.knownUntil ? 0 : visitor.failures.waitMs(now)
  }

  /** Counts a refused credential; returns the milliseconds that its sender should wait before another one. */
  failed(address: string): number {
    if (this.#options.failuresPerSecond === Infinity) return 0
    const now = this.#options.elapsed()
    const { failures } = this.#visitor(address)
    if (failures.waitMs(now) < DEBT_MS_MAX) failures.take(1, now)
    return failures.waitMs(now)
  }

  /** Somebody at the address has proven who he is. */
  succeeded(address: string): void {
    if (this.#options.failuresPerSecond === Infinity) return
    this.#visitor(address).knownUntil = this.#options.elapsed() + KNOWN_MS
  }

  #visitor(address: string): Visitor {
    const { failuresPerSecond, addressesMax } = this.#options
    const known = this.#visitors.get(address)
    const visitor = known ?? { failures: new TokenBucket(failuresPerSecond), knownUntil: -Infinity }
    this.#visitors.delete(address)
    this.#visitors.set(address, visitor)
    if (this.#visitors.size <= addressesMax) return visitor
    for (const oldest of this.#visitors.keys()) {
      this.#visitors.delete(oldest)
      break
    }
    return visitor
  }
}
