// What is done to the records of a delivery that was made through another door, in the words of the Firehose API: processors, and the
// conversion to Parquet. Pure.
import type { DeliveryDefinition } from 'millrace/protocol'
import type { ExtendedS3Configuration, Processing } from '../given.ts'

type Processor = NonNullable<Processing['Processors']>[number]
type Parameters = NonNullable<Processor['Parameters']>
type Conversion = NonNullable<ExtendedS3Configuration['DataFormatConversionConfiguration']>
type ParquetWords = NonNullable<
  NonNullable<NonNullable<Conversion['OutputFormatConfiguration']>['Serializer']>['ParquetSerDe']
>

const MIB = 1024 * 1024

/** Zstandard has no word there. */
const parquetCompressions: Readonly<Record<string, ParquetWords['Compression']>> = {
  snappy: 'SNAPPY',
  gzip: 'GZIP',
  none: 'UNCOMPRESSED',
}

/** The conversion to Parquet; undefined where there is none. There is no Glue, so that it names no schema. */
export function conversionFrom({ format }: Pick<DeliveryDefinition, 'format'>): Conversion | undefined {
  if (format.type !== 'parquet') return undefined
  const { compression, rowGroupBytes } = format
  const ParquetSerDe = { Compression: parquetCompressions[compression], BlockSizeBytes: rowGroupBytes }
  return {
    Enabled: true,
    InputFormatConfiguration: { Deserializer: { OpenXJsonSerDe: {} } },
    OutputFormatConfiguration: { Serializer: { ParquetSerDe } },
  }
}

/** The processors; undefined where there are none. */
export function processingFrom({
  deaggregation = [],
  transform,
  partitioning,
  delimiter,
}: Pick<DeliveryDefinition, 'deaggregation' | 'transform' | 'partitioning' | 'delimiter'>):
  Processing | undefined {
  const queries = Object.entries(partitioning?.queries ?? {})
  const members = queries.map(([name, query]) => `${JSON.stringify(name)}: (${query})`)
  const Processors: Processor[] = [
    ...deaggregation.flatMap((each): Processor[] => {
      // Aggregates of the KPL are taken apart by the service too, without being told.
      if (each.type === 'kpl') return []
      if (each.type === 'json') return [processor('RecordDeAggregation', { SubRecordType: 'JSON' })]
      const Delimiter = escaped(each.delimiter)
      return [processor('RecordDeAggregation', { SubRecordType: 'DELIMITED', Delimiter })]
    }),
    ...(transform === undefined
      ? []
      : [
          processor('Lambda', {
            LambdaArn: transform.function,
            NumberOfRetries: String(transform.retriesMax),
            BufferSizeInMBs: String(transform.bufferBytes / MIB),
            BufferIntervalInSeconds: String(transform.bufferIntervalMs / 1000),
          }),
        ]),
    ...(members.length === 0
      ? []
      : [
          processor('MetadataExtraction', {
            MetadataExtractionQuery: `{${members.join(', ')}}`,
            JsonParsingEngine: 'JQ-1.6',
          }),
        ]),
    ...(delimiter === '' ? [] : [processor('AppendDelimiterToRecord', { Delimiter: escaped(delimiter) })]),
  ]
  return Processors.length === 0 ? undefined : { Enabled: true, Processors }
}

function processor(
  Type: Processor['Type'],
  parameters: { readonly [N in Parameters[number]['ParameterName']]?: string },
): Processor {
  const entries = Object.entries(parameters) as [Parameters[number]['ParameterName'], string][]
  return {
    Type,
    Parameters: entries.map(([ParameterName, ParameterValue]) => ({ ParameterName, ParameterValue })),
  }
}

const escapes: Readonly<Record<string, string>> = { '\n': 'n', '\r': 'r', '\t': 't', '\\': '\\' }

/** A delimiter as the service writes it. */
function escaped(text: string): string {
  return text.replace(/[\n\r\t\\]/g, (character) => `\\${escapes[character]!}`)
}
