// Formats how the results of two versions of a query differ, for people. Pure.
import { countOf, formatCount } from '../../../output/amounts.ts'
import { formatTable, type Room } from '../../../output/table.ts'
import { cellText } from '../analytics/answer-format.ts'
import type { QueryDiff } from './queries-module.ts'

type TargetDiff = QueryDiff['targets'][number]
type Row = Readonly<Record<string, unknown>>

/** A summary of each target, then its first differences. */
export function diffText({ name, beside, targets, onlyOld, onlyNew }: QueryDiff, room: Room): string {
  const alone = [
    ...onlyOld.map((stream) => `Only ${name} writes to ${stream}.`),
    ...onlyNew.map((stream) => `Only ${beside} writes to ${stream}.`),
  ]
  return [...targets.map((target) => targetText(target, room)), ...alone].join('\n\n')
}

function targetText(diff: TargetDiff, room: Room): string {
  const { target, beside, count, columnsOnlyOld, columnsOnlyNew } = diff
  const lines = [`${target} and ${beside}, ${spanText(diff)}:`, `  ${sumText(count)}`]
  if (columnsOnlyOld.length > 0)
    lines.push(`  Not compared, only in ${target}: ${columnsOnlyOld.join(', ')}.`)
  if (columnsOnlyNew.length > 0)
    lines.push(`  Not compared, only in ${beside}: ${columnsOnlyNew.join(', ')}.`)
  if (count.unreadable > 0) lines.push(`  ${countOf(count.unreadable, 'record')} of them are no results.`)
  if (!diff.isSettled)
    lines.push(
      '  The results have no time, and one of the two is further than the other: what only one has may still come.',
    )
  const rows = differences(diff)
  if (rows.length === 0) return lines.join('\n')
  const columns = [...new Set([...diff.keys, ...rows.flatMap(({ row }) => Object.keys(row))])]
  const table = formatTable(
    ['', ...columns],
    rows.map(({ kind, row }) => [
      kind,
      ...columns.map((column) => (column in row ? cellText(row[column]) : '')),
    ]),
    room,
  )
  return `${lines.join('\n')}\n${table}`
}

function differences({ onlyOld, onlyNew, changed }: TargetDiff): readonly { kind: string; row: Row }[] {
  return [
    ...onlyOld.map((row) => ({ kind: 'only old', row })),
    ...onlyNew.map((row) => ({ kind: 'only new', row })),
    ...changed.flatMap(({ key, old, new: next }) => [
      { kind: 'old', row: { ...key, ...old } },
      { kind: 'new', row: { ...key, ...next } },
    ]),
  ]
}

function spanText({ after, until, keys }: TargetDiff): string {
  const by = keys.length === 0 ? '' : `, by ${keys.join(' and ')}`
  if (until !== undefined) {
    const from = after === undefined ? '' : `after ${new Date(after).toISOString()} `
    return `results ${from}up to ${new Date(until).toISOString()}${by}`
  }
  return `all results${by}`
}

function sumText({ old, new: next, onlyOld, onlyNew, changed }: TargetDiff['count']): string {
  const both = `${formatCount(old)} and ${countOf(next, 'result')}`
  if (onlyOld + onlyNew + changed === 0) return `${both}: no difference.`
  return `${both}: ${formatCount(changed)} changed, ${formatCount(onlyOld)} only old, ${formatCount(onlyNew)} only new.`
}
