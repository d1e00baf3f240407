// The middle of a delivery, as its definition asks for it: records are taken apart, go through a function, and find their partitions, in
// Firehose's order. Runs in the app. Nothing is kept between calls, so that the same records give the same again.
import type { DeliveryDefinition } from 'millrace/protocol'
import { takeApart } from '../deaggregation/take-apart.ts'
import type { Clock } from '../engine/clock.ts'
import {
  identityPipeline,
  type DeliveredRecord,
  type Pipeline,
  type PipelineResult,
} from '../engine/pipeline.ts'
import type { SourceRecord } from '../engine/source-record.ts'
import type { ErrorRecord } from '../errors/error-record.ts'
import { partitionText } from '../naming/partition-values.ts'
import { keysOf, readPrefix } from '../naming/prefix.ts'
import { sharedJq } from '../partitioning/jq-thread.ts'
import { keySafe, VALUE_CHARACTERS_MAX } from '../partitioning/partition-value.ts'
import { makePartitioner, type Partition } from '../partitioning/partitioner.ts'
import type { FunctionCaller } from '../transform/function-caller.ts'
import { Transformer, type TransformedRecord } from '../transform/transformer.ts'

/** What of a definition a pipeline depends on. */
export type PipedBy = Pick<
  DeliveryDefinition,
  'source' | 'prefix' | 'partitioning' | 'transform' | 'deaggregation'
>

export interface PipelineRim {
  readonly caller: FunctionCaller
  readonly clock: Clock
  /** Within [0, 1). */
  readonly random: () => number
  /** Names a call of a function. */
  readonly invocationId: () => string
}

/** Says of each record where it goes. */
type Split = PipelineResult & { readonly delivered: readonly DeliveredRecord[] }

const REGION = 'us-east-1'
const ACCOUNT = '000000000000'

/** Firehose's code of a record whose partition cannot be told. */
const NO_PARTITION = 'DynamicPartitioning.MetadataExtractionFailed'

/** Returns the pipeline of a delivery. */
export function makePipeline(name: string, definition: PipedBy, rim: PipelineRim): Pipeline {
  const { deaggregation = [], transform, partitioning } = definition
  const lambdaKeys = lambdaKeysOf(definition.prefix)
  if (deaggregation.length === 0 && transform === undefined && partitioning === undefined)
    return identityPipeline
  const queries = partitioning?.queries ?? {}
  const partitioner = Object.keys(queries).length === 0 ? undefined : makePartitioner(queries, sharedJq)
  const transformer =
    transform && new Transformer({ ...rim, ...transform, source: sourceOf(name, definition) })
  const { now } = rim.clock
  const texts = new PartitionTexts()

  const processRun = async (records: readonly SourceRecord[], signal: AbortSignal): Promise<Split> => {
    const isTransformed = records[0]?.transformed !== undefined
    const apart = isTransformed ? { records, failed: [] } : takeApart(records, deaggregation, now)
    const isCalled = transformer !== undefined && !isTransformed
    const through = isCalled ? await transformer.transform(apart.records, signal) : untouched(apart.records)
    const partitions = await partitioner?.partitions(through.records.map(({ data }) => data))
    const split = assigned(through.records, partitions, { lambdaKeys, texts, now })
    const failed = [...apart.failed, ...through.failed, ...split.failed]
    return { delivered: split.delivered, failed: failed.length < 2 ? failed : failed.toSorted(bySource) }
  }

  return {
    process: async (records, signal) => {
      const results: Split[] = []
      for (const run of runsOf(records)) results.push(await processRun(run, signal))
      if (results.length === 1) return results[0]!
      return {
        delivered: results.flatMap(({ delivered }) => delivered),
        failed: results.flatMap(({ failed }) => failed),
      }
    },
    close: async () => partitioner?.close(),
  }
}

function untouched(records: readonly SourceRecord[]) {
  return {
    records: records.map((record) => ({
      record,
      data: record.data,
      partitionKeys: record.transformed?.partitionKeys ?? {},
    })),
    failed: [],
  }
}

