// Definitions: their defaults, what is refused and at which place, and what is taken with a warning.
import { describe, expect, it } from 'vitest'
import type { DeliveryDefinition } from 'millrace/protocol'
import { checkDefinition, nameFault } from '../../src/definitions/check.ts'
import {
  changedDefinition,
  newDefinition,
  type DeliveryInput,
} from '../../src/definitions/definition-input.ts'

const input: DeliveryInput = {
  source: { stream: 'clicks' },
  destination: { type: 'directory', path: '/lake' },
}
const http = { type: 'http', url: 'https://example.org/in' } as const
const fifty = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`a${i}`, '']))
const backup = { to: { type: 'directory', path: '/failed' } } as const
const parquet = { type: 'parquet', compression: 'snappy' } as const
const byCountry = { queries: { country: '.country' } }

const check = (changes: Partial<DeliveryInput>) => checkDefinition(newDefinition({ ...input, ...changes }, 0))

describe('a new definition', () => {
  it('has the defaults, and is taken', () => {
    expect(newDefinition(input, 7)).toEqual({
      createdAt: 7,
      updatedAt: 7,
      version: 1,
      state: 'active',
      source: { stream: 'clicks', from: 'TRIM_HORIZON', isOwn: false },
      destination: { type: 'directory', path: '/lake' },
      prefix: '',
      errorPrefix: 'errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/',
      timeZone: 'UTC',
      buffer: { bytes: 5 * 2 ** 20, intervalMs: 300_000 },
      delimiter: '\n',
      compression: 'none',
      format: { type: 'raw' },
      tags: {},
    } satisfies DeliveryDefinition)
    expect(check({})).toEqual({ faults: [], warnings: [] })
  })

  it('has names of columns in its prefix where it has partitions, and larger buffers', () => {
    const definition = newDefinition({ ...input, partitioning: byCountry }, 0)
    expect(definition).toMatchObject({
      prefix: 'country=!{partitionKeyFromQuery:country}/',
      partitioning: { partitionsMax: 500 },
      buffer: { bytes: 128 * 2 ** 20 },
    })
    expect(newDefinition({ ...input, partitioning: byCountry, prefix: 'x/' }, 0).prefix).toBe('x/')
  })

  it('that is changed keeps what is not named, in its next version', () => {
    const before = newDefinition({ ...input, buffer: { bytes: 2048 } }, 1)
    expect(changedDefinition(before, { buffer: { intervalMs: 5 }, prefix: 'a/' }, 2)).toEqual({
      ...before,
      version: 2,
      updatedAt: 2,
      prefix: 'a/',
      buffer: { bytes: 2048, intervalMs: 5 },
    })
  })
})

