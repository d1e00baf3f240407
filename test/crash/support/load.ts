// What the loads of a crash test share: their broker, their history, and when they stop.
import type { Client } from '../../../client/index.ts'
import type { History } from '../../support/checker/history.ts'
import type { Random } from '../../support/random.ts'

export interface Load {
  readonly stream: string
  /** The load's name; its values are `name.1`, `name.2`, … */
  readonly name: string
  readonly history: History
  readonly random: Random
  readonly stopped: AbortSignal
}

export interface ClientLoad extends Load {
  readonly client: Client
  /** Chooses a record's key; by default one of a few keys of this load. */
  readonly partitionKey?: () => string
}
