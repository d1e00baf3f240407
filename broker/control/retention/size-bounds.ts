// Keeps streams within their bounds in bytes: asks the hosts what they hold, and tells them what to trim. Runs in the
// controller, because no host knows what the other hosts hold. Nothing is kept from one look to the next: a host that does
// not answer, or has just started and not surveyed its segments yet, only makes the trims smaller.
import { InvariantError } from '../../../protocol/invariant.ts'
import type { HostCalls } from '../../host-contract.ts'
import type { Logger } from '../../telemetry/log.ts'
import { withDeadline, type Time } from '../../time.ts'
import type { Stream } from '../catalog-state.ts'
import type { Catalog } from '../catalog.ts'
import { hostsOf, type HostFleet } from '../hosts/fleet.ts'
import { Looks } from '../looks.ts'
import { planSizeTrims, type HostedPart } from './size-trims.ts'

/** Delay from the end of a look to the next one. */
const LOOK_EVERY_MS = 2_000
/** Longest time that a look waits for a host. */
const ANSWER_DEADLINE_MS = 1_500

export interface SizeBoundsOptions {
  readonly catalog: Catalog
  readonly fleet: HostFleet
  readonly time: Time
  readonly log: Logger
}

export class SizeBounds {
  readonly #options: SizeBoundsOptions
  readonly #looks: Looks

  constructor(options: SizeBoundsOptions) {
    this.#options = options
    this.#looks = new Looks(LOOK_EVERY_MS, options.time, () => this.#look())
  }

  start(): void {
    this.#looks.start()
  }

  /** Makes no more trims. */
  stop(): void {
    this.#looks.stop()
  }

  async #look(): Promise<void> {
    const { catalog } = this.#options
    const bounded = [...catalog.state.streams.values()].filter(({ retentionBytes }) => retentionBytes > 0)
    if (bounded.length === 0) return
    const silent = new Set<number>()
    const totals = await this.#totals(silent)
    for (const { id } of bounded) {
      if (this.#looks.isStopped || !catalog.isOpen) return
      // Read again, because streams may be deleted and bounds changed while hosts answer.
      const stream = catalog.state.streams.get(id)
      const excessBytes = (totals.get(id) ?? 0) - (stream?.retentionBytes ?? 0)
      if (stream && stream.retentionBytes > 0 && excessBytes > 0)
        await this.#trim(stream, excessBytes, silent)
    }
  }

  /** Sums the bytes of each stream with a bound, over the hosts that answer; adds the others to `silent`. */
  async #totals(silent: Set<number>): Promise<ReadonlyMap<number, number>> {
    const totals = new Map<number, number>()
    const { fleet } = this.#options
    await Promise.all(
      fleet.hosts.map(async ({ hostId }) => {
        const answer = await this.#asked(hostId, 'boundedBytes', null, silent)
        const held = answer?.totals ?? []
        for (let at = 0; at < held.length; at += 2) {
          totals.set(held[at]!, (totals.get(held[at]!) ?? 0) + held[at + 1]!)
        }
      }),
    )
    return totals
  }

  async #trim({ id: streamId }: Stream, excessBytes: number, silent: Set<number>): Promise<void> {
    const { catalog, fleet } = this.#options
    const answers = await Promise.all(
      hostsOf(fleet, catalog.state, streamId).map(async (hostId): Promise<HostedPart | undefined> => {
        const stored = await this.#asked(hostId, 'storedSpans', { streamId, excessBytes }, silent)
        return stored && { hostId, ...stored }
      }),
    )
    const parts = answers.filter((part) => part !== undefined)
    const retentionBytes = catalog.state.streams.get(streamId)?.retentionBytes ?? 0
    if (retentionBytes === 0 || this.#looks.isStopped) return
    const planned = planSizeTrims(retentionBytes, parts)
    await Promise.all(
      parts.map(async ({ hostId }) => {
        const trims = planned.filter((trim) => trim.hostId === hostId)
        if (trims.length === 0) return
        await this.#asked(hostId, 'trimToBound', { streamId, retentionBytes, trims }, silent)
      }),
    )
  }

  /** Calls a host; undefined where it does not answer, and then it is not called again in this look. */
  async #asked<C extends keyof HostCalls>(
    hostId: number,
    call: C,
    request: HostCalls[C]['request'],
    silent: Set<number>,
  ): Promise<HostCalls[C]['reply'] | undefined> {
    const { fleet, time, log } = this.#options
    if (silent.has(hostId) || fleet.host(hostId).state !== 'ready') return undefined
    try {
      return await withDeadline(fleet.call(hostId, call, request), time, ANSWER_DEADLINE_MS)
    } catch (error) {
      if (error instanceof InvariantError) throw error
      silent.add(hostId)
      log.debug(
        { err: error, hostId, call },
        'host has not reported what it holds: it counts as holding nothing',
      )
      return undefined
    }
  }
}