describe('checkDefinition', () => {
  it.each<[string, Partial<DeliveryInput>, string]>([
    ['destination.path', { destination: { type: 'directory', path: 'lake' } }, 'no absolute path'],
    ['destination.bucket', { destination: { type: 's3', bucket: 'a/b' } }, 'no name of a bucket'],
    ['destination.url', { destination: { type: 'http', url: 'ftp://x' }, backup }, 'no url'],
    ['destination.stream', { destination: { type: 'stream', stream: 'clicks' } }, 'to itself'],
    ['backup', { destination: http }, 'needs a backup'],
    [
      'destination.accessKey',
      { destination: { ...http, accessKey: 'a\nb' }, backup },
      'a header cannot have',
    ],
    ['destination.accessKey', { destination: { ...http, accessKey: 'a'.repeat(4097) }, backup }, '4096'],
    ['destination.attributes', { destination: { ...http, attributes: fifty }, backup }, 'more than 50'],
    ['destination.attributes', { destination: { ...http, attributes: { '': 'a' } }, backup }, '1 to 256'],
    [
      'destination.attributes',
      { destination: { ...http, attributes: { a: 'a'.repeat(1025) } }, backup },
      'up to 1024',
    ],
    ['buffer.bytes', { destination: http, backup, buffer: { bytes: 65 * 2 ** 20 } }, 'up to 64 MiB'],
    ['destination.retryMs', { destination: { ...http, retryMs: 7_200_001 }, backup }, 'between 0 ms and 2 h'],
    [
      'backup',
      { destination: { type: 'stream', stream: 'b' }, transform: { function: 'f' } },
      'give a backup',
    ],
    ['buffer.bytes', { buffer: { bytes: 1023 } }, 'between 1 KiB and 4 GiB'],
    ['buffer.intervalMs', { buffer: { intervalMs: 86_400_001 } }, 'between 0 ms and 24 h'],
    [
      'partitioning.partitionsMax',
      { partitioning: { ...byCountry, partitionsMax: 0 } },
      'between 1 and 5000',
    ],
    ['transform.retriesMax', { transform: { function: 'f', retriesMax: 301 } }, 'between 0 and 300'],
    ['timeZone', { timeZone: 'Mars/Base' }, 'no time zone'],
    ['extension', { extension: 'gz' }, 'begins with a full stop'],
    ['prefix', { prefix: 'a/!{timestamp:bb}' }, 'at character 15'],
    [
      'prefix',
      { prefix: '!{partitionKeyFromQuery:city}/', partitioning: byCountry },
      'no query has that name',
    ],
    ['prefix', { prefix: '!{firehose:error-output-type}/' }, 'belongs into the prefix of errors'],
    ['errorPrefix', { prefix: '!{timestamp:yyyy}/', errorPrefix: '' }, 'must be given'],
    ['errorPrefix', { errorPrefix: '!{timestamp:yyyy}/' }, 'must be one of them'],
    [
      'errorPrefix',
      { errorPrefix: '!{firehose:error-output-type}/!{partitionKeyFromQuery:a}' },
      'keys of partitions',
    ],
    ['backup.prefix', { backup: { ...backup, prefix: '!{partitionKeyFromQuery:a}' } }, 'keys of partitions'],
    ['compression', { compression: 'gzip', format: parquet }, 'compressed inside'],
    ['format', { destination: http, backup, format: parquet }, 'takes records, and no files'],
    ['compression', { destination: http, backup, compression: 'gzip' }, 'takes records, and no files'],
    ['partitioning', { destination: http, backup, partitioning: byCountry }, 'only files have'],
    [
      'partitioning.queries.a b',
      { prefix: 'x', partitioning: { queries: { 'a b': '.a' } } },
      'no name of a query',
    ],
    [
      'deaggregation.0.delimiter',
      { deaggregation: [{ type: 'delimited', delimiter: '' }] },
      'empty delimiter',
    ],
    ['format.columns', { format: { ...parquet, columns: [] } }, 'columns'],
  ])('refuses at %s', (place, changes, message) => {
    const { faults } = check(changes)
    expect(faults).toContainEqual({ place, message: expect.stringContaining(message) })
  })

  it('takes what Firehose would not, and says so', () => {
    expect(check({ buffer: { bytes: 2 ** 30, intervalMs: 3_600_000 } })).toEqual({
      faults: [],
      warnings: [
        'The size of a buffer is 1 GiB; Firehose takes 1 MiB to 128 MiB.',
        'The interval of a buffer is 1 h; Firehose takes 0 ms to 900 s.',
      ],
    })
    const { warnings } = check({ partitioning: byCountry, buffer: { intervalMs: 0 } })
    expect(warnings).toEqual([expect.stringContaining('many small files')])
  })

  it('takes names of deliveries as Firehose does', () => {
    expect(nameFault('a.b_c-1')).toBeUndefined()
    expect(nameFault('x'.repeat(64))).toBeUndefined()
    for (const name of ['', 'x'.repeat(65), 'a b', 'a/b']) expect(nameFault(name)).toContain('1 to 64')
  })
})
