// Writes the report of `produce`: the records stored, not stored, and skipped. Pure.
import type { ProduceOutcome } from '../produce-records.ts'
import { countOf, formatBytes, formatDuration, formatRate } from './amounts.ts'

/** The report for scripts; its fields are always the same. */
export function produceReportJson(outcome: ProduceOutcome): object {
  const { records, unacknowledged, bytes, elapsedMs, skipped, firstSkipped, shards, durability } = outcome
  return { records, unacknowledged, bytes, elapsedMs, skipped, firstSkipped, shards, durability }
}

/** The report for people, in one line. */
export function produceReport(outcome: ProduceOutcome): string {
  const { records, unacknowledged, skipped, failure } = outcome
  if (records === 0 && unacknowledged === 0 && skipped === 0) return 'Stored no record: there was none.'
  const stored = records === 0 ? 'Stored no record.' : storedText(outcome)
  const unknown = failure === undefined ? '; whether they are stored is not known' : ''
  const left =
    unacknowledged === 0 ? '' : ` Read and not acknowledged: ${countOf(unacknowledged, 'record')}${unknown}.`
  return `${stored}${left}${skipped === 0 ? '' : ` ${skippedText(outcome)}`}`
}

function storedText(outcome: ProduceOutcome): string {
  const { records, unacknowledged, bytes, elapsedMs, shards, durability } = outcome
  const rate =
    records >= 100 && elapsedMs > 0 ? `: ${formatRate((records / elapsedMs) * 1000, 'record')}` : ''
  const level = durability === 'disk' ? ', each flushed to disk' : ''
  // `bytes` counts all records read, so it is shown only if all of them are stored.
  const amount = unacknowledged === 0 ? ` (${formatBytes(bytes)})` : ''
  return (
    `Stored ${countOf(records, 'record')}${amount} in ${countOf(shards, 'shard')}` +
    `${level}, within ${formatDuration(elapsedMs)}${rate}.`
  )
}

function skippedText({ skipped, firstSkipped }: ProduceOutcome): string {
  const first = firstSkipped.map(({ input, line, reason }) => `line ${line} of ${input} (${reason})`)
  const more = skipped - first.length
  const rest = more === 0 ? '' : `; and ${countOf(more, 'more', 'more')}`
  return `Skipped ${countOf(skipped, 'line that is no record', 'lines that are no records')}: ${first.join('; ')}${rest}.`
}
