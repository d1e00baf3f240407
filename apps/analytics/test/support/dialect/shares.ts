// What a question can be shared by, and its results where its records are shared so, each part by itself.
import fc from 'fast-check'
import { PlanFault } from '../../../src/plan/plan-fault.ts'
import { sharingOf, type PlanSharing } from '../../../src/plan/sharing/sharing.ts'
import { SqlParser } from '../../../src/plan/text/parser.ts'
import { expressionType } from '../../../src/streams/expression-type.ts'
import type { Planner } from '../../plan/planner.ts'
import type { CaseRecord, DialectCase } from './case.ts'
import type { CaseRun, Results } from './runner.ts'

/** Returns what it can be shared by, or why it cannot. */
export async function sharingOfCase(
  { session }: Planner,
  { sql }: DialectCase,
  run: CaseRun,
): Promise<PlanSharing | PlanFault> {
  const typeOf = (stream: string, key: string) => expressionType(session, run.columnsOf(stream), key)
  try {
    return await sharingOf(sql, run.plan, { parser: new SqlParser(session), typeOf })
  } catch (error) {
    if (error instanceof PlanFault) return error
    throw error
  }
}

/** Returns it in words: `partition key`, the keys of each stream, or the sentence of the fault. */
export function shownSharing(sharing: PlanSharing | PlanFault): string {
  if (sharing instanceof PlanFault)
    return sharing.reason.replace('The query cannot be carried out in parts. ', 'not: ')
  if (sharing.keys === undefined) return 'partition key'
  return Object.entries(sharing.keys)
    .map(([stream, keys]) => `${stream}: ${keys.join(', ')}`)
    .join('; ')
}

/** Returns the results of parts together, of which each has the records of its share. */
export async function inParts(run: CaseRun, { keys }: PlanSharing, parts: number): Promise<Results> {
  const results: Record<string, CaseRecord[]> = {}
  for (let part = 0; part < parts; part++) {
    const condition = (stream: string) => {
      const texts = (keys?.[stream] ?? ['partition_key']).map((key) => `CAST((${key}) AS VARCHAR)`)
      return `hash(CAST([${texts.join(', ')}] AS VARCHAR)) % ${parts} = ${part}`
    }
    for (const [target, rows] of Object.entries(await run.atOnce(condition)))
      (results[target] ??= []).push(...rows)
  }
  return results
}

/** A question over other records: values of each column are those of its own records, in whatever combination. */
export function shuffledCase(one: DialectCase): fc.Arbitrary<DialectCase> {
  const streams = Object.entries(one.streams).map(([name, { columns, records }]) => {
    const names = [...new Set(records.flatMap((record) => Object.keys(record)))]
    const fields = names.map(
      (field) => [field, fc.constantFrom(...records.map((record) => record[field] ?? null))] as const,
    )
    const record = fc.record({ partition_key: fc.constantFrom('a', 'b', 'c'), ...Object.fromEntries(fields) })
    return fc
      .array(record, { minLength: 1, maxLength: 14 })
      .map((found) => [name, { columns, records: found }] as const)
  })
  return fc.tuple(...streams).map((found) => ({ ...one, streams: Object.fromEntries(found) }))
}
