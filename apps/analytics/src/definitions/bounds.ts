// What a definition may have at most, and what it has where nothing is said. Pure data.
import type { QueryStart, QueryTime } from 'millrace/protocol'

const DAY_MS = 24 * 3_600_000

/** Bounds of the figures of event time, in milliseconds. */
export const timeBounds = {
  outOfOrderMs: { what: 'How far rows may come out of order', min: 0, max: 7 * DAY_MS },
  idleMs: { what: 'The time after which a shard is idle', min: 1000, max: 7 * DAY_MS },
  latenessMs: { what: 'How late rows may come and count still', min: 0, max: 31 * DAY_MS },
} as const satisfies Record<keyof QueryTime, { what: string; min: number; max: number }>

/** In how many parts a query can be carried out. */
export const partsBounds = { min: 1, max: 64 } as const

export const defaultTime = { outOfOrderMs: 5000, idleMs: 30_000, latenessMs: 0 } as const satisfies QueryTime

export const defaultStart: QueryStart = 'TRIM_HORIZON'

/** Characters, and columns of all streams together: a definition is one document of the broker, of 256 KiB at most. */
export const lengths = { name: 64, sql: 64 * 1024, description: 1024, columns: 2000 } as const
