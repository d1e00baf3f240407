// Transforms by functions: Firehose's contract as a table of answers, retries, sizes, and functions that answer nonsense.
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../src/engine/clock.ts'
import type { SourceRecord } from '../../src/engine/source-record.ts'
import {
  FunctionFailure,
  FunctionUnreached,
  PAYLOAD_BYTES_MAX,
  type FunctionCaller,
} from '../../src/transform/function-caller.ts'
import { Transformer, type TransformerParts } from '../../src/transform/transformer.ts'
import { sourceRecords, textsOf } from '../support/source-records.ts'

const signal = new AbortController().signal
const base64 = (text: string) => Buffer.from(text).toString('base64')

interface Request {
  readonly invocationId: string
  readonly records: readonly { readonly recordId: string; readonly data: string }[]
}

/** A clock whose waits are over at once, and counted. */
function hastyClock() {
  const waits: number[] = []
  const clock: Clock = {
    now: () => 1_700_000_009_000,
    monotonic: () => 0,
    after: (ms, then) => {
      waits.push(ms)
      queueMicrotask(then)
      return () => undefined
    },
  }
  return { clock, waits }
}

type Behaviour = (request: Request, call: number) => unknown

function transformerOf(behaviour: Behaviour, parts: Partial<TransformerParts> = {}) {
  const requests: { readonly bytes: number; readonly request: Request }[] = []
  const caller: FunctionCaller = {
    call: async (_name, payload) => {
      const request = JSON.parse(Buffer.from(payload).toString()) as Request
      requests.push({ bytes: payload.length, request })
      const answer = await behaviour(request, requests.length)
      return typeof answer === 'string' ? answer : JSON.stringify(answer)
    },
  }
  const { clock, waits } = hastyClock()
  let invocations = 0
  const transformer = new Transformer({
    caller,
    function: 'enrich',
    retriesMax: 3,
    source: { deliveryStreamArn: 'arn:delivery', sourceKinesisStreamArn: 'arn:stream', region: 'us-east-1' },
    clock,
    random: () => 0.5,
    invocationId: () => `call-${++invocations}`,
    ...parts,
  })
  return { transformer, requests, waits }
}

const echo: Behaviour = ({ records }) => ({
  records: records.map(({ recordId, data }) => ({ recordId, result: 'Ok', data })),
})

/** Answers for three records: a function of the ids makes the list of answers. */
async function outcomeOf(answer: (ids: readonly string[]) => unknown) {
  const { transformer, requests } = transformerOf(({ records }) =>
    answer(records.map(({ recordId }) => recordId)),
  )
  const { records, failed } = await transformer.transform(sourceRecords('a', 'b', 'c'), signal)
  return {
    delivered: textsOf(records),
    failed: failed.map(({ code, rawData }) => `${Buffer.from(rawData).toString()} ${code}`),
    calls: requests.length,
  }
}

const ok = (recordId: string | undefined, text: string) => ({ recordId, result: 'Ok', data: base64(text) })

