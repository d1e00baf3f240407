// Reports owners that do not answer, because their thread or their disk hangs. Host main thread.
// The two cases look alike from here. A slow disk is given time, because a new host would wait for the same disk, and the
// owner's unanswered calls would have unknown outcomes. A hung thread never answers again. So each heartbeat tells the
// controller whether the owners make progress, and the controller ends a host whose owners have made none for long
// (heartbeat.ts).
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
  /** Owners that the log says do not answer. */
  readonly #silent = new Set<number>()
  /** How many calls each owner had answered at the last `isStuck`. */
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

  /** Names the owner with the longest unanswered call, and how long that is, as a sentence; null if all owners answer. */
  get trouble(): string | null {
    const [worst] = this.#options.owners.all.toSorted((a, b) => b.waitingMs - a.waitingMs)
    return worst && isSilent(worst) ? troubleOf(worst) : null
  }

  /** Returns true if an owner is in trouble, and has answered nothing since the last call. */
  isStuck(): boolean {
    let isStuck = false
    for (const owner of this.#options.owners.all) {
      isStuck ||= isSilent(owner) && this.#answers.get(owner.ownerId) === owner.answers
      this.#answers.set(owner.ownerId, owner.answers)
    }
    return isStuck
  }

  /** Logs once when an owner stops answering, and once when it answers again. */
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