/** Consecutive records that the function has had, or has not. */
function runsOf(records: readonly SourceRecord[]): readonly (readonly SourceRecord[])[] {
  if (records.every(({ transformed }) => transformed === undefined)) return [records]
  const runs: SourceRecord[][] = []
  for (const record of records) {
    const run = runs.at(-1)
    if (run !== undefined && (run[0]!.transformed === undefined) === (record.transformed === undefined))
      run.push(record)
    else runs.push([record])
  }
  return runs
}

/** How records are assigned to partitions. */
interface Assignment {
  readonly lambdaKeys: readonly string[]
  readonly texts: PartitionTexts
  readonly now: () => number
}

const noValues = { values: {} } satisfies Partition

/** Texts that are remembered: writing them anew costs as much as reading a record does. */
const TEXTS_MAX = 10_000

/** Texts of partitions. */
class PartitionTexts {
  readonly #texts = new Map<string, string>()

  of(query: Readonly<Record<string, string>>, lambda: Readonly<Record<string, string>>): string {
    // Names are always the same ones in the same order, and no value has a control character.
    const key = `${Object.values(query).join('\0')}\u0001${Object.values(lambda).join('\0')}`
    let text = this.#texts.get(key)
    if (text === undefined) {
      text = partitionText({ query, lambda })
      if (this.#texts.size === TEXTS_MAX) this.#texts.clear()
      this.#texts.set(key, text)
    }
    return text
  }
}

/** Finds each record its partition, or its error. */
function assigned(
  records: readonly TransformedRecord[],
  partitions: readonly Partition[] | undefined,
  { lambdaKeys, texts, now }: Assignment,
): Split {
  const delivered: DeliveredRecord[] = []
  const failed: ErrorRecord[] = []
  for (const [place, { record, data, partitionKeys }] of records.entries()) {
    const query = partitions?.[place] ?? noValues
    const lambda = lambdaKeys.length === 0 ? noValues : lambdaValues(partitionKeys, lambdaKeys)
    if ('values' in query && 'values' in lambda) {
      delivered.push({ record, partition: texts.of(query.values, lambda.values), data })
    } else {
      const message = 'fault' in query ? query.fault : (lambda as { readonly fault: string }).fault
      const failure = { attemptsMade: 1, code: NO_PARTITION, message, endedAt: now() }
      failed.push({ type: 'processing-failed', origin: record, rawData: record.data, ...failure })
    }
  }
  return { delivered, failed }
}

/** Takes the keys that the prefix stands on, and no others: they would split buffers for nothing. */
function lambdaValues(partitionKeys: Readonly<Record<string, unknown>>, names: readonly string[]): Partition {
  const values: Record<string, string> = {}
  for (const name of names) {
    const value = Object.hasOwn(partitionKeys, name) ? partitionKeys[name] : undefined
    const text =
      typeof value === 'string'
        ? keySafe(value)
        : typeof value === 'number' || typeof value === 'boolean'
          ? String(value)
          : ''
    if (text === '') return { fault: `partitionKeys values must not be null or empty: ${name}` }
    if (text.length > VALUE_CHARACTERS_MAX) {
      return {
        fault: `The partition key ${name} has ${text.length} characters; at most ${VALUE_CHARACTERS_MAX} fit into a name.`,
      }
    }
    values[name] = text
  }
  return { values }
}

function lambdaKeysOf(text: string): readonly string[] {
  const prefix = readPrefix(text)
  return 'parts' in prefix ? [...new Set(keysOf(prefix, 'lambda'))] : []
}

function sourceOf(name: string, { source }: PipedBy) {
  return {
    deliveryStreamArn: `arn:aws:firehose:${REGION}:${ACCOUNT}:deliverystream/${name}`,
    ...(!source.isOwn && {
      sourceKinesisStreamArn: `arn:aws:kinesis:${REGION}:${ACCOUNT}:stream/${source.stream}`,
    }),
    region: REGION,
  }
}

function bySource({ origin: one }: ErrorRecord, { origin: other }: ErrorRecord): number {
  return one.sequenceNumber - other.sequenceNumber || (one.subSequence ?? 0) - (other.subSequence ?? 0)
}
