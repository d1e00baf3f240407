// DescribeDeliveryStream by AWS' SDK for JavaScript: what was given is shown, and what another door has made, in the service's words. An
// endpoint with a broker in this process; the verdicts of the app delivery are the test's.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCOUNT, FirehoseWorld, lake, toCollector } from './support/firehose-world.ts'

let world: FirehoseWorld

beforeAll(async () => {
  world = await FirehoseWorld.start()
})
afterAll(async () => await world[Symbol.asyncDispose]())

describe('DescribeDeliveryStream', () => {
  it('is CREATING, ACTIVE or CREATING_FAILED as the app says', async () => {
    const name = await world.made()
    expect((await world.describe(name)).DeliveryStreamStatus).toBe('CREATING')
    await world.judge(name, { version: 1, verdict: 'refused', reason: 'no bucket lake' })
    expect(await world.describe(name)).toMatchObject({
      DeliveryStreamStatus: 'CREATING_FAILED',
      FailureDescription: { Type: 'UNKNOWN_ERROR', Details: 'no bucket lake' },
    })
    await world.judge(name, { version: 1, verdict: 'accepted' })
    const described = await world.describe(name)
    expect(described.DeliveryStreamStatus).toBe('ACTIVE')
    expect(described.FailureDescription).toBeUndefined()
  })

  it('shows what was given, with the defaults of the service', async () => {
    const name = await world.made({
      ExtendedS3DestinationConfiguration: {
        ...lake,
        Prefix: 'in/',
        S3BackupMode: 'Enabled',
        S3BackupConfiguration: { ...lake, Prefix: 'raw/' },
        ProcessingConfiguration: {
          Enabled: true,
          Processors: [{ Type: 'AppendDelimiterToRecord', Parameters: [] }],
        },
      },
    })
    const filled = {
      ...lake,
      BufferingHints: { SizeInMBs: 5, IntervalInSeconds: 300 },
      CompressionFormat: 'UNCOMPRESSED',
      EncryptionConfiguration: { NoEncryptionConfig: 'NoEncryption' },
      CloudWatchLoggingOptions: { Enabled: false },
    }
    expect(await world.describe(name)).toMatchObject({
      DeliveryStreamName: name,
      DeliveryStreamType: 'DirectPut',
      VersionId: '1',
      HasMoreDestinations: false,
      DeliveryStreamEncryptionConfiguration: { Status: 'DISABLED' },
      Destinations: [
        {
          DestinationId: 'destinationId-000000000001',
          S3DestinationDescription: { ...filled, Prefix: 'in/' },
          ExtendedS3DestinationDescription: {
            ...filled,
            Prefix: 'in/',
            S3BackupMode: 'Enabled',
            S3BackupDescription: { ...filled, Prefix: 'raw/' },
            ProcessingConfiguration: { Enabled: true, Processors: [{ Type: 'AppendDelimiterToRecord' }] },
          },
        },
      ],
    })
  })

  it('shows an HTTP endpoint, and not its access key', async () => {
    const name = await world.made({
      ExtendedS3DestinationConfiguration: undefined,
      HttpEndpointDestinationConfiguration: toCollector,
    })
    const [destination] = (await world.describe(name)).Destinations!
    expect(destination!.HttpEndpointDestinationDescription).toMatchObject({
      EndpointConfiguration: { Url: 'https://collector.example/in', Name: 'collector' },
      BufferingHints: { SizeInMBs: 5, IntervalInSeconds: 300 },
      RequestConfiguration: { ContentEncoding: 'NONE', CommonAttributes: [] },
      RetryOptions: { DurationInSeconds: 300 },
      S3BackupMode: 'FailedDataOnly',
      S3DestinationDescription: lake,
    })
    expect(JSON.stringify(destination)).not.toContain('secret')
    expect((await world.definition(name))!.destination).toMatchObject({ accessKey: 'secret' })
  })

  it('shows a delivery that was made through another door', async () => {
    const name = await world.made()
    const { asGiven: _, ...definition } = (await world.definition(name))!
    const documents = world.endpoint.native.documents('deliveries')
    const destination = { type: 'directory', path: '/var/my lake' }
    await documents.put(name, {
      ...definition,
      destination,
      compression: 'gzip',
      buffer: { bytes: 1024, intervalMs: 0 },
    })
    expect(await world.describe(name)).toMatchObject({
      DeliveryStreamType: 'DirectPut',
      Destinations: [
        {
          ExtendedS3DestinationDescription: {
            BucketARN: 'arn:aws:s3:::my-lake',
            CompressionFormat: 'GZIP',
            BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 0 },
          },
        },
      ],
    })
  })

  it('shows what another door has records gone through: Parquet, partitions, functions, a backup', async () => {
    const name = await world.made()
    const { asGiven: _, ...definition } = (await world.definition(name))!
    await world.endpoint.native.documents('deliveries').put(name, {
      ...definition,
      format: { type: 'parquet', compression: 'gzip', rowGroupBytes: 128 * 2 ** 20 },
      deaggregation: [{ type: 'kpl' }, { type: 'delimited', delimiter: '\n' }],
      transform: { function: 'enrich', bufferBytes: 2 ** 20, bufferIntervalMs: 60_000, retriesMax: 3 },
      partitioning: { queries: { country: '.a, .b' }, partitionsMax: 500 },
      delimiter: '',
      backup: { to: { type: 's3', bucket: 'raw' }, prefix: 'as/', mode: 'all' },
    })
    const [destination] = (await world.describe(name)).Destinations!
    expect(destination!.ExtendedS3DestinationDescription).toMatchObject({
      DataFormatConversionConfiguration: {
        Enabled: true,
        InputFormatConfiguration: { Deserializer: { OpenXJsonSerDe: {} } },
        OutputFormatConfiguration: {
          Serializer: { ParquetSerDe: { Compression: 'GZIP', BlockSizeBytes: 128 * 2 ** 20 } },
        },
      },
      ProcessingConfiguration: {
        Enabled: true,
        Processors: [
          {
            Type: 'RecordDeAggregation',
            Parameters: [
              { ParameterName: 'SubRecordType', ParameterValue: 'DELIMITED' },
              { ParameterName: 'Delimiter', ParameterValue: String.raw`\n` },
            ],
          },
          {
            Type: 'Lambda',
            Parameters: expect.arrayContaining([
              { ParameterName: 'LambdaArn', ParameterValue: 'enrich' },
              { ParameterName: 'BufferSizeInMBs', ParameterValue: '1' },
            ]) as unknown,
          },
          {
            Type: 'MetadataExtraction',
            Parameters: [
              { ParameterName: 'MetadataExtractionQuery', ParameterValue: '{"country": (.a, .b)}' },
              { ParameterName: 'JsonParsingEngine', ParameterValue: 'JQ-1.6' },
            ],
          },
        ],
      },
      DynamicPartitioningConfiguration: { Enabled: true },
      S3BackupMode: 'Enabled',
      S3BackupDescription: { BucketARN: 'arn:aws:s3:::raw', Prefix: 'as/' },
    })
  })

  it('says of a conversion that names no switch that it is on', async () => {
    const conversion = {
      SchemaConfiguration: { DatabaseName: 'd', TableName: 't' },
      InputFormatConfiguration: { Deserializer: { OpenXJsonSerDe: {} } },
      OutputFormatConfiguration: { Serializer: { ParquetSerDe: {} } },
    }
    const name = await world.made({
      ExtendedS3DestinationConfiguration: { ...lake, DataFormatConversionConfiguration: conversion },
    })
    const [destination] = (await world.describe(name)).Destinations!
    expect(destination!.ExtendedS3DestinationDescription!.DataFormatConversionConfiguration).toEqual({
      ...conversion,
      Enabled: true,
    })
  })

  it('tells a delivery that is not there', async () => {
    await expect(world.describe('nothing')).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: `Firehose nothing under account ${ACCOUNT} not found.`,
    })
  })
})
