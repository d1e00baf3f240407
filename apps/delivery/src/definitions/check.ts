// Checks a definition as a whole: what is refused, with its place, and what is taken although Firehose would refuse it. Pure; each door
// to deliveries checks by it before it writes, and the app before it carries out.
import { posix, win32 } from 'node:path'
import {
  deliveryCompressions,
  type DeliveryDefinition,
  type DeliveryDestination,
  type ObjectDestination,
} from 'millrace/protocol'
import { HTTP_BODY_BYTES_MAX } from '../destinations/http/http-request.ts'
import { hasExpression, keysOf, readPrefix, type Prefix, type PrefixFault } from '../naming/prefix.ts'
import { isTimeZone } from '../naming/zoned-time.ts'
import { bounds, lengths, type Bound } from './bounds.ts'
import { checkPartitioning } from './check-middle.ts'
import type { DefinitionFault } from './delivery-error.ts'

export interface DefinitionCheck {
  readonly faults: readonly DefinitionFault[]
  /** Sentences about what Firehose would not take, or what will not be as one may expect. */
  readonly warnings: readonly string[]
}

type Say = (place: string, message: string) => void

/** Returns a sentence about a name that no delivery can have; undefined for one that is fine. */
export function nameFault(name: string): string | undefined {
  if (/^[\w.-]+$/.test(name) && name.length <= lengths.name) return undefined
  return `A delivery's name has 1 to ${lengths.name} letters, digits, underscores, full stops and hyphens: ${JSON.stringify(name)} is none.`
}

/** Checks all of a definition. */
export function checkDefinition(definition: DeliveryDefinition): DefinitionCheck {
  const faults: DefinitionFault[] = []
  const warnings: string[] = []
  const say: Say = (place, message) => faults.push({ place, message })
  checkDestination(definition.destination, 'destination', say)
  if (definition.backup !== undefined) checkDestination(definition.backup.to, 'backup.to', say)
  checkFigures(definition, say, warnings)
  checkNames(definition, say)
  checkCombinations(definition, say, warnings)
  for (const fault of checkPartitioning(definition)) faults.push(fault)
  return { faults, warnings }
}

/** True for a destination that takes objects. */
export function isObjectDestination(destination: DeliveryDestination): destination is ObjectDestination {
  return destination.type === 'directory' || destination.type === 's3'
}

function checkDestination(destination: DeliveryDestination, place: string, say: Say): void {
  switch (destination.type) {
    case 'directory':
      if (!posix.isAbsolute(destination.path) && !win32.isAbsolute(destination.path)) {
        say(`${place}.path`, `The directory ${JSON.stringify(destination.path)} is no absolute path.`)
      }
      if (destination.path.includes('\0'))
        say(`${place}.path`, 'The directory has a character that no path has.')
      return
    case 's3':
      if (!/^[a-zA-Z0-9][\w.-]{1,254}$/.test(destination.bucket)) {
        say(`${place}.bucket`, `${JSON.stringify(destination.bucket)} is no name of a bucket.`)
      }
      if (destination.endpoint !== undefined && urlOf(destination.endpoint) === undefined) {
        say(`${place}.endpoint`, `The endpoint ${JSON.stringify(destination.endpoint)} is no url.`)
      }
      return
    case 'http':
      if (urlOf(destination.url) === undefined) {
        say(`${place}.url`, `${JSON.stringify(destination.url)} is no url of http or https.`)
      }
      if ((destination.accessKey?.length ?? 0) > 4096)
        say(`${place}.accessKey`, 'The access key has more than 4096 characters.')
      if (!/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$|^$/.test(destination.accessKey ?? ''))
        say(`${place}.accessKey`, 'The access key has characters that a header cannot have.')
      checkAttributes(destination.attributes ?? {}, `${place}.attributes`, say)
      return
    case 'stream':
      if (destination.stream === '') say(`${place}.stream`, 'The stream of the destination has no name.')
  }
}

