// What a run of a unit is made with, and what follows from it. Runs in the app.
import type { Client, HashKeys } from 'millrace'
import type { QueryDefinition, QueryReport, QueryUnit } from 'millrace/protocol'
import type { Engine } from '../engine/index.ts'
import { hashKeysOf } from './parts/part-range.ts'
import { stageOf } from './parts/stage-of.ts'
import type { ProgressStore } from './place/progress-store.ts'
import type { PreparedStep, QueryProgress } from './place/query-place.ts'
import { QueryTables, tablesParts, type QueryTablesParts } from './query-tables.ts'
import type { StreamShare } from './reading/stream-ranges.ts'
import type { SnapshotState } from './snapshots/query-snapshots.ts'
import type { RunStage } from './stage.ts'
import type { KeptTime } from './time/run-clock.ts'

export interface RunParts extends Pick<QueryTablesParts, 'reference'> {
  readonly client: Client
  readonly engine: Engine
  /** For spools of this process. */
  readonly directory: string
  readonly query: string
  readonly unit: QueryUnit
  readonly definition: QueryDefinition
  readonly store: ProgressStore
  /** Milliseconds that only go on. */
  readonly monotonic: () => number
  readonly now: () => number
  readonly tell: (message: string, error?: unknown) => void
  /** Where rows are kept that outlive this process; left out: nowhere. */
  readonly state?: SnapshotState | undefined
  /** Takes a run that ends what was prepared, before it is open: it may wait for a target. */
  readonly onResumed?: (run: { report(): QueryReport }) => void
  /** Whether results for a target that is not there are given up: what another version has prepared for it. */
  readonly isGivenUp?: (target: string) => boolean
}

/** Whether a unit begins by a definition, rather than go on where it stood: also where that was among other parts, of a version before. */
export function beginsAnew(
  { version, begins, sharing }: Pick<QueryDefinition, 'version' | 'begins' | 'sharing'>,
  { place, definition: former }: Pick<QueryProgress, 'place' | 'definition'>,
): boolean {
  if (place === undefined) return true
  if (former.version === version) return false
  const isAlike =
    former.sharing?.parts === sharing?.parts && former.sharing?.spread?.streamId === sharing?.spread?.streamId
  return begins || !isAlike
}

/** Which hash keys a unit reads; undefined for all. */
export function hashKeysIn({
  unit,
  definition,
}: Pick<RunParts, 'unit' | 'definition'>): HashKeys | undefined {
  return hashKeysOf(unit, definition.sharing)
}

/** What a unit reads of a stream. */
export function shareOf(parts: RunParts, stream: string): StreamShare {
  return { stream, hashKeys: hashKeysIn(parts) }
}

/** Returns what a unit does, and its tables. Rejects as these do. */
export async function opened(
  parts: RunParts,
): Promise<{ readonly stage: RunStage; readonly tables: QueryTables }> {
  const stage = stageOf(parts, parts)
  const { isPassing } = stage
  return {
    stage,
    tables: await QueryTables.open({ ...tablesParts({ ...parts, name: parts.unit.name }), isPassing }),
  }
}

/** What a step that was prepared keeps of time. */
export function keptIn({ told, marks }: PreparedStep): KeptTime {
  return { ...(told !== undefined && { told }), ...(marks !== undefined && { marks }) }
}
