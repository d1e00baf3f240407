// Destinations of requests as parts of definitions, and what is refused of them. Pure.
import { describe, expect, it } from 'vitest'
import type { ExtendedS3Configuration, HttpConfiguration, Processing } from '../../../src/firehose/given.ts'
import { translateDestination } from '../../../src/firehose/translation/definition.ts'

const ROLE = 'arn:aws:iam::123456789012:role/firehose'
const plain: ExtendedS3Configuration = { RoleARN: ROLE, BucketARN: 'arn:aws:s3:::lake' }
const rules = { buckets: undefined, isStreamSourced: false }
const MIB = 1024 * 1024

const fromS3 = (configuration: Partial<ExtendedS3Configuration> = {}, more: Partial<typeof rules> = {}) =>
  translateDestination({ type: 's3', configuration: { ...plain, ...configuration } }, { ...rules, ...more })

type Processor = NonNullable<Processing['Processors']>[number]
const processing = (...Processors: Processor[]): Processing => ({ Enabled: true, Processors })
const processor = (Type: Processor['Type'], parameters: Record<string, string> = {}): Processor => ({
  Type,
  Parameters: Object.entries(parameters).map(([ParameterName, ParameterValue]) => ({
    ParameterName: ParameterName as NonNullable<Processor['Parameters']>[number]['ParameterName'],
    ParameterValue,
  })),
})