/** As Firehose's protocol bounds them. */
function checkAttributes(attributes: Readonly<Record<string, string>>, place: string, say: Say): void {
  const entries = Object.entries(attributes)
  if (entries.length > 50) say(place, 'There are more than 50 attributes.')
  for (const [name, value] of entries) {
    if (name.length < 1 || name.length > 256)
      say(place, `The name of an attribute has ${name.length} characters: it has 1 to 256.`)
    if (value.length > 1024)
      say(place, `The attribute ${name} has ${value.length} characters: it has up to 1024.`)
  }
}

function checkFigures(definition: DeliveryDefinition, say: Say, warnings: string[]): void {
  const { buffer, partitioning, transform, destination, format } = definition
  const figures: readonly (readonly [Bound, number | undefined])[] = [
    [bounds.bufferBytes, buffer.bytes],
    [bounds.bufferIntervalMs, buffer.intervalMs],
    [bounds.partitionsMax, partitioning?.partitionsMax],
    [bounds.transformBytes, transform?.bufferBytes],
    [bounds.transformIntervalMs, transform?.bufferIntervalMs],
    [bounds.transformRetries, transform?.retriesMax],
    [bounds.httpRetryMs, destination.type === 'http' ? destination.retryMs : undefined],
    [bounds.rowGroupBytes, format.type === 'parquet' ? format.rowGroupBytes : undefined],
  ]
  for (const [bound, figure] of figures) {
    if (figure === undefined) continue
    const { place, what, unit, min, max, firehose } = bound
    const shown = (amount: number): string => shownAmount(amount, unit)
    if (!Number.isSafeInteger(figure) || figure < min || figure > max) {
      say(place, `${what} is ${shown(figure)}: it lies between ${shown(min)} and ${shown(max)}.`)
    } else if (firehose !== undefined && (figure < firehose.min || figure > firehose.max)) {
      warnings.push(
        `${what} is ${shown(figure)}; Firehose takes ${shown(firehose.min)} to ${shown(firehose.max)}.`,
      )
    }
  }
}

