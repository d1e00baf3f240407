// Gives the newest policy to every host. Runs in the controller. A host has one call at a time, with the policy that holds when it
// is sent: changes that come meanwhile share the next one, so that many changes cost a host few policies. A host that starts gets it by its start. A host that does not answer serves
// nobody either, since one thread does both; its supervisor ends it after half a minute.
import { InvariantError } from '../../../protocol/invariant.ts'
import type { PolicyData } from '../../access/policy.ts'
import { crash } from '../../channels/calls.ts'
import type { Logger } from '../../telemetry/log.ts'
import { pause, withDeadline, type Time } from '../../time.ts'
import type { HostFleet } from '../hosts/fleet.ts'

/** Longest time that an answer waits for hosts that start or hang. */
const POST_DEADLINE_MS = 10_000
/** Delay before another attempt, after a host failed or refused. */
const RETRY_MS = 200

export interface PolicyPostsOptions {
  readonly fleet: HostFleet
  /** The policy that holds now. */
  readonly policy: () => PolicyData
  readonly time: Time
  readonly log: Logger
}

export class PolicyPosts {
  readonly #options: PolicyPostsOptions
  /** By host, the last post that was asked for. */
  readonly #last = new Map<number, Promise<void>>()
  /** By host, the post that waits for the one before it: it will carry the policy of then. */
  readonly #next = new Map<number, Promise<void>>()
  #isStopped = false

  constructor(options: PolicyPostsOptions) {
    this.#options = options
  }

  /** Stops waiting for hosts. */
  stop(): void {
    this.#isStopped = true
  }

  /** Fulfils when every host that runs enforces the policy that holds now, or after a deadline. Never rejects. */
  async post(): Promise<void> {
    const { fleet, log, time } = this.#options
    const posts = Promise.all(fleet.hosts.map(({ hostId }) => this.#postNext(hostId)))
    await withDeadline(posts, time, POST_DEADLINE_MS).catch((error: unknown) => {
      log.warn({ err: error }, 'a host does not know the newest policy yet')
    })
  }

  #postNext(hostId: number): Promise<void> {
    const waiting = this.#next.get(hostId)
    if (waiting !== undefined) return waiting
    const next = (this.#last.get(hostId) ?? Promise.resolve()).then(() => {
      this.#next.delete(hostId)
      return this.#postTo(hostId)
    })
    this.#next.set(hostId, next)
    this.#last.set(hostId, next)
    return next
  }

  async #postTo(hostId: number): Promise<void> {
    const { fleet, log, policy, time } = this.#options
    while (!this.#isStopped) {
      // The next start of the host gives it the policy of that moment.
      if (fleet.host(hostId).state === 'down') return
      try {
        await fleet.whenReady(hostId)
        await fleet.call(hostId, 'servePolicy', policy())
        return
      } catch (error) {
        if (error instanceof InvariantError) return crash(error)
        log.warn({ err: error, hostId }, 'host does not know the newest policy yet')
        await pause(time, RETRY_MS)
      }
    }
  }
}
