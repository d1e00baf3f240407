// Maintenance over an owner whose segments are lists of spans; the other parts of the host are real.
// A test seals segments, moves time, lets calls fail, and checks the calls that were made.
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { FollowedClock } from '../../../../broker/clock/followed-clock.ts'
import { HostedShard } from '../../../../broker/host/shards/hosted-shard.ts'
import { Horizons } from '../../../../broker/host/retention/horizons.ts'
import { Maintenance } from '../../../../broker/host/retention/maintenance.ts'
import type { MaintainedOwner } from '../../../../broker/host/retention/owner-upkeep.ts'
import { HostedShards } from '../../../../broker/host/shards/hosted-shards.ts'
import type { PlacedShard } from '../../../../broker/host-contract.ts'
import { createLog } from '../../../../broker/telemetry/log.ts'
import type { SegmentSpan } from '../../../../broker/threads/maintenance-contract.ts'
import type { OwnerCalls, SegmentList, Wanted } from '../../../../broker/threads/owner-contract.ts'
import { CountedMetrics } from '../../../support/counted-metrics.ts'
import { MemoryMaintenance } from './memory-maintenance.ts'
import { MemoryReader } from './memory-owner.ts'
import { placedShard } from './test-host.ts'
import { SteppedTime, rest } from './stepped-time.ts'

/** Age at which segments of any size are sealed here. */
export const SEGMENT_AGE_MS = 2 * 86_400_000

type Replacement = OwnerCalls['replaceSegments']['request']
type Call = 'wanted' | 'trim' | 'roll' | 'replaceSegments'

/** The owner: its durable state, and the calls that it got. */
export class FakeOwner implements MaintainedOwner {
  readonly ownerId: number
  readonly calls: string[] = []
  readonly horizons = new Map<number, number>()
  refused: number[] = []
  storageFull = false
  activeBytes = 0
  activeSince: number
  readonly #now: () => number
  names: string[] = ['active-1']
  /** Errors of calls that must fail. */
  readonly failures = new Map<Call, Error>()
  onSegments: (list: SegmentList) => void = () => {}

  constructor(ownerId: number, now: () => number) {
    this.ownerId = ownerId
    this.#now = now
    this.activeSince = now()
  }

  get segments(): SegmentList {
    return { directory: `owner-${this.ownerId}`, segments: this.names }
  }

  async wanted(): Promise<Wanted> {
    this.#begin('wanted')
    const shards = Array.from(this.horizons, ([slot, trimHorizon]) => ({ slot, trimHorizon }))
    const { refused, segments: list, activeBytes, activeSince } = this
    return { shards, refused, list, activeBytes, activeSince }
  }

  async trim(horizons: OwnerCalls['trim']['request']['horizons']): Promise<void> {
    this.#begin('trim')
    for (const { slot, trimHorizon } of horizons) {
      this.calls.push(`trim ${slot} to ${trimHorizon}`)
      this.horizons.set(slot, trimHorizon)
    }
  }

  async roll(): Promise<boolean> {
    this.#begin('roll')
    this.calls.push('roll')
    const [active = ''] = this.names.splice(-1)
    const number = Number(active.slice('active-'.length))
    this.names.push(`sealed-${number}`, `active-${number + 1}`)
    this.activeBytes = 0
    this.activeSince = this.#now()
    this.onSegments(this.segments)
    return true
  }

  async replaceSegments({ sources, target }: Replacement): Promise<void> {
    this.#begin('replaceSegments')
    const at = this.names.indexOf(sources[0]!)
    const areThere = at >= 0 && sources.every((source, i) => this.names[at + i] === source)
    if (!areThere) throw new MillraceError('invalidArgument', `${sources.join(' ')} are not neighbours`)
    this.calls.push(
      target === null ? `drop ${sources.join(' ')}` : `replace ${sources.join(' ')} by ${target}`,
    )
    this.names = this.names.toSpliced(at, sources.length, ...(target === null ? [] : [target]))
    this.onSegments(this.segments)
  }

  #begin(call: Call): void {
    const failure = this.failures.get(call)
    if (failure) throw failure
  }
}

export interface MaintainedHostOptions {
  readonly owners?: number
  readonly segmentBytes?: number
}

/** Starts maintenance, before its first run. */
export function startMaintained({ owners = 1, segmentBytes = 1000 }: MaintainedHostOptions = {}) {
  const time = new SteppedTime()
  const shards = new HostedShards()
  const storage = new MemoryMaintenance()
  const reader = new MemoryReader([])
  const fakes = Array.from({ length: owners }, (_, ownerId) => new FakeOwner(ownerId, time.now))
  const logged: Record<string, unknown>[] = []
  const destination = { write: (line: string) => void logged.push(JSON.parse(line)) }
  const log = createLog({ level: 'debug', format: 'json', process: 'test', destination })
  const horizons = new Horizons({
    clock: new FollowedClock(time, null),
    segments: { segmentsOf: (ownerId) => fakes[ownerId]!.segments },
    reader,
    elapsed: time.elapsed,
    log,
  })
  const counted = new CountedMetrics()
  const broken: Error[] = []
  const maintenance = new Maintenance({
    settings: {
      segmentBytes,
      segmentAgeMs: SEGMENT_AGE_MS,
      compactionBytesPerSecond: 1000,
      freeSpaceFloorBytes: 400,
    },
    shards,
    horizons,
    maintenance: storage,
    time,
    metrics: counted.instruments,
    log,
    onBroken: (error) => broken.push(error),
  })
  for (const owner of fakes) {
    maintenance.adopt(owner)
    owner.onSegments = (list) => maintenance.segmentsChanged(owner.ownerId, list)
  }
  maintenance.start()
  return {
    time,
    shards,
    storage,
    reader,
    owner: fakes[0]!,
    owners: fakes,
    maintenance,
    counted,
    logged,
    broken,
    /** Serves a shard whose batches are below `tail`. */
    serve: (
      slot: number,
      tail: number,
      { lastArrivalTime = time.now(), ...placed }: Partial<PlacedShard> & { lastArrivalTime?: number } = {},
    ): HostedShard => {
      const { ownerId = 0 } = placed
      const extent = {
        slot,
        trimHorizon: 0,
        tail,
        lastArrivalTime,
        bytes: 0,
        activeFirst: tail,
        closed: false,
      }
      const shard = new HostedShard(placedShard(slot, { slot, ...placed }), extent)
      shards.add(shard)
      fakes[ownerId]!.horizons.set(slot, 0)
      return shard
    },
    /** Adds a sealed segment to an owner. */
    seal: (name: string, spans: readonly SegmentSpan[], ownerId = 0): void => {
      const owner = fakes[ownerId]!
      storage.put(name, spans)
      owner.names.splice(-1, 0, name)
      maintenance.segmentsChanged(ownerId, owner.segments)
    },
    /** Lets time pass, and waits until all work that is due is done. */
    pass: async (ms: number): Promise<void> => {
      time.advance(ms)
      await rest(60)
    },
  }
}

/** Makes a span of a slot whose batches arrived at `arrival`, by default with one byte a number. */
export function span(
  slot: number,
  first: number,
  next: number,
  arrival: number,
  bytes = next - first,
): SegmentSpan {
  return { slot, first, next, firstArrival: arrival, lastArrival: arrival, bytes }
}