function checkNames(definition: DeliveryDefinition, say: Say): void {
  const { timeZone, extension, delimiter, backup } = definition
  if (!isTimeZone(timeZone))
    say('timeZone', `${JSON.stringify(timeZone)} is no time zone: an IANA name is, such as Europe/Berlin.`)
  if (
    extension !== undefined &&
    (!/^\.[\w.!*'()-]+$/.test(extension) || extension.length > lengths.extension)
  ) {
    say(
      'extension',
      `The extension ${JSON.stringify(extension)} is none: it begins with a full stop and has up to ${lengths.extension} letters, digits and marks.`,
    )
  }
  if (delimiter.length > lengths.delimiter)
    say('delimiter', `The delimiter has more than ${lengths.delimiter} characters.`)
  const prefix = prefixIn(definition.prefix, 'prefix', say)
  const errorPrefix = prefixIn(definition.errorPrefix, 'errorPrefix', say)
  if (prefix !== undefined) checkPrefix(prefix, definition, say)
  if (errorPrefix !== undefined) checkErrorPrefix(errorPrefix, prefix, say)
  if (backup !== undefined) {
    const backupPrefix = prefixIn(backup.prefix, 'backup.prefix', say)
    if (backupPrefix === undefined) return
    if (keysOf(backupPrefix, 'query').length + keysOf(backupPrefix, 'lambda').length > 0) {
      say(
        'backup.prefix',
        'The prefix of the backup cannot have keys of partitions: records are backed up as they come.',
      )
    }
    if (hasExpression(backupPrefix, 'errorType')) {
      say('backup.prefix', 'The prefix of the backup cannot have firehose:error-output-type.')
    }
  }
}

function checkPrefix(prefix: Prefix, { partitioning }: DeliveryDefinition, say: Say): void {
  if (hasExpression(prefix, 'errorType')) {
    say(
      'prefix',
      'The prefix cannot have firehose:error-output-type, which belongs into the prefix of errors.',
    )
  }
  const queries = partitioning?.queries ?? {}
  for (const key of keysOf(prefix, 'query')) {
    if (!Object.hasOwn(queries, key)) {
      say('prefix', `The prefix has partitionKeyFromQuery:${key}, and no query has that name.`)
    }
  }
}

/** Firehose's rules. */
function checkErrorPrefix(errorPrefix: Prefix, prefix: Prefix | undefined, say: Say): void {
  if (errorPrefix.text === '' && prefix !== undefined && hasExpression(prefix)) {
    say(
      'errorPrefix',
      'The prefix has expressions: then a prefix of errors must be given, with !{firehose:error-output-type}.',
    )
  }
  if (hasExpression(errorPrefix) && !hasExpression(errorPrefix, 'errorType')) {
    say(
      'errorPrefix',
      'The prefix of errors has expressions: then !{firehose:error-output-type} must be one of them.',
    )
  }
  if (keysOf(errorPrefix, 'query').length + keysOf(errorPrefix, 'lambda').length > 0) {
    say('errorPrefix', 'The prefix of errors cannot have keys of partitions: the records may have none.')
  }
}

function checkCombinations(definition: DeliveryDefinition, say: Say, warnings: string[]): void {
  const { destination, source, format, compression, partitioning, backup, buffer, transform } = definition
  const isObjects = isObjectDestination(destination)
  if (!(deliveryCompressions as readonly string[]).includes(compression)) {
    say(
      'compression',
      `${JSON.stringify(compression)} is no compression: there are ${deliveryCompressions.join(', ')}.`,
    )
  }
  if (format.type === 'parquet' && compression !== 'none') {
    say('compression', `Parquet is compressed inside: give the compression ${compression} to the format.`)
  }
  if (!isObjects) {
    if (format.type !== 'raw')
      say('format', `The destination ${destination.type} takes records, and no files: it has no format.`)
    if (compression !== 'none')
      say(
        'compression',
        `The destination ${destination.type} takes records, and no files: it has no compression.`,
      )
    if (partitioning !== undefined)
      say('partitioning', `The destination ${destination.type} has no partitions: only files have.`)
  }
  if (destination.type === 'http' && backup === undefined) {
    say('backup', 'An HTTP endpoint needs a backup, for records that it does not take.')
  }
  if (destination.type === 'http' && buffer.bytes > HTTP_BODY_BYTES_MAX) {
    say(
      'buffer.bytes',
      `The size of a buffer is ${shownAmount(buffer.bytes, 'bytes')}: requests to an HTTP endpoint have up to ${shownAmount(HTTP_BODY_BYTES_MAX, 'bytes')}.`,
    )
  }
  if (destination.type === 'stream') {
    if (destination.stream === source.stream)
      say('destination.stream', 'A delivery cannot deliver a stream to itself.')
    if (backup === undefined && (transform !== undefined || definition.deaggregation !== undefined)) {
      say('backup', 'A stream has no place for records that fail: give a backup.')
    }
  }
  if (buffer.intervalMs === 0 && partitioning !== undefined) {
    warnings.push('With an interval of 0 each partition is written at once: that makes many small files.')
  }
}

function prefixIn(text: string, place: string, say: Say): Prefix | undefined {
  const read: Prefix | PrefixFault = readPrefix(text)
  if ('parts' in read) return read
  const what =
    place === 'errorPrefix'
      ? 'The prefix of errors'
      : place === 'prefix'
        ? 'The prefix'
        : 'The prefix of the backup'
  say(place, `${what} ${read.message}, at character ${read.at}.`)
  return undefined
}

function urlOf(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined
}

function shownAmount(amount: number, unit: Bound['unit']): string {
  if (unit === 'count') return String(amount)
  const steps =
    unit === 'bytes'
      ? ([
          ['GiB', 2 ** 30],
          ['MiB', 2 ** 20],
          ['KiB', 2 ** 10],
          ['B', 1],
        ] as const)
      : ([
          ['h', 3_600_000],
          ['s', 1000],
          ['ms', 1],
        ] as const)
  const [name, of] = steps.find(([, size]) => amount >= size && amount % size === 0) ?? steps.at(-1)!
  return `${amount / of} ${name}`
}
