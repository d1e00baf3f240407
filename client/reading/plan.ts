// What a reading is made with: its connections and clocks, and its begin and end. Runs in the client; types only.
import type { ConnectionPool } from '../connecting/pool.ts'
import type { Position, StreamPosition } from './position.ts'
import type { Routing } from '../connecting/routing.ts'
import type { Settings } from '../settings.ts'
import type { Intake, IntakeEvents } from './intake.ts'
import type { RecordFilter } from './narrowed/record-filter.ts'

/** The part of a routing that a reading uses. */
export interface ReadRouting extends Pick<
  Routing,
  'streamId' | 'shards' | 'shard' | 'childrenOf' | 'hostOf'
> {
  /** The whole stream's, where this one leaves shards out. */
  readonly whole?: Routing
}

/** Where a reading gets its routings from: those of the client, or the part of them that holds some hash keys. */
export interface Routings<R extends ReadRouting = ReadRouting> {
  /** Requests the routing now, so that it has every shard in which records were stored before. */
  fresh(stream: string, signal?: AbortSignal): Promise<R>
  /** Returns a newer routing than the stale one, which came from here. */
  refresh(stream: string, stale: R, signal?: AbortSignal): Promise<R>
}

export interface ReadingDependencies {
  readonly stream: string
  readonly routings: Routings
  readonly pool: ConnectionPool
  readonly settings: Settings
  /** Returns the time of the broker, in milliseconds since the epoch. */
  readonly brokerTime: (signal: AbortSignal) => Promise<number>
  readonly onClosed: () => void
}

export interface ReadingPlan {
  readonly from: Position | StreamPosition
  /** Undefined to follow. */
  readonly until: Position | undefined
  /** Undefined to read every record. */
  readonly filter?: RecordFilter | undefined
  readonly makeIntake: (events: IntakeEvents, shardCount: number) => Intake
}
