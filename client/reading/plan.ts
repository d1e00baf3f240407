// What a reading is made with: what it talks to, and what it is to read. Runs in the client; types only.
import type { ConnectionPool } from '../connecting/pool.ts'
import type { Position } from './position.ts'
import type { RoutingCache } from '../connecting/routing.ts'
import type { Settings } from '../settings.ts'
import type { Intake, IntakeEvents } from './intake.ts'

export interface ReadingDependencies {
  readonly stream: string
  readonly routings: RoutingCache
  readonly pool: ConnectionPool
  readonly settings: Settings
  /** The broker's clock, milliseconds since the epoch. */
  readonly brokerTime: (signal: AbortSignal) => Promise<number>
  readonly onClosed: () => void
}

export interface ReadingPlan {
  readonly from: Position
  /** Undefined to follow. */
  readonly until: Position | undefined
  readonly makeIntake: (events: IntakeEvents, shardCount: number) => Intake
}
