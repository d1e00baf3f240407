// What clients of CloudWatch report, from a body of any of its protocols. Pure.
import { KinesisError } from '../model/errors.ts'

/** One report of one metric. */
export interface MetricDatum {
  readonly name: string
  readonly unit: string
  readonly dimensions: readonly (readonly [string, string])[]
  readonly samples: number
  readonly sum: number
  readonly min: number
  readonly max: number
}

export interface MetricReport {
  readonly namespace: string
  readonly data: readonly MetricDatum[]
}

/** The service's own bounds. */
const DATA_MAX = 1000
const VALUES_MAX = 150
const DIMENSIONS_MAX = 30
const NAME_LENGTH_MAX = 255
const DIMENSION_LENGTH_MAX = 1024

/** Reads the members of a request. Throws ValidationException for what the service would not take. */
export function metricReport(input: unknown): MetricReport {
  const { Namespace: namespace, MetricData: data } = objectOf(input)
  const given = listOf(data)
  if (given.length > DATA_MAX) throw invalid(`MetricData has more than ${DATA_MAX} members.`)
  return { namespace: nameOf(namespace, 'Namespace'), data: given.map(datumOf) }
}

/** The members of a body of the query protocol: `MetricData.member.1.Value=3` is a member of a member of a list. */
export function queryInput(body: string): unknown {
  const root: Node = new Map()
  for (const [path, value] of new URLSearchParams(body)) {
    const steps = path.split('.').filter((step) => step !== 'member')
    if (steps.length > DEPTH_MAX) throw invalid('The name of a parameter has too many parts.')
    let at = root
    for (const step of steps.slice(0, -1)) {
      const next = at.get(step)
      const inner: Node = next instanceof Map ? next : new Map()
      at.set(step, inner)
      at = inner
    }
    at.set(steps.at(-1)!, value)
  }
  return plain(root)
}

type Node = Map<string, Node | string>
const DEPTH_MAX = 8

/** Members with numbers for names are a list. */
function plain(node: Node | string): unknown {
  if (typeof node === 'string') return node
  const names = [...node.keys()]
  if (names.length > 0 && names.every((name) => /^\d+$/.test(name))) {
    return names.sort((a, b) => Number(a) - Number(b)).map((name) => plain(node.get(name)!))
  }
  return Object.fromEntries(names.map((name) => [name, plain(node.get(name)!)]))
}

function datumOf(given: unknown): MetricDatum {
  const datum = objectOf(given)
  const { MetricName: name, Unit: unit = 'None', Dimensions: dimensions } = datum
  const pairs = listOf(dimensions).map((dimension) => {
    const { Name: key, Value: value } = objectOf(dimension)
    return [nameOf(key, 'Dimensions.Name'), textOf(value, 'Dimensions.Value', DIMENSION_LENGTH_MAX)] as const
  })
  if (pairs.length > DIMENSIONS_MAX) throw invalid(`A metric has more than ${DIMENSIONS_MAX} dimensions.`)
  return {
    name: nameOf(name, 'MetricName'),
    unit: textOf(unit, 'Unit', NAME_LENGTH_MAX),
    dimensions: pairs.sort(([a], [b]) => (a < b ? -1 : 1)),
    ...statisticsOf(datum),
  }
}

type Statistics = Pick<MetricDatum, 'samples' | 'sum' | 'min' | 'max'>

function statisticsOf({
  Value: value,
  Values: values,
  Counts: counts,
  StatisticValues: set,
}: Body): Statistics {
  if (set !== undefined && set !== null) {
    const { SampleCount: samples, Sum: sum, Minimum: min, Maximum: max } = objectOf(set)
    return { samples: numberOf(samples), sum: numberOf(sum), min: numberOf(min), max: numberOf(max) }
  }
  if (value !== undefined && value !== null) {
    const single = numberOf(value)
    return { samples: 1, sum: single, min: single, max: single }
  }
  const all = listOf(values).map(numberOf)
  if (all.length === 0 || all.length > VALUES_MAX) throw invalid('A metric has no value, or too many.')
  const times = counts === undefined || counts === null ? all.map(() => 1) : listOf(counts).map(numberOf)
  if (times.length !== all.length) throw invalid('Values and Counts differ in length.')
  return {
    samples: times.reduce((total, count) => total + count, 0),
    sum: all.reduce((total, one, i) => total + one * times[i]!, 0),
    min: Math.min(...all),
    max: Math.max(...all),
  }
}

type Body = Readonly<Record<string, unknown>>

function objectOf(value: unknown): Body {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body
  throw invalid('A member is missing, or no structure.')
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value
  throw invalid('A member is no list.')
}

function nameOf(value: unknown, member: string): string {
  const text = textOf(value, member, NAME_LENGTH_MAX)
  if (text !== '') return text
  throw invalid(`${member} is empty.`)
}

function textOf(value: unknown, member: string, max: number): string {
  if (typeof value === 'string' && value.length <= max) return value
  throw invalid(`${member} is missing, no text, or longer than ${max} characters.`)
}

function numberOf(value: unknown): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof number === 'number' && Number.isFinite(number)) return number
  if (typeof number === 'bigint') return Number(number)
  throw invalid('A value is missing, or no number.')
}

function invalid(message: string): KinesisError {
  return new KinesisError('ValidationException', message)
}