describe('Transformer', () => {
  it('sends what Firehose sends', async () => {
    const { transformer, requests } = transformerOf(echo)
    const [record] = sourceRecords('hello')
    await transformer.transform([{ ...record!, subSequence: 2 }], signal)
    expect(requests[0]!.request).toEqual({
      invocationId: 'call-1',
      deliveryStreamArn: 'arn:delivery',
      sourceKinesisStreamArn: 'arn:stream',
      region: 'us-east-1',
      records: [
        {
          recordId: 'shardId-000000000000-100-2',
          approximateArrivalTimestamp: record!.arrivedAt,
          data: base64('hello'),
          kinesisRecordMetadata: {
            sequenceNumber: '100',
            subsequenceNumber: 2,
            partitionKey: 'key-0',
            shardId: 'shardId-000000000000',
            approximateArrivalTimestamp: record!.arrivedAt,
          },
        },
      ],
    })
  })

  it('tells no stream where records are put directly', async () => {
    const { transformer, requests } = transformerOf(echo, {
      source: { deliveryStreamArn: 'arn:delivery', region: 'us-east-1' },
    })
    await transformer.transform(sourceRecords('x'), signal)
    expect(Object.keys(requests[0]!.request)).toEqual([
      'invocationId',
      'deliveryStreamArn',
      'region',
      'records',
    ])
    expect(Object.keys(requests[0]!.request.records[0]!)).toEqual([
      'recordId',
      'approximateArrivalTimestamp',
      'data',
    ])
  })

  it.each<[string, (ids: readonly string[]) => readonly unknown[], readonly string[], readonly string[]]>([
    ['records that are Ok, changed', (ids) => ids.map((id) => ok(id, 'x')), ['x', 'x', 'x'], []],
    ['records in another order', ([a, b, c]) => [ok(c, 'C'), ok(a, 'A'), ok(b, 'B')], ['A', 'B', 'C'], []],
    [
      'a record that is dropped',
      ([a, b, c]) => [ok(a, 'A'), { recordId: b, result: 'Dropped' }, ok(c, 'C')],
      ['A', 'C'],
      [],
    ],
    [
      'a record that failed',
      ([a, b, c]) => [ok(a, 'A'), { recordId: b, result: 'ProcessingFailed', data: '' }, ok(c, 'C')],
      ['A', 'C'],
      ['b Lambda.ProcessingFailedStatus'],
    ],
    [
      'a record that is missing',
      ([a, , c]) => [ok(a, 'A'), ok(c, 'C')],
      ['A', 'C'],
      ['b Lambda.MissingRecordId'],
    ],
    [
      'a record that is there twice',
      ([a, b, c]) => [ok(a, 'A'), ok(b, 'B'), ok(b, 'B'), ok(c, 'C')],
      ['A', 'C'],
      ['b Lambda.DuplicatedRecordId'],
    ],
    [
      'a record that nobody sent',
      ([a, b, c]) => [ok(a, 'A'), ok('other', 'x'), ok(b, 'B'), ok(c, 'C')],
      ['A', 'B', 'C'],
      [],
    ],
    [
      'a result that is none',
      ([a, b, c]) => [ok(a, 'A'), { ...ok(b, 'B'), result: 'ok' }, ok(c, 'C')],
      ['A', 'C'],
      ['b Lambda.InvalidStatus'],
    ],
    [
      'data that is no base64',
      ([a, b, c]) => [ok(a, 'A'), { ...ok(b, 'B'), data: '{"a":1}' }, ok(c, 'C')],
      ['A', 'C'],
      ['b Lambda.InvalidData'],
    ],
    [
      'data that is missing',
      ([a, b, c]) => [ok(a, 'A'), { recordId: b, result: 'Ok' }, ok(c, 'C')],
      ['A', 'C'],
      ['b Lambda.InvalidData'],
    ],
    [
      'keys that are no object',
      ([a, b, c]) => [ok(a, 'A'), { ...ok(b, 'B'), metadata: { partitionKeys: [1] } }, ok(c, 'C')],
      ['A', 'C'],
      ['b Lambda.InvalidMetadata'],
    ],
    [
      'entries that are nothing',
      (ids) => [null, 5, 'x', {}, ...ids.map((id) => ok(id, id.slice(-1)))],
      ['0', '0', '0'],
      [],
    ],
    [
      'no entries',
      () => [],
      [],
      ['a Lambda.MissingRecordId', 'b Lambda.MissingRecordId', 'c Lambda.MissingRecordId'],
    ],
  ])('takes an answer with %s', async (_what, answer, delivered, failed) => {
    expect(await outcomeOf((ids) => ({ records: answer(ids) }))).toEqual({ delivered, failed, calls: 1 })
  })

  it.each([
    ['no JSON', () => 'hello'],
    ['nothing', () => ''],
    ['null', () => 'null'],
    ['a list', () => []],
    ['records that are no list', () => ({ records: 'all' })],
  ])('calls a function that answers %s again, and then gives its records up', async (_what, answer) => {
    expect(await outcomeOf(answer)).toEqual({
      delivered: [],
      failed: ['a', 'b', 'c'].map((text) => `${text} Lambda.JsonProcessingException`),
      calls: 4,
    })
  })

  it('calls a function that fails again, waiting longer each time, and goes on where it succeeds', async () => {
    const { transformer, requests, waits } = transformerOf((request, call) => {
      if (call < 4) throw new FunctionFailure('Lambda.FunctionError', 'boom')
      return echo(request, call)
    })
    const { records, failed } = await transformer.transform(sourceRecords('a'), signal)
    expect(textsOf(records)).toEqual(['a'])
    expect(failed).toEqual([])
    expect(new Set(requests.map(({ request }) => request.invocationId))).toEqual(new Set(['call-1']))
    expect(waits).toEqual(waits.toSorted((a, b) => a - b))
    expect(waits).toHaveLength(3)
  })

  it('says how often a function was called that never succeeded', async () => {
    for (const retriesMax of [0, 2]) {
      const { transformer } = transformerOf(
        () => {
          throw new FunctionFailure('Lambda.FunctionTimedOut', 'The function has not answered after 300 s.')
        },
        { retriesMax },
      )
      const { failed } = await transformer.transform(sourceRecords('a'), signal)
      expect(failed).toMatchObject([
        {
          type: 'processing-failed',
          origin: { sequenceNumber: 100 },
          attemptsMade: retriesMax + 1,
          code: 'Lambda.FunctionTimedOut',
          function: 'enrich',
          endedAt: 1_700_000_009_000,
        },
      ])
    }
  })

  it('gives no record up where the function is not reached', async () => {
    const { transformer, requests } = transformerOf(() => {
      throw new FunctionUnreached('no copy of the app functions runs')
    })
    await expect(transformer.transform(sourceRecords('a'), signal)).rejects.toThrow(
      'no copy of the app functions runs',
    )
    expect(requests).toHaveLength(1)
  })

  it('splits what is larger than a request, in order, and gives up a record that fits into none', async () => {
    const { transformer, requests } = transformerOf(echo)
    const large = Buffer.alloc(2 * 2 ** 20, 'x')
    const sent: SourceRecord[] = sourceRecords(large, large, large, Buffer.alloc(5 * 2 ** 20), 'last')
    const { records, failed } = await transformer.transform(sent, signal)
    expect(records.map(({ record }) => record.sequenceNumber)).toEqual([100, 101, 102, 104])
    expect(
      records.every(({ data }, place) =>
        Buffer.from(data).equals(Buffer.from(sent[place === 3 ? 4 : place]!.data)),
      ),
    ).toBe(true)
    expect(failed).toMatchObject([
      { origin: { sequenceNumber: 103 }, attemptsMade: 0, code: 'Lambda.RequestTooLarge' },
    ])
    expect(requests.length).toBeGreaterThan(1)
    expect(requests.every(({ bytes }) => bytes <= PAYLOAD_BYTES_MAX)).toBe(true)
  })

  it('names a record in the same way in every request, and no two in the same way', async () => {
    const { transformer, requests } = transformerOf(echo)
    const [first] = sourceRecords('a')
    const records = [
      first!,
      { ...first!, sequenceNumber: 101 },
      { ...first!, subSequence: 1 },
      { ...first!, shardId: 'shardId-000000000001' },
    ]
    await transformer.transform(records, signal)
    await transformer.transform(records, signal)
    const ids = requests.map(({ request }) => request.records.map(({ recordId }) => recordId))
    expect(ids[0]).toEqual(ids[1])
    expect(new Set(ids[0]).size).toBe(4)
  })
})
