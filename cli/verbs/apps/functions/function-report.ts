// Formats functions for people: lists, and one with how each of its mappings stands, and why. Pure.
import type { FunctionTarget } from '../../../../protocol/apps/function-definition.ts'
import { shardIdOf } from '../../../../protocol/shards/shard-id.ts'
import { countOf, formatCount, formatDuration } from '../../../output/amounts.ts'
import { formatFields, formatTable, type Room } from '../../../output/table.ts'
import type {
  FunctionDescription,
  MappingDescription,
  NamedFunction,
  NamedMapping,
} from './functions-module.ts'

/** A module with its export, or a url. */
export function targetText(target: FunctionTarget): string {
  return target.type === 'http' ? target.url : `${target.path}#${target.handler}`
}

/** One sentence about a mapping. */
export function mappingSentence({ uuid, mapping }: NamedMapping): string {
  const { source, to, batchSize } = mapping
  const into = to === undefined ? '' : `, and what it returns goes into ${to.stream}`
  return `It is called with the records of ${source.stream}, up to ${formatCount(batchSize)} at a time${into} (mapping ${uuid}).`
}

export function functionTable(
  functions: readonly NamedFunction[],
  mappings: readonly NamedMapping[],
  room: Room,
): string {
  const rows = functions.map(({ name, definition }) => {
    const own = mappings.filter(({ mapping }) => mapping.function === name)
    return [
      name,
      targetText(definition.target),
      own.map(({ mapping }) => mapping.source.stream).join(', ') || '-',
      own.map(({ mapping }) => mapping.to?.stream ?? '-').join(', ') || '-',
      own.map(({ mapping }) => mapping.state).join(', ') || '-',
      String(definition.version),
    ]
  })
  return formatTable(['name', 'handler', 'reads', 'writes', 'state', 'version'], rows, room)
}

/** One function: what it is, and each of its mappings. */
export function functionReport({ name, definition, mappings }: FunctionDescription, room: Room): string {
  const { target, timeoutMs, memoryMiB, environment, isWatched, description, version, updatedAt } = definition
  const names = Object.keys(environment)
  const fields: [string, string][] = [
    ['name', name],
    ['handler', targetText(target)],
    ...(description === undefined ? [] : [['description', description] as [string, string]]),
    ['timeout', formatDuration(timeoutMs)],
    ['memory', `${memoryMiB} MiB`],
    ['environment', names.join(', ') || 'none'],
    ['watched', isWatched ? 'yes' : 'no'],
    ['version', `${version}, of ${new Date(updatedAt).toISOString()}`],
  ]
  return [formatFields(fields, room), ...mappings.map((mapping) => mappingReport(mapping, room))].join('\n\n')
}

function mappingReport(described: MappingDescription, room: Room): string {
  const { uuid, mapping, report, group } = described
  const parts = [
    formatFields(
      [
        ['mapping', uuid],
        [
          'reads',
          mapping.source.consumer === undefined
            ? mapping.source.stream
            : `${mapping.source.stream} as ${mapping.source.consumer}`,
        ],
        ['writes', mapping.to?.stream ?? 'nothing'],
        ['state', stateText(described)],
        ['last result', report?.lastResult ?? 'no app has taken it on yet'],
        ['behind', group === undefined ? 'not begun' : countOf(group.totals.recordsBehind, 'record')],
        ['batches', batchText(mapping)],
        ['retries', retryText(mapping)],
        ['filters', mapping.filters.join(' or ') || 'none'],
        ['on failure', failureText(mapping)],
      ],
      room,
    ),
  ]
  const rows = standstillsOf(described).map(({ shardId, reason, from, to, attempts, detail }) => [
    shardId,
    reason,
    `${from} to ${to - 1}`,
    formatCount(attempts),
    detail,
  ])
  if (rows.length > 0)
    parts.push(formatTable(['shard', 'stands still', 'records', 'attempts', 'why'], rows, room))
  return parts.join('\n\n')
}

/** Where the shards of a mapping stand still, by their names. */
export function standstillsOf({
  shards,
}: Pick<
  MappingDescription,
  'shards'
>): readonly (MappingDescription['shards'][string]['standstills'][number] & {
  readonly shardId: string
})[] {
  return Object.entries(shards).flatMap(([place, { standstills }]) => {
    const shardId = shardIdOf(Number(place.split('/').at(-1)))
    return standstills.map((standstill) => ({ shardId, ...standstill }))
  })
}

function stateText({ mapping, report }: MappingDescription): string {
  const state = report?.state === 'refused' ? 'refused' : mapping.state
  return report?.reason === undefined ? state : `${state}: ${report.reason}`
}

function batchText({
  batchSize,
  batchWindowMs,
  parallelizationFactor,
  tumblingWindowMs,
}: NamedMapping['mapping']): string {
  const parts = [`up to ${countOf(batchSize, 'record')}`]
  if (batchWindowMs > 0) parts.push(`gathered for ${formatDuration(batchWindowMs)}`)
  if (parallelizationFactor > 1) parts.push(`${parallelizationFactor} at a time`)
  if (tumblingWindowMs > 0) parts.push(`windows of ${formatDuration(tumblingWindowMs)}`)
  return parts.join(', ')
}

function retryText(mapping: NamedMapping['mapping']): string {
  const { retriesMax, recordAgeMaxMs, bisectsOnError, reportsItemFailures } = mapping
  const parts = [retriesMax < 0 ? 'until records expire' : formatCount(retriesMax)]
  if (recordAgeMaxMs >= 0) parts.push(`no record older than ${formatDuration(recordAgeMaxMs)}`)
  if (bisectsOnError) parts.push('halving')
  if (reportsItemFailures) parts.push('from the record that the function names')
  return parts.join(', ')
}

function failureText({ onFailure }: NamedMapping['mapping']): string {
  if (onFailure === undefined) return 'nobody is told'
  if (onFailure.type === 'http') return onFailure.url
  return onFailure.type === 'stream' ? `stream ${onFailure.stream}` : `delivery ${onFailure.delivery}`
}
