// Processors of a request, as parts of a definition. Pure. Those that are not built are refused by their names.
import type { DeliveryDeaggregation, DeliveryTransform } from 'millrace/protocol'
import type { Processing } from '../given.ts'
import { invalid } from '../model/errors.ts'
import { functionOf } from '../names.ts'
import { jqMembers } from './jq-object.ts'

type Processor = NonNullable<Processing['Processors']>[number]
type ParameterName = NonNullable<Processor['Parameters']>[number]['ParameterName']

export interface TranslatedProcessing {
  readonly delimiter: string
  /** Keys of partitions, where records say them. */
  readonly queries: Readonly<Record<string, string>> | undefined
  readonly transform: DeliveryTransform | undefined
  readonly deaggregation: readonly DeliveryDeaggregation[]
}

const MIB = 1024 * 1024
/** Of the processor Lambda, as the service has them. */
const lambdaBounds = {
  NumberOfRetries: { min: 0, max: 300, usual: 3 },
  BufferSizeInMBs: { min: 0.2, max: 3, usual: 1 },
  BufferIntervalInSeconds: { min: 0, max: 900, usual: 60 },
} as const

/** What is done to records. A configuration that is not enabled does nothing, whatever it holds. */
export function translateProcessing(configuration: Processing | undefined): TranslatedProcessing {
  const processors = configuration?.Enabled === true ? (configuration.Processors ?? []) : []
  for (const { Type } of processors) {
    if (Type === 'Decompression' || Type === 'CloudWatchLogProcessing') {
      throw invalid(`Processors of the type ${Type} are not supported by this endpoint.`)
    }
    if (processors.filter((other) => other.Type === Type).length > 1) {
      throw invalid(`Only one processor of the type ${Type} is allowed.`)
    }
  }
  const of = (type: Processor['Type']) => processors.find(({ Type }) => Type === type)
  const delimiter = of('AppendDelimiterToRecord')
  const extraction = of('MetadataExtraction')
  const lambda = of('Lambda')
  const deaggregation = of('RecordDeAggregation')
  return {
    delimiter: delimiter === undefined ? '' : unescaped(parameterOf(delimiter, 'Delimiter') ?? '\\n'),
    queries: extraction && queriesOf(extraction),
    transform: lambda && transformOf(lambda),
    deaggregation: deaggregation === undefined ? [] : [deaggregationOf(deaggregation)],
  }
}

function queriesOf(processor: Processor): Readonly<Record<string, string>> {
  const engine = parameterOf(processor, 'JsonParsingEngine')
  if (engine !== undefined && engine !== 'JQ-1.6')
    throw invalid(`JsonParsingEngine must be JQ-1.6, and is ${engine}.`)
  return jqMembers(needed(processor, 'MetadataExtractionQuery'))
}

function transformOf(processor: Processor): DeliveryTransform {
  return {
    function: functionOf(needed(processor, 'LambdaArn')),
    bufferBytes: Math.round(numberOf(processor, 'BufferSizeInMBs') * MIB),
    bufferIntervalMs: numberOf(processor, 'BufferIntervalInSeconds') * 1000,
    retriesMax: Math.trunc(numberOf(processor, 'NumberOfRetries')),
  }
}

function deaggregationOf(processor: Processor): DeliveryDeaggregation {
  const type = needed(processor, 'SubRecordType')
  if (type === 'JSON') return { type: 'json' }
  if (type === 'DELIMITED') return { type: 'delimited', delimiter: unescaped(needed(processor, 'Delimiter')) }
  throw invalid(`SubRecordType must be JSON or DELIMITED, and is ${type}.`)
}

function numberOf(processor: Processor, name: keyof typeof lambdaBounds): number {
  const text = parameterOf(processor, name)
  const { min, max, usual } = lambdaBounds[name]
  if (text === undefined) return usual
  const number = text.trim() === '' ? Number.NaN : Number(text)
  if (number >= min && number <= max) return number
  throw invalid(`${name} of the processor Lambda must be between ${min} and ${max}, and is ${text}.`)
}

function needed(processor: Processor, name: ParameterName): string {
  const value = parameterOf(processor, name)
  if (value !== undefined) return value
  throw invalid(`Processor ${processor.Type} must have the parameter ${name}.`)
}

function parameterOf({ Parameters = [] }: Processor, name: ParameterName): string | undefined {
  return Parameters.find(({ ParameterName }) => ParameterName === name)?.ParameterValue
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\' }

/** A delimiter as it is meant: the service takes `\n`, written as two characters, for a line feed. */
function unescaped(text: string): string {
  return text.replace(/\\([nrt\\])/g, (_, letter: string) => escapes[letter]!)
}
