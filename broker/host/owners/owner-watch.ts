// Says of an owner that it does not answer: its thread hangs, or its disk does. Host main thread.
// From here the two look alike. A disk that is only slow is given time, because a new host would wait for the same disk, and
// what the owner was given would be of unknown outcome. A thread that hangs is never heard of again: so the controller, to which
// every sign of life tells whether an owner goes on, ends the host when none has for long (heartbeat.ts).
import type { Logger } from '../../telemetry/log.ts'
import { hostLimits } from '../host-limits.ts'
import type { OwnerLink } from './owner-link.ts'
import type { Time } from '../../time.ts'

export interface OwnerWatchOptions {
  readonly owners: { readonly all: readonly Pick<OwnerLink, 'ownerId' | 'waitingMs' | 'answers'>[] }
  readonly time: Time
  readonly log: Logger
}

export class OwnerWatch {
  readonly #options: OwnerWatchOptions
  /** Those of which the log has it that they do not answer. */
  readonly #silent = new Set<number>()
  /** What each had answered when that was asked last. */
  readonly #answers = new Map<number, number>()
  #cancel: (() => void) | undefined

  constructor(options: OwnerWatchOptions) {
    this.#options = options
  }

  start(): void {
    this.#cancel = this.#options.time.every(hostLimits.ownerWatchMs, () => this.#look())
  }

  stop(): void {
    this.#cancel?.()
  }

  /** Which owner lets wait longest, and how long, in words; null where all of them answer. */
  get trouble(): string | null {
    const [worst] = this.#options.owners.all.toSorted((a, b) => b.waitingMs - a.waitingMs)
    return worst && isSilent(worst) ? troubleOf(worst) : null
  }

  /** Whether an owner is in trouble, and has answered nothing since this was asked last. */
  isStuck(): boolean {
    let isStuck = false
    for (const owner of this.#options.owners.all) {
      isStuck ||= isSilent(owner) && this.#answers.get(owner.ownerId) === owner.answers
      this.#answers.set(owner.ownerId, owner.answers)
    }
    return isStuck
  }

  /** Tells the log once a spell, and when it is over. */
  #look(): void {
    const { owners, log } = this.#options
    for (const owner of owners.all) {
      const { ownerId, waitingMs } = owner
      if (!isSilent(owner)) {
        if (this.#silent.delete(ownerId)) log.info({ ownerId }, 'owner answers again')
      } else if (!this.#silent.has(ownerId)) {
        this.#silent.add(ownerId)
        log.warn(
          { ownerId, waitingMs: Math.round(waitingMs) },
          `${troubleOf(owner)}: its disk or its thread hangs`,
        )
      }
    }
  }
}

type Watched = OwnerWatchOptions['owners']['all'][number]

function isSilent({ waitingMs }: Watched): boolean {
  return waitingMs > hostLimits.ownerSilentMs
}

function troubleOf({ ownerId, waitingMs }: Watched): string {
  return `owner ${ownerId} has not answered for ${Math.round(waitingMs / 1000)} seconds`
}
