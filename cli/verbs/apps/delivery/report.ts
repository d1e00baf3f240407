// Formats deliveries for people: a list, and one with its shards and the reasons why they stand where they stand. Pure.
import type { DeliveryDefinition } from '../../../../protocol/apps/delivery-definition.ts'
import { kinds } from '../../../../broker/config/kinds.ts'
import { countOf, formatBytes, formatCount } from '../../../output/amounts.ts'
import { groupReport } from '../../../output/group-report.ts'
import { formatFields, formatTable, type Room } from '../../../output/table.ts'
import type { ShownDelivery } from './definitions-module.ts'

export function deliveryTable(
  deliveries: readonly { readonly name: string; readonly definition: DeliveryDefinition }[],
  room: Room,
): string {
  const rows = deliveries.map(({ name, definition }) => [
    name,
    definition.state,
    definition.source.stream,
    placeText(definition),
    formatText(definition),
    String(definition.version),
  ])
  return formatTable(['name', 'state', 'stream', 'to', 'format', 'version'], rows, room)
}

export function deliveryReport(
  { name, definition, verdict, group, progress }: ShownDelivery,
  room: Room,
): string {
  const { source, buffer, prefix, errorPrefix, partitioning, transform, backup } = definition
  const sum = (of: 'records' | 'bytes' | 'objects' | 'failed'): number =>
    progress.reduce((total, { delivered }) => total + delivered[of], 0)
  const troubles = progress.flatMap(({ shardIndex, trouble }) =>
    trouble === undefined
      ? []
      : [`shard ${shardIndex}: ${trouble.message} (since ${new Date(trouble.since).toISOString()})`],
  )
  const fields: [string, string][] = [
    ['name', name],
    ['state', stateText(definition, verdict)],
    ['version', String(definition.version)],
    ['stream', source.isOwn ? `${source.stream} (its own)` : source.stream],
    ['to', placeText(definition)],
    ['format', formatText(definition)],
    ['prefix', prefix === '' ? 'none' : prefix],
    ['error prefix', errorPrefix === '' ? 'none' : errorPrefix],
    ['buffer', `${formatBytes(buffer.bytes)} or ${kinds.duration.format(buffer.intervalMs)}`],
    ...Object.entries(partitioning?.queries ?? {}).map(([key, query]): [string, string] => [
      'partition',
      `${key} = ${query}`,
    ]),
    ...(transform === undefined ? [] : [['transform', transform.function] as [string, string]]),
    ...(backup === undefined
      ? []
      : [['backup', `${objectText(backup.to)}, ${backup.mode}`] as [string, string]]),
    [
      'delivered',
      `${countOf(sum('records'), 'record')} in ${countOf(sum('objects'), 'object')}, ${formatBytes(sum('bytes'))}`,
    ],
    ['failed', countOf(sum('failed'), 'record')],
    ...troubles.map((trouble): [string, string] => ['trouble', trouble]),
  ]
  const about = formatFields(fields, room)
  if (group === undefined)
    return `${about}\n\nNo app has begun it yet: run \`millrace serve --with delivery\`, or \`millrace delivery serve\`.`
  return `${about}\n\n${groupReport(group, room)}`
}

/** A delivery as JSON, without secrets. */
export function shownJson({ definition, ...rest }: ShownDelivery): object {
  return { ...rest, definition: withoutSecrets(definition) }
}

/** A definition as others may see it. */
export function withoutSecrets(definition: DeliveryDefinition): DeliveryDefinition {
  const hidden = '(hidden)'
  const hide = <T extends DeliveryDefinition['destination']>(destination: T): T => {
    if (destination.type === 's3' && destination.credentials !== undefined) {
      return { ...destination, credentials: { ...destination.credentials, secretAccessKey: hidden } }
    }
    if (destination.type === 'http' && destination.accessKey !== undefined)
      return { ...destination, accessKey: hidden }
    return destination
  }
  const { backup } = definition
  return {
    ...definition,
    destination: hide(definition.destination),
    ...(backup !== undefined && { backup: { ...backup, to: hide(backup.to) } }),
  }
}

function stateText({ state, version }: DeliveryDefinition, verdict: ShownDelivery['verdict']): string {
  if (verdict === undefined || verdict.version !== version || verdict.verdict === 'accepted') return state
  return `${state}, but refused by the app: ${verdict.reason ?? 'it gives no reason'}`
}

function placeText({ destination }: DeliveryDefinition): string {
  switch (destination.type) {
    case 'directory':
    case 's3':
      return objectText(destination)
    case 'http':
      return destination.url
    case 'stream':
      return `stream:${destination.stream}`
  }
}

function objectText(destination: NonNullable<DeliveryDefinition['backup']>['to']): string {
  return destination.type === 's3' ? `s3://${destination.bucket}` : destination.path
}

function formatText({ format, compression }: DeliveryDefinition): string {
  if (format.type === 'parquet') return `parquet, ${format.compression}`
  return compression === 'none' ? 'raw' : `raw, ${compression}`
}

/** A line about what was made. */
export function madeText(name: string, { version, source }: DeliveryDefinition): string {
  return version === 1
    ? `Made the delivery ${name} of ${source.stream}.`
    : `Changed the delivery ${name}: it is version ${formatCount(version)} now.`
}
