// The middle of a delivery as a whole: the order of its steps, whose errors go where, and that the same records give the same again.
import { describe, expect, it } from 'vitest'
import type { DeliverySource } from 'millrace/protocol'
import { makePipeline, type PipedBy } from '../../src/middle/index.ts'
import type { FunctionCaller } from '../../src/transform/function-caller.ts'
import { sourceRecords } from '../support/source-records.ts'

const signal = new AbortController().signal
const source: DeliverySource = { stream: 'clicks', from: 'TRIM_HORIZON', isOwn: false }

/** Turns texts to upper case, drops those with an x, and gives the first letter as a key. */
const shouting: FunctionCaller = {
  call: (_name, payload) => {
    const { records } = JSON.parse(Buffer.from(payload).toString()) as {
      records: { recordId: string; data: string }[]
    }
    return Promise.resolve(
      JSON.stringify({
        records: records.map(({ recordId, data }) => {
          const text = Buffer.from(data, 'base64').toString()
          if (text.includes('"x"')) return { recordId, result: 'Dropped' }
          if (text.includes('"y"')) return { recordId, result: 'ProcessingFailed' }
          const { c } = JSON.parse(text) as { c: string }
          return {
            recordId,
            result: 'Ok',
            data: Buffer.from(JSON.stringify({ c: c.toUpperCase() })).toString('base64'),
            metadata: { partitionKeys: { first: c === 'none' ? null : c.slice(0, 1), unused: recordId } },
          }
        }),
      }),
    )
  },
}

function pipeline(definition: Partial<PipedBy>) {
  return makePipeline(
    'lake',
    { source, prefix: '', ...definition },
    {
      caller: shouting,
      clock: { now: () => 7, monotonic: () => 7, after: () => () => undefined },
      random: () => 0,
      invocationId: () => 'id',
    },
  )
}

async function processed(definition: Partial<PipedBy>, ...payloads: readonly string[]) {
  const { delivered, failed } = await pipeline(definition).process(sourceRecords(...payloads), signal)
  return {
    delivered: delivered?.map(({ partition, data }) => `${partition} ${Buffer.from(data).toString()}`),
    failed: failed.map(
      ({ code, origin, rawData }) =>
        `${origin?.sequenceNumber}.${origin?.subSequence ?? ''} ${code} ${Buffer.from(rawData).toString()}`,
    ),
  }
}

const transform = { function: 'shout', bufferBytes: 2 ** 20, bufferIntervalMs: 1000, retriesMax: 3 }

describe('makePipeline', () => {
  it('leaves records as they are where nothing is asked for', async () => {
    expect(await processed({}, 'a', 'b')).toEqual({ delivered: undefined, failed: [] })
  })

  it('takes apart, transforms, and then finds partitions in what the function has made', async () => {
    const definition: Partial<PipedBy> = {
      deaggregation: [{ type: 'json' }],
      transform,
      partitioning: { queries: { country: '.c' }, partitionsMax: 10 },
      prefix: '!{partitionKeyFromLambda:first}/!{partitionKeyFromQuery:country}/',
    }
    const outcome = await processed(
      definition,
      '{"c":"de"}{"c":"x"}{"c":"fr"}',
      '{"c":"y"}',
      'broken',
      '{"c":"none"}{"c":""}',
      '{"c":"us"}',
    )
    expect(outcome.delivered).toEqual([
      '{"query":{"country":"DE"},"lambda":{"first":"d"}} {"C":"DE"}'.replace('"C"', '"c"'),
      '{"query":{"country":"FR"},"lambda":{"first":"f"}} {"c":"FR"}',
      '{"query":{"country":"US"},"lambda":{"first":"u"}} {"c":"US"}',
    ])
    expect(outcome.failed).toEqual([
      '101. Lambda.ProcessingFailedStatus {"c":"y"}',
      '102. Deaggregation.MalformedRecord broken',
      '103.0 DynamicPartitioning.MetadataExtractionFailed {"c":"none"}',
      '103.1 DynamicPartitioning.MetadataExtractionFailed {"c":""}',
    ])
  })

  it('gives one partition for the same values, and makes none of keys that the prefix does not name', async () => {
    const { delivered } = await processed({ transform, prefix: 'a/' }, '{"c":"de"}', '{"c":"fr"}')
    expect(delivered).toEqual([' {"c":"DE"}', ' {"c":"FR"}'])
    const first = await processed(
      { transform, prefix: '!{partitionKeyFromLambda:first}/' },
      '{"c":"da"}',
      '{"c":"db"}',
    )
    expect(first.delivered?.map((line) => line.split(' ')[0])).toEqual(
      Array(2).fill('{"lambda":{"first":"d"}}'),
    )
  })

  it('gives the same for the same records', async () => {
    const definition: Partial<PipedBy> = {
      deaggregation: [{ type: 'json' }],
      partitioning: { queries: { c: '.c' }, partitionsMax: 2 },
    }
    const payloads = ['{"c":1}{"c":2}', '{"c":null}', '}', '{"c":1}']
    const one = pipeline(definition)
    const first = await one.process(sourceRecords(...payloads), signal)
    expect(await one.process(sourceRecords(...payloads), signal)).toEqual(first)
    expect(first.delivered).toHaveLength(3)
    expect(first.failed).toHaveLength(2)
    await one.close()
  })
})

it('a record that the function has had: is not taken apart and not transformed again, and keeps the keys that the function gave', async () => {
  const prefix = '!{partitionKeyFromLambda:first}/'
  const [fresh, had, later] = sourceRecords('{"c":"ab"}', '{"c":"x"}', '{"c":"cd"}')
  const records = [fresh!, { ...had!, transformed: { partitionKeys: { first: 'z' } } }, later!]
  const { delivered, failed } = await pipeline({
    transform,
    prefix,
    deaggregation: [{ type: 'json' }],
  }).process(records, signal)
  expect(failed).toEqual([])
  expect(delivered?.map(({ partition, data }) => `${partition} ${Buffer.from(data).toString()}`)).toEqual([
    '{"lambda":{"first":"a"}} {"c":"AB"}',
    '{"lambda":{"first":"z"}} {"c":"x"}',
    '{"lambda":{"first":"c"}} {"c":"CD"}',
  ])
})