describe('a destination in S3', () => {
  it('has the defaults of the service', () => {
    expect(fromS3()).toEqual({
      destination: { type: 's3', bucket: 'lake' },
      prefix: '',
      errorPrefix: '',
      timeZone: 'UTC',
      buffer: { bytes: 5 * MIB, intervalMs: 300_000 },
      compression: 'none',
      format: { type: 'raw' },
      delimiter: '',
    })
  })

  it('is a bucket of the server, or a folder of the directory, that the endpoint names', () => {
    expect(fromS3({}, { buckets: 'http://127.0.0.1:9000' } as never).destination).toEqual({
      type: 's3',
      bucket: 'lake',
      endpoint: 'http://127.0.0.1:9000',
    })
    expect(fromS3({}, { buckets: '/var/lakes' } as never).destination).toEqual({
      type: 'directory',
      path: '/var/lakes/lake',
    })
  })

  it('says names, buffers and compression', () => {
    const parts = fromS3({
      Prefix: 'in/!{timestamp:yyyy}/',
      ErrorOutputPrefix: 'bad/!{firehose:error-output-type}/',
      BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 0 },
      CompressionFormat: 'HADOOP_SNAPPY',
      FileExtension: '.json.sz',
      CustomTimeZone: 'Europe/Berlin',
    })
    expect(parts).toMatchObject({
      prefix: 'in/!{timestamp:yyyy}/',
      errorPrefix: 'bad/!{firehose:error-output-type}/',
      buffer: { bytes: MIB, intervalMs: 0 },
      compression: 'hadoop-snappy',
      extension: '.json.sz',
      timeZone: 'Europe/Berlin',
    })
  })

  it('takes the records of KPL apart where it reads a Kinesis stream', () => {
    expect(fromS3({}, { isStreamSourced: true }).deaggregation).toEqual([{ type: 'kpl' }])
  })

  it('partitions by the keys of a query', () => {
    const parts = fromS3({
      Prefix: 'c=!{partitionKeyFromQuery:c}/',
      ErrorOutputPrefix: 'bad/!{firehose:error-output-type}/',
      DynamicPartitioningConfiguration: { Enabled: true },
      ProcessingConfiguration: processing(
        processor('MetadataExtraction', {
          MetadataExtractionQuery: '{c:.country}',
          JsonParsingEngine: 'JQ-1.6',
        }),
        processor('RecordDeAggregation', { SubRecordType: 'JSON' }),
        processor('AppendDelimiterToRecord', { Delimiter: String.raw`\n` }),
      ),
    })
    expect(parts).toMatchObject({
      partitioning: { queries: { c: '.country' }, partitionsMax: 500 },
      buffer: { bytes: 128 * MIB, intervalMs: 300_000 },
      deaggregation: [{ type: 'json' }],
      delimiter: '\n',
    })
  })

  it('transforms by the function of an ARN', () => {
    const LambdaArn = 'arn:aws:lambda:us-east-1:123456789012:function:enrich:$LATEST'
    expect(
      fromS3({ ProcessingConfiguration: processing(processor('Lambda', { LambdaArn })) }).transform,
    ).toEqual({
      function: 'enrich',
      bufferBytes: MIB,
      bufferIntervalMs: 60_000,
      retriesMax: 3,
    })
    const parameters = {
      LambdaArn,
      BufferSizeInMBs: '0.2',
      BufferIntervalInSeconds: '900',
      NumberOfRetries: '0',
    }
    expect(
      fromS3({ ProcessingConfiguration: processing(processor('Lambda', parameters)) }).transform,
    ).toEqual({
      function: 'enrich',
      bufferBytes: Math.round(0.2 * MIB),
      bufferIntervalMs: 900_000,
      retriesMax: 0,
    })
  })

  it('does nothing to records where processing is not enabled', () => {
    const { Processors = [] } = processing(processor('AppendDelimiterToRecord'))
    expect(fromS3({ ProcessingConfiguration: { Enabled: false, Processors } }).delimiter).toBe('')
  })

  it('converts to Parquet', () => {
    const parts = fromS3({
      DataFormatConversionConfiguration: {
        Enabled: true,
        SchemaConfiguration: { DatabaseName: 'db', TableName: 'clicks' },
        InputFormatConfiguration: { Deserializer: { OpenXJsonSerDe: {} } },
        OutputFormatConfiguration: {
          Serializer: { ParquetSerDe: { Compression: 'GZIP', BlockSizeBytes: 67_108_864 } },
        },
      },
    })
    expect(parts).toMatchObject({
      format: { type: 'parquet', compression: 'gzip', rowGroupBytes: 67_108_864 },
      buffer: { bytes: 128 * MIB },
    })
  })

  it('backs up the source', () => {
    const backup = { RoleARN: ROLE, BucketARN: 'arn:aws:s3:::raw', Prefix: 'raw/' }
    expect(fromS3({ S3BackupMode: 'Enabled', S3BackupConfiguration: backup }).backup).toEqual({
      to: { type: 's3', bucket: 'raw' },
      prefix: 'raw/',
      mode: 'all',
    })
  })

  const partitioned = {
    DynamicPartitioningConfiguration: { Enabled: true },
    ErrorOutputPrefix: 'bad/!{firehose:error-output-type}/',
  }
  const extraction = processor('MetadataExtraction', {
    MetadataExtractionQuery: '{c:.c}',
    JsonParsingEngine: 'JQ-1.6',
  })
  const parquet = {
    Enabled: true,
    SchemaConfiguration: {},
    InputFormatConfiguration: {},
    OutputFormatConfiguration: { Serializer: { ParquetSerDe: {} } },
  }

  it.each<[string, Partial<ExtendedS3Configuration>, RegExp]>([
    ['one hint of two', { BufferingHints: { SizeInMBs: 5 } }, /both SizeInMBs and IntervalInSeconds/],
    ['an unknown zone', { CustomTimeZone: 'Europe/Atlantis' }, /not a valid time zone/],
    [
      'an expression that is none',
      { Prefix: 'a/!{year}/' },
      /Prefix contains an invalid expression: !{year}/,
    ],
    ['an expression without end', { Prefix: 'a/!{timestamp:yyyy' }, /invalid expression/],
    [
      'expressions without an error prefix',
      { Prefix: '!{timestamp:yyyy}/' },
      /ErrorOutputPrefix cannot be null/,
    ],
    [
      'an error prefix without the type',
      { ErrorOutputPrefix: '!{timestamp:yyyy}/' },
      /must contain !{firehose:error-output-type}/,
    ],
    ['the error type in the prefix', { Prefix: '!{firehose:error-output-type}/' }, /Prefix cannot contain/],
    [
      'keys without partitioning',
      { Prefix: '!{partitionKeyFromQuery:c}/', ErrorOutputPrefix: 'bad/' },
      /only be part of a prefix expression when Dynamic Partitioning is enabled/,
    ],
    [
      'partitioning without keys',
      { ...partitioned, ProcessingConfiguration: processing(extraction) },
      /must contain a partition key/,
    ],
    [
      'a key that no query makes',
      {
        ...partitioned,
        Prefix: '!{partitionKeyFromQuery:d}/',
        ProcessingConfiguration: processing(extraction),
      },
      /the partition key d/,
    ],
    [
      'a small buffer with partitions',
      {
        ...partitioned,
        Prefix: '!{partitionKeyFromQuery:c}/',
        ProcessingConfiguration: processing(extraction),
        BufferingHints: { SizeInMBs: 63, IntervalInSeconds: 60 },
      },
      /at least 64 when Dynamic Partitioning/,
    ],
    [
      'extraction without partitioning',
      { ProcessingConfiguration: processing(extraction) },
      /only allowed when Dynamic Partitioning/,
    ],
    [
      'a processor that is not built',
      { ProcessingConfiguration: processing(processor('Decompression')) },
      /Decompression are not supported/,
    ],
    [
      'two of one type',
      { ProcessingConfiguration: processing(extraction, extraction) },
      /Only one processor/,
    ],
    [
      'Lambda without a function',
      { ProcessingConfiguration: processing(processor('Lambda')) },
      /must have the parameter LambdaArn/,
    ],
    [
      'a number out of bounds',
      { ProcessingConfiguration: processing(processor('Lambda', { LambdaArn: 'f', BufferSizeInMBs: '4' })) },
      /between 0.2 and 3, and is 4/,
    ],
    [
      'a small buffer with conversion',
      { DataFormatConversionConfiguration: parquet, BufferingHints: { SizeInMBs: 5, IntervalInSeconds: 60 } },
      /at least 64 when data format conversion/,
    ],
    [
      'compression with conversion',
      { DataFormatConversionConfiguration: parquet, CompressionFormat: 'GZIP' },
      /must be UNCOMPRESSED/,
    ],
    [
      'ORC',
      {
        DataFormatConversionConfiguration: {
          ...parquet,
          OutputFormatConfiguration: { Serializer: { OrcSerDe: {} } },
        },
      },
      /OrcSerDe is not supported/,
    ],
    ['a backup without its place', { S3BackupMode: 'Enabled' }, /S3BackupConfiguration is required/],
  ])('is refused with %s', (_, configuration, reason) => {
    expect(() => fromS3(configuration)).toThrow(reason)
  })
})

