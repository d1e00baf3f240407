// Shards whose stamps lie ahead of the clock, because they were given while it was wrong. Runs in the controller.
// Arrival times never go back within a shard, so such a shard would stamp all new records with the time that it has reached, until
// the clock reaches it too. So an open shard is renewed: it is closed, and one child with the same hash keys takes its place, whose
// stamps begin anew. All records of a closed shard count as having arrived by its time of closing, even if their stamps are later.
// A time of closing that lies ahead itself becomes the current time.
import { InvariantError } from '../../../protocol/invariant.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { shardIdOf } from '../../../protocol/shards/shard-id.ts'
import type { CatalogChange } from '../../catalog-contract.ts'
import { crash } from '../../channels/calls.ts'
import { STAMP_AHEAD_MS_MAX } from '../../clock/doubting-clock.ts'
import type { AheadShard } from '../../host-contract.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import type { Logger } from '../../telemetry/log.ts'
import { withDeadline, type Time } from '../../time.ts'
import { shardsOf, type CatalogState, type Stream } from '../catalog-state.ts'
import type { Catalog, CatalogPlan } from '../catalog.ts'
import type { HostFleet } from '../hosts/fleet.ts'
import type { ReshardIntent } from '../resharding/plan.ts'
import { placedShards } from '../routing.ts'
import { Looks } from '../looks.ts'
import type { ClockKeeper } from './clock-keeper.ts'

/** Between two looks. */
const LOOK_EVERY_MS = 5_000
/** A look waits no longer than this for a host. */
const ANSWER_DEADLINE_MS = 1_500
/** After a renewal that failed, the stream is left alone for so long. */
const FAILURE_PAUSE_MS = 60_000
/** Shards that are renewed in one change. */
const RENEWED_MAX = 256

/** What carries a renewal out. */
export interface Renewer {
  renew(streamId: number, intents: readonly ReshardIntent[]): Promise<unknown>
  /** A change of the stream is under way, or waits. */
  isBusy(streamId: number): boolean
}

export interface StampRepairOptions {
  readonly catalog: Catalog
  readonly fleet: HostFleet
  readonly renewer: Renewer
  readonly clock: Pick<ClockKeeper, 'now' | 'isSettled'>
  readonly time: Time
  readonly instruments: Pick<Instruments, 'millrace_stamped_ahead_shards'>
  readonly log: Logger
}

export class StampRepair {
  readonly #options: StampRepairOptions
  /** Streams whose renewal failed, and until when each is left alone. */
  readonly #pausedUntil = new Map<number, number>()
  readonly #looks: Looks

  constructor(options: StampRepairOptions) {
    this.#options = options
    this.#looks = new Looks(LOOK_EVERY_MS, options.time, () => this.#look())
  }

  start(): void {
    this.#looks.start()
  }

  /** Begins nothing more. */
  stop(): void {
    this.#looks.stop()
  }

  async #look(): Promise<void> {
    const { catalog, clock, instruments } = this.#options
    // A clock that is doubted tells neither what lies ahead nor when anything was closed.
    if (!clock.isSettled) return
    const ahead = await this.#aheadShards()
    if (this.#looks.isStopped || !catalog.isOpen || !clock.isSettled) return
    instruments.millrace_stamped_ahead_shards.set(ahead.length)
    try {
      await this.#correctClosing(ahead)
      for (const stream of catalog.state.streams.values()) this.#renew(stream, ahead)
    } catch (error) {
      if (error instanceof InvariantError) throw error
      this.#options.log.warn({ err: error }, 'shards whose stamps lie ahead could not be put right yet')
    }
  }

