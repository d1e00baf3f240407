// What a reading is made with: its connections and clocks, and its begin and end. Runs in the client; types only.
import type { ConnectionPool } from '../connecting/pool.ts'
import type { Position, StreamPosition } from './position.ts'
import type { RoutingCache } from '../connecting/routing.ts'
import type { Settings } from '../settings.ts'
import type { Intake, IntakeEvents } from './intake.ts'

export interface ReadingDependencies {
  readonly stream: string
  readonly routings: RoutingCache
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
  readonly makeIntake: (events: IntakeEvents, shardCount: number) => Intake
}
