// What is said of all units of a query, as of one. Pure.
import type { QueryReport, QueryShardReport, QueryUnit } from 'millrace/protocol'

/** A unit of a query that is carried out in parts, and what is said of it. */
export interface UnitReport extends QueryUnit {
  /** Undefined before an app has begun it. */
  readonly report: QueryReport | undefined
}

/** From the one that is looked at first. */
const states = ['failing', 'waiting', 'paused', 'running'] as const

/** Returns the report of a query of those of its units; undefined before an app has begun one of them. */
export function mergedReport(units: readonly UnitReport[]): QueryReport | undefined {
  const reports = reportsOf(units)
  const [first] = reports
  if (first === undefined || units.length === 1) return first
  const readers = reportsOf(units.filter(({ stage }) => stage === 'spread'))
  const parts = reportsOf(units.filter(({ stage }) => stage !== 'spread'))
  // Records are read once of the streams of the query, by what spreads them or by its parts.
  const reading = units.some(({ stage }) => stage === 'spread') ? readers : parts
  const watermarks = parts.flatMap(({ watermark }) => watermark ?? [])
  const lastResults = parts.flatMap(({ lastResultAt }) => lastResultAt ?? [])
  const reason = reasonOfUnits(units)
  return {
    version: least(reports, ({ version }) => version),
    at: least(reports, ({ at }) => at),
    state: states.find((state) => reports.some((report) => report.state === state))!,
    ...(reason !== undefined && { reason }),
    ...(watermarks.length > 0 && { watermark: Math.min(...watermarks) }),
    rowsHeld: sum(parts, ({ rowsHeld }) => rowsHeld),
    windowsOpen: Math.max(0, ...parts.map(({ windowsOpen }) => windowsOpen)),
    rowsRead: sum(reading, ({ rowsRead }) => rowsRead),
    rowsLate: sum(reports, ({ rowsLate }) => rowsLate),
    rowsCountedLate: sum(reports, ({ rowsCountedLate }) => rowsCountedLate),
    rowsRefused: sum(reports, ({ rowsRefused }) => rowsRefused),
    rowsWritten: sum(parts, ({ rowsWritten }) => rowsWritten),
    rowsPerSecond: sum(reading, ({ rowsPerSecond }) => rowsPerSecond),
    ...(lastResults.length > 0 && { lastResultAt: Math.max(...lastResults) }),
    inputs: mergedInputs(reading),
  }
}

const reportsOf = (units: readonly UnitReport[]) => units.flatMap(({ report }) => report ?? [])

const least = (reports: readonly QueryReport[], of: (report: QueryReport) => number) =>
  Math.min(...reports.map(of))

const sum = (reports: readonly QueryReport[], of: (report: QueryReport) => number) =>
  reports.reduce((all, report) => all + of(report), 0)

/** A unit that cannot go on holds the query; one that only has nothing to do does not, where others have. */
function reasonOfUnits(units: readonly UnitReport[]): string | undefined {
  const told = (unit: UnitReport | undefined) => unit && `${unit.name}: ${unit.report!.reason}`
  const stands = units.find(({ report }) => report?.reason !== undefined && report.state !== 'running')
  if (stands !== undefined) return told(stands)
  const missing = units.find(({ report }) => report === undefined)
  if (missing !== undefined) return `${missing.name}: no app has begun it yet.`
  const parts = units.filter(({ stage }) => stage !== 'spread')
  const isIdle = parts.every(({ report }) => report?.reason !== undefined)
  return isIdle ? told(parts[0]) : undefined
}

/** A shard of which several units read a range each is as far as the one that is least far. */
function mergedInputs(reports: readonly QueryReport[]): QueryReport['inputs'] {
  const streams = new Map<string, Map<string, QueryShardReport[]>>()
  for (const { stream, shards } of reports.flatMap(({ inputs }) => inputs)) {
    const known = streams.get(stream) ?? new Map<string, QueryShardReport[]>()
    streams.set(stream, known)
    for (const shard of shards) known.set(shard.shardId, [...(known.get(shard.shardId) ?? []), shard])
  }
  return [...streams].map(([stream, shards]) => ({ stream, shards: [...shards.values()].map(mergedShard) }))
}

function mergedShard(ranges: readonly QueryShardReport[]): QueryShardReport {
  const waited = ranges.filter(({ isIdle }) => !isIdle)
  const times = (waited.length > 0 ? waited : ranges).map(({ latestEventTime }) => latestEventTime)
  const known = times.flatMap((time) => time ?? [])
  return {
    shardId: ranges[0]!.shardId,
    next: Math.min(...ranges.map(({ next }) => next)),
    ...(known.length === times.length && { latestEventTime: Math.min(...known) }),
    isIdle: waited.length === 0,
    behindMs: Math.max(...ranges.map(({ behindMs }) => behindMs)),
  }
}