describe('an HTTP endpoint', () => {
  const endpoint: HttpConfiguration = {
    EndpointConfiguration: { Url: 'https://collector.example/in', Name: 'collector', AccessKey: 'secret' },
    S3Configuration: { RoleARN: ROLE, BucketARN: 'arn:aws:s3:::failed', Prefix: 'http/' },
  }
  const fromHttp = (more: Partial<HttpConfiguration> = {}) =>
    translateDestination({ type: 'http', configuration: { ...endpoint, ...more } }, rules)

  it('is a destination with a backup', () => {
    expect(fromHttp()).toMatchObject({
      destination: {
        type: 'http',
        url: 'https://collector.example/in',
        accessKey: 'secret',
        contentEncoding: 'none',
        retryMs: 300_000,
      },
      backup: { to: { type: 's3', bucket: 'failed' }, prefix: 'http/', mode: 'failed' },
    })
  })

  it('is sent what it asks for', () => {
    const parts = fromHttp({
      RequestConfiguration: {
        ContentEncoding: 'GZIP',
        CommonAttributes: [{ AttributeName: 'team', AttributeValue: 'data' }],
      },
      RetryOptions: { DurationInSeconds: 0 },
      S3BackupMode: 'AllData',
      BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 60 },
    })
    expect(parts).toMatchObject({
      destination: { contentEncoding: 'gzip', attributes: { team: 'data' }, retryMs: 0 },
      buffer: { bytes: MIB, intervalMs: 60_000 },
      backup: { mode: 'all' },
    })
  })

  it('is refused with a secret of the secrets manager', () => {
    expect(() => fromHttp({ SecretsManagerConfiguration: { Enabled: true } })).toThrow(
      /SecretsManagerConfiguration is not supported/,
    )
  })
})
