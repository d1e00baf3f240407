// Which stage a unit of a query is. Runs in the app.
import type { QueryUnit } from 'millrace/protocol'
import { PlanStage, type RunStage, type StageParts } from '../stage.ts'
import { PartStage } from './part-stage.ts'
import { SpreadStage } from './spread-stage.ts'
import { hashKeysOf } from './part-range.ts'

/** Returns what a unit does with records, by a definition: that of its query, or the one before it. */
export function stageOf(
  parts: Omit<StageParts, 'hashKeys'>,
  of: { readonly query: string; readonly unit: QueryUnit },
): RunStage {
  const { sharing } = parts.definition
  const whole = { ...parts, hashKeys: hashKeysOf(of.unit, sharing) }
  if (sharing?.spread === undefined) return new PlanStage(whole)
  const { spread, parts: units } = sharing
  if (of.unit.stage === 'spread') return new SpreadStage(whole, { unit: of.unit.part, units, spread })
  return new PartStage(whole, { query: of.query, units, spread })
}
