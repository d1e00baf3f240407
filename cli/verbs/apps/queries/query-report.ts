// Formats queries for people: lists, one with its settings, and one with what it reads and writes and how it stands. Pure.
import type {
  QueryDefinition,
  QueryReport,
  QueryStart,
  QueryTime,
} from '../../../../protocol/apps/query-definition.ts'
import { countOf, formatCount, formatDuration, formatRate, shortShardId } from '../../../output/amounts.ts'
import { formatFields, formatTable, type Room } from '../../../output/table.ts'
import type {
  MadeQuery,
  QueryDescription,
  QueryExplanation,
  ResultColumn,
  SqlExplanation,
} from './queries-module.ts'

type Fields = readonly (readonly [name: string, value: string])[]

/** Lines about a query that was made or replaced. */
export function madeText({ name, definition, results, madeStreams }: MadeQuery): string {
  const { version, columns } = definition
  const { beside } = definition
  const first =
    beside !== undefined
      ? `Version ${formatCount(version)} of the query ${beside.name} runs beside it, as ${name}.`
      : version === 1
        ? `Made the query ${name} over ${Object.keys(columns).join(' and ')}.`
        : `Replaced the query ${name}: it is version ${formatCount(version)} now.`
  const written = results.map(
    ({ target, columns: own }) =>
      `  ${target}${madeStreams.includes(target) ? ' (a new stream)' : ''}: ${columnsText(own)}`,
  )
  const parts = definition.sharing === undefined ? [] : [`  Parts: ${partsText(definition)}.`]
  return [first, ...written, ...parts].join('\n')
}

export function queryTable(queries: readonly QueryDescription[], room: Room): string {
  const rows = queries.map(({ name, definition, report, reason }) => [
    name,
    Object.keys(definition.columns).join(', '),
    stateText(definition.state, report),
    String(definition.version),
    report === undefined ? '-' : formatRate(report.rowsPerSecond, 'row'),
    timeText(report?.lastResultAt),
    reason ?? '-',
  ])
  return formatTable(['name', 'reads', 'state', 'version', 'rate', 'last result', 'why'], rows, room)
}

/** A query with its settings. */
export function queryReport({ name, definition, report, reason }: QueryDescription, room: Room): string {
  const { sql, from, time, columns, lateTo, errorsTo, description, version, createdAt, updatedAt, beside } =
    definition
  const fields: Fields = [
    ['name', name],
    ...(description === undefined ? [] : [['description', description] as const]),
    ['state', stateText(definition.state, report)],
    ...(reason === undefined ? [] : [['why', reason] as const]),
    ['version', `${version}, of ${timeText(updatedAt)}`],
    ...(beside === undefined ? [] : [['beside', `${beside.name}, version ${beside.version}`] as const]),
    ['created', timeText(createdAt)],
    ['begins at', startText(from)],
    ['out of order', formatDuration(time.outOfOrderMs)],
    ['idle after', formatDuration(time.idleMs)],
    ...latenessFields(time),
    ['parts', partsText(definition)],
    ['late rows', lateTo === undefined ? 'are counted' : `go to ${lateTo}`],
    ['bad rows', errorsTo === undefined ? 'are counted' : `go to ${errorsTo}`],
    ...Object.entries(columns).map(
      ([stream, types]) =>
        [
          `columns of ${stream}`,
          columnsText(Object.entries(types).map(([column, type]) => ({ name: column, type }))),
        ] as const,
    ),
    ...(report === undefined ? [] : figures(report)),
  ]
  return `${formatFields(fields, room)}\n\n${sql.trim()}`
}

/** A query with all that is known of how it stands. */
export function explanationReport(
  { name, definition, report, reason, units, sql, shards }: QueryExplanation,
  room: Room,
): string {
  const { time, lateTo, errorsTo } = definition
  const fields: Fields = [
    ['name', name],
    ['state', `${stateText(definition.state, report)}, version ${report?.version ?? definition.version}`],
    ['why', reason ?? 'results flow'],
    ['out of order', formatDuration(time.outOfOrderMs)],
    ['idle after', formatDuration(time.idleMs)],
    ...latenessFields(time),
    ...(definition.sharing === undefined ? [] : [['parts', partsText(definition)] as const]),
    ...(lateTo === undefined ? [] : [['late rows to', lateTo] as const]),
    ...(errorsTo === undefined ? [] : [['bad rows to', errorsTo] as const]),
    ...(report === undefined ? [] : figures(report)),
  ]
  const parts = [formatFields(fields, room)]
  if (units.length > 0) parts.push(unitTable(units, room))
  if (sql !== undefined)
    parts.push(definition.sharing === undefined ? sqlReport(sql, room) : sqlTables(sql, room))
  if (shards.length > 0) {
    const rows = shards.map((shard) => [
      shard.stream,
      shortShardId(shard.shardId),
      formatCount(shard.next),
      timeText(shard.latestEventTime),
      formatDuration(shard.behindMs),
      watermarkText(shard, sql),
    ])
    parts.push(
      formatTable(['stream', 'shard', 'next record', 'latest event time', 'behind', 'watermark'], rows, room),
    )
  }
  return parts.join('\n\n')
}

