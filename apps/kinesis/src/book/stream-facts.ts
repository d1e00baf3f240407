// What the broker does not know of a stream or of a consumer: kept by the endpoint, one document each. Pure.
import type { ReshardChange } from './reshard-change.ts'

/** A state that a stream shows for a while after a change. */
export interface StatusUntil {
  readonly status: 'CREATING' | 'UPDATING' | 'DELETING'
  /** Milliseconds since the epoch. */
  readonly until: number
  /** A stream that was deleted before it was active never shows shards. */
  readonly hidesShards?: boolean
}

/** What the endpoint keeps of a stream. */
export interface StreamFacts {
  readonly tags: Readonly<Record<string, string>>
  /** Key that encrypts, as the owner named it; undefined: the stream is not encrypted. */
  readonly encryption: { readonly keyId: string } | undefined
  readonly shardLevelMetrics: readonly string[]
  /** Resource policy, as it was put. */
  readonly policy: string | undefined
  readonly maxRecordSizeInKiB: number
  readonly distribution: 'AUTO' | 'USER_PARTITION_KEY'
  readonly warmThroughputMiBps: number | undefined
  readonly statusUntil: StatusUntil | undefined
  /** A change of shards that is carried out when the stream has been UPDATING for long enough. */
  readonly pending: ReshardChange | undefined
  /** When the mode was switched in the last day: milliseconds since the epoch, rising. */
  readonly modeChanges: readonly number[]
  /** When the shard count was updated in the last day. */
  readonly shardCountChanges: readonly number[]
  /** When the key of encryption was changed in the last day. */
  readonly keyChanges: readonly number[]
}

/** Facts of a stream of which nothing is kept. */
export const defaultFacts: StreamFacts = Object.freeze({
  tags: Object.freeze({}),
  encryption: undefined,
  shardLevelMetrics: Object.freeze([]),
  policy: undefined,
  maxRecordSizeInKiB: 1024,
  distribution: 'USER_PARTITION_KEY',
  warmThroughputMiBps: undefined,
  statusUntil: undefined,
  pending: undefined,
  modeChanges: Object.freeze([]),
  shardCountChanges: Object.freeze([]),
  keyChanges: Object.freeze([]),
})

/** Document of a stream: its name is the stream's. */
export type StreamDocument = StreamFacts & {
  /** Id that the broker gave the stream: facts of a stream that was deleted do not count for one of the same name. */
  readonly streamId: number
}

/** Whether something is done when the time of the stream's state is over; until it is done, the state stays. */
export function isPutOff({ statusUntil, pending }: StreamFacts): boolean {
  return statusUntil?.status === 'DELETING' || (statusUntil !== undefined && pending !== undefined)
}

/** Whether it is time for what was put off. */
export function isDue(facts: StreamFacts, now: number): boolean {
  return isPutOff(facts) && facts.statusUntil !== undefined && facts.statusUntil.until <= now
}

/** What the endpoint keeps of a registered consumer. */
export interface ConsumerFacts {
  readonly tags: Readonly<Record<string, string>>
  readonly policy: string | undefined
  /** Seconds in its ARN, where those of its registration were used by an earlier consumer of the name. */
  readonly arnSeconds: number | undefined
  /** It was deregistered, and is shown until this time: milliseconds since the epoch. */
  readonly deregisteredUntil: number | undefined
}

export const defaultConsumerFacts: ConsumerFacts = Object.freeze({
  tags: Object.freeze({}),
  policy: undefined,
  arnSeconds: undefined,
  deregisteredUntil: undefined,
})

/** Document of a consumer: its name is made of the stream's id and the consumer's name. */
export type ConsumerDocument = ConsumerFacts & {
  readonly streamId: number
  /** When it was registered, in milliseconds: another one of the same name starts afresh. */
  readonly createdAt: number
}