  /** What hosts say by the clock that they follow; nothing of one that does not answer. */
  async #aheadShards(): Promise<readonly AheadShard[]> {
    const { fleet, time } = this.#options
    const ready = fleet.hosts.filter(({ state }) => state === 'ready')
    const answers = await Promise.allSettled(
      ready.map(({ hostId }) =>
        withDeadline(fleet.call(hostId, 'stampedAhead', null), time, ANSWER_DEADLINE_MS),
      ),
    )
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.shards : []))
  }

  /** Closed shards were closed by now at the latest, and hosts know it. */
  async #correctClosing(ahead: readonly AheadShard[]): Promise<void> {
    const { catalog, clock, fleet, time } = this.#options
    if (hasClosingAhead(catalog.state, clock.now())) {
      await catalog.change((state) => planClosedByNow(state, clock.now()))
    }
    for (const streamId of new Set(ahead.map((shard) => shard.streamId))) {
      const wanted = new Set(
        ahead.filter((shard) => shard.streamId === streamId).map((one) => one.shardIndex),
      )
      const closed = placedShards(catalog.state, streamId).filter(
        ({ shardIndex, closedAt }) => closedAt !== null && wanted.has(shardIndex),
      )
      for (const { hostId, state } of fleet.hosts) {
        const there = closed.filter(({ ownerId }) => fleet.hostOf(ownerId).hostId === hostId)
        if (there.length === 0 || state !== 'ready') continue
        await withDeadline(fleet.call(hostId, 'openShards', { shards: there }), time, ANSWER_DEADLINE_MS)
      }
    }
  }

  #renew(stream: Stream, ahead: readonly AheadShard[]): void {
    const { catalog, renewer, time, log } = this.#options
    if (stream.status !== 'ACTIVE' || renewer.isBusy(stream.id)) return
    if (time.elapsed() < (this.#pausedUntil.get(stream.id) ?? 0)) return
    const shards = shardsOf(catalog.state, stream.id)
    const open = ahead.filter(
      ({ streamId, shardIndex }) => streamId === stream.id && shards.get(shardIndex)?.state === 'OPEN',
    )
    if (open.length === 0) return
    const renewed = open.slice(0, RENEWED_MAX)
    const aheadMs = Math.max(...open.map((shard) => shard.aheadMs))
    log.warn(
      { stream: stream.name, shards: renewed.map(({ shardIndex }) => shardIdOf(shardIndex)), aheadMs },
      'shards are stamped ahead of the clock, and are renewed',
    )
    void this.#carryOut(
      stream,
      renewed.map(({ shardIndex }) => ({ renew: shardIndex })),
    )
  }

  /** Never rejects. */
  async #carryOut(stream: Stream, intents: readonly ReshardIntent[]): Promise<void> {
    const { renewer, time, log } = this.#options
    try {
      await renewer.renew(stream.id, intents)
      this.#pausedUntil.delete(stream.id)
    } catch (error) {
      if (error instanceof InvariantError) return crash(error)
      const isOverruled = MillraceError.is(error, 'streamBusy') || MillraceError.is(error, 'streamNotFound')
      if (this.#looks.isStopped || isOverruled) return
      this.#pausedUntil.set(stream.id, time.elapsed() + FAILURE_PAUSE_MS)
      log.warn(
        { err: error, stream: stream.name },
        'shards stamped ahead could not be renewed; it is tried again later',
      )
    }
  }
}

function isAhead(closedAt: number | null, now: number): boolean {
  return closedAt !== null && closedAt > now + STAMP_AHEAD_MS_MAX
}

function hasClosingAhead(state: CatalogState, now: number): boolean {
  for (const shards of state.shards.values()) {
    for (const { closedAt } of shards.values()) if (isAhead(closedAt, now)) return true
  }
  return false
}

/** Shards that were closed by a clock that was ahead were closed by now. */
function planClosedByNow(state: CatalogState, now: number): CatalogPlan<void> {
  const changes: CatalogChange[] = []
  for (const shards of state.shards.values()) {
    for (const { streamId, index: shardIndex, ...value } of shards.values()) {
      if (!isAhead(value.closedAt, now)) continue
      changes.push({
        put: { family: 'shard', key: { streamId, shardIndex }, value: { ...value, closedAt: now } },
      })
    }
  }
  return { changes, result: undefined }
}