/** Each unit of a query that is carried out in parts. */
function unitTable(units: QueryExplanation['units'], room: Room): string {
  const rows = units.map(({ name, report }) => [
    name,
    report?.state ?? '-',
    report === undefined ? '-' : formatRate(report.rowsPerSecond, 'row'),
    formatCount(report?.rowsHeld ?? 0),
    timeText(report?.watermark),
    report === undefined ? 'No app has begun it yet.' : (report.reason ?? '-'),
  ])
  return formatTable(['unit', 'state', 'rate', 'rows held', 'watermark', 'why'], rows, room)
}

function partsText({ sharing }: Pick<QueryDefinition, 'sharing'>): string {
  if (sharing === undefined) return 'one: a process carries out all of it'
  const { parts, spread } = sharing
  if (spread === undefined) return `${parts}, shared by the partition key`
  return `${parts}, shared by ${keysText(spread.keys)}: they read ${spread.stream}, which ${parts} others write`
}

function sharingText(sharing: SqlExplanation['sharing']): string {
  if ('refused' in sharing) return sharing.refused
  const by = sharing.keys === undefined ? 'the partition key' : keysText(sharing.keys)
  return `It can be carried out in parts (--parts), shared by ${by}.`
}

function keysText(keys: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(keys)
    .map(([stream, own]) => `${own.join(', ')} of ${stream}`)
    .join(' and ')
}

/** What SQL writes and reads, and by what it can be shared. */
export function sqlReport(sql: SqlExplanation, room: Room): string {
  return `${sqlTables(sql, room)}\n\n${sharingText(sql.sharing)}`
}

function sqlTables({ statements, inputs }: SqlExplanation, room: Room): string {
  const written = statements.map((statement) => [
    statement.app === undefined
      ? statement.target
      : `${statement.target} (${statement.app.kind} ${statement.app.name})`,
    statement.inputs.map((at) => inputs[at]!.stream).join(', '),
    kindText(statement),
    statement.files.join(', ') || '-',
    columnsText(statement.columns),
  ])
  const read = inputs.map(({ stream, time, hold, columns }) => [
    stream,
    time ?? 'none: row by row',
    hold === undefined ? (time === undefined ? '-' : 'while its session is open') : microsecondsText(hold),
    columnsText(columns),
  ])
  return [
    formatTable(['writes to', 'from', 'when', 'files', 'columns'], written, room),
    formatTable(['reads', 'by time', 'holds rows for', 'columns'], read, room),
  ].join('\n\n')
}

function watermarkText(
  { stream, isIdle, holdsWatermark }: QueryExplanation['shards'][number],
  sql: SqlExplanation | undefined,
): string {
  const times = new Set(sql?.inputs.flatMap(({ stream: of, time }) => (of === stream && time) || []))
  if (times.size === 0) return '-'
  if (times.size === 1 && times.has('arrival_time')) return 'follows the clock'
  if (isIdle) return 'idle: not waited for'
  return holdsWatermark ? 'holds it' : '-'
}

function kindText({ kind, windows }: SqlExplanation['statements'][number]): string {
  switch (kind) {
    case 'rows':
    case 'bounded':
      return 'at once, for each row'
    case 'over':
      return 'once the watermark has passed a row'
    case 'join':
      return 'once the watermark has passed both rows'
    case 'windows': {
      const all = windows.map(({ kind: each, size, step }) =>
        [
          each.toUpperCase(),
          microsecondsText(size),
          ...(step === undefined ? [] : [`by ${microsecondsText(step)}`]),
        ].join(' '),
      )
      return `once the watermark has passed the end of a window: ${all.join(', ')}`
    }
  }
}

function latenessFields({ latenessMs = 0 }: QueryTime): Fields {
  return latenessMs === 0 ? [] : [['late rows count for', formatDuration(latenessMs)]]
}

function figures(report: QueryReport): Fields {
  return [
    ['watermark', timeText(report.watermark)],
    ['open windows', formatCount(report.windowsOpen)],
    ['rows held', formatCount(report.rowsHeld)],
    ['rows read', `${formatCount(report.rowsRead)}, ${formatRate(report.rowsPerSecond, 'row')}`],
    ['rows late', formatCount(report.rowsLate)],
    ...(report.rowsCountedLate > 0
      ? [['rows that changed results', formatCount(report.rowsCountedLate)] as const]
      : []),
    ['rows refused', formatCount(report.rowsRefused)],
    ['results', countOf(report.rowsWritten, 'row')],
    ['last result', timeText(report.lastResultAt)],
    ['as of', timeText(report.at)],
  ]
}

function stateText(state: string, report: QueryReport | undefined): string {
  return state === 'running' && report !== undefined ? report.state : state
}

function columnsText(columns: readonly ResultColumn[]): string {
  return columns.map(({ name, type }) => `${name} ${type}`).join(', ') || 'none'
}

function startText(from: QueryStart): string {
  return typeof from === 'string' ? from : timeText(from.atTimestamp)
}

/** Infinity has no date. */
function timeText(at: number | undefined): string {
  if (at === undefined) return '-'
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? '-' : date.toISOString()
}

function microsecondsText(microseconds: number): string {
  return formatDuration(microseconds / 1000)
}
