// The harness for users' tests: what a mapping promises holds under its faults, a handler that is wrong is found, and a seed replays.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseKinesisSequenceNumber } from 'millrace/protocol'
import { expect, test } from 'vitest'
import {
  createFunctionHarness,
  forSeeds,
  someFaults,
  type FunctionHarness,
  type HarnessOptions,
  type HarnessRecord,
  type KinesisEvent,
} from '../../src/harness/index.ts'

interface Click {
  readonly key: string
  readonly n: number
}

const clickOf = (data: string): Click => JSON.parse(Buffer.from(data, 'base64').toString()) as Click
const clicksOf = (event: KinesisEvent): Click[] => event.Records.map(({ kinesis }) => clickOf(kinesis.data))

/** So many clicks of so many keys, each numbered within its key. */
function clicks(harness: FunctionHarness, count: number, keys = 7): HarnessRecord[] {
  const numbers = new Map<string, number>()
  return Array.from({ length: count }, () => {
    const key = `k${harness.random.between(1, keys)}`
    const n = (numbers.get(key) ?? 0) + 1
    numbers.set(key, n)
    return { partitionKey: key, data: { key, n } }
  })
}

const enrich = (event: KinesisEvent) => clicksOf(event).map((click) => ({ ...click, isRich: true }))
const enriched = ({ output }: FunctionHarness): Click[] =>
  output.map(({ data }) => JSON.parse(Buffer.from(data).toString()) as Click)

function perKey(all: readonly Click[]): Record<string, number[]> {
  const found: Record<string, number[]> = {}
  for (const { key, n } of all) (found[key] ??= []).push(n)
  return found
}

const mappings: readonly [string, NonNullable<HarnessOptions['mapping']>][] = [
  ['by default', {}],
  ['in small batches, several at a time', { batchSize: 3, parallelizationFactor: 4 }],
  ['with halving and a window', { batchSize: 20, bisectsOnError: true, batchWindowMs: 500 }],
]

test.each(mappings)(
  'puts each answer into the output once and in the order of its key, %s, under all faults',
  async (_how, mapping) => {
    const options = {
      handler: enrich,
      mapping: { ...mapping, to: { stream: 'enriched' } },
      shards: 2,
      faults: someFaults,
      seeds: 30,
    }
    await forSeeds(options, async (harness) => {
      const put = clicks(harness, 200)
      harness.put(...put)
      await harness.run()
      expect(perKey(enriched(harness))).toEqual(perKey(put.map(({ data }) => data as Click)))
    })
  },
)

test('calls with records again where answers were lost, and never out of the order of their keys', async () => {
  let doubled = 0
  await forSeeds({ handler: enrich, faults: someFaults, shards: 2, seeds: 20 }, async (harness) => {
    harness.put(...clicks(harness, 150))
    await harness.run()
    const seen = new Map<string, number>()
    for (const call of harness.calls) {
      if (call.fault === 'throttled' || call.fault === 'failed') continue
      for (const { key, n } of clicksOf(call.event)) {
        const highest = seen.get(key) ?? 0
        // Something again, or the next one: nothing is left out.
        expect(n).toBeLessThanOrEqual(highest + 1)
        if (n <= highest) doubled += 1
        seen.set(key, Math.max(highest, n))
      }
    }
  })
  expect(doubled).toBeGreaterThan(0)
})

test('finds a handler that counts twice what it is given twice', async () => {
  const total = { sum: 0 }
  const options = {
    handler: (event: KinesisEvent) => {
      total.sum += event.Records.length
    },
    faults: { lostAnswers: 0.2 },
    seeds: 50,
  }
  const test = async (harness: FunctionHarness): Promise<void> => {
    total.sum = 0
    harness.put(...clicks(harness, 50))
    await harness.run()
    expect(total.sum).toBe(50)
  }
  const failure = await forSeeds(options, test).then(
    () => undefined,
    (error: Error) => error,
  )
  expect(failure?.message).toMatch(
    /^Seed \d+ fails, and fails again with \{ seed: \d+, seeds: 1 \}: expected \d+ to be 50/,
  )
  const seed = Number(/\d+/.exec(failure!.message)![0])
  await expect(forSeeds({ ...options, seed, seeds: 1 }, test)).rejects.toThrow(failure!.message)
})

test('the same seed has the same calls, at the same times; another has others', async () => {
  const run = async (seed: number) => {
    const harness = createFunctionHarness({
      handler: enrich,
      mapping: { to: { stream: 'out' }, batchSize: 7 },
      seed,
      shards: 3,
      faults: someFaults,
    })
    harness.put(...clicks(harness, 300))
    await harness.run()
    return { calls: harness.calls, output: harness.output, now: harness.now, steps: harness.steps }
  }
  const first = await run(11)
  expect(first).toEqual(await run(11))
  expect(first).not.toEqual(await run(12))
})

test('gives up a poison record alone, after its retries, and tells of it', async () => {
  const handler = (event: KinesisEvent): void => {
    if (clicksOf(event).some(({ n }) => n === 5)) throw new RangeError('five')
  }
  const mapping = {
    batchSize: 10,
    retriesMax: 2,
    bisectsOnError: true,
    onFailure: { type: 'stream', stream: 'failed' },
  } as const
  await forSeeds({ handler, mapping, seeds: 20 }, async (harness) => {
    harness.put(...Array.from({ length: 30 }, (_, i) => ({ partitionKey: 'k', data: { key: 'k', n: i } })))
    await harness.run()
    expect(harness.failures).toMatchObject([
      { requestContext: { condition: 'RetryAttemptsExhausted' }, KinesisBatchInfo: { batchSize: 1 } },
    ])
    const done = harness.calls
      .filter(({ error }) => error === undefined)
      .flatMap(({ event }) => clicksOf(event))
    expect(new Set(done.map(({ n }) => n)).size).toBe(29)
  })
})

test('says at which records a function stands still that fails for ever', async () => {
  const handler = (): never => {
    throw new TypeError('never')
  }
  const harness = createFunctionHarness({ handler, seed: 3 })
  harness.put({ partitionKey: 'k', data: 'x' })
  await expect(harness.run({ stepsMax: 100 })).rejects.toThrow(
    /Not all records were done in 100 steps. It stands still in shardId-000000000000 at 0 to 0 after \d+ attempts: TypeError: never. \(seed 3\)/,
  )
})

test('a function that reports which records failed is called again from there on', async () => {
  const failed = new Set<string>()
  const handler = (event: KinesisEvent) => {
    const bad = event.Records.find(
      ({ eventID, kinesis }) => !failed.has(eventID) && clickOf(kinesis.data).n % 10 === 0,
    )
    if (bad === undefined) return { batchItemFailures: [] }
    failed.add(bad.eventID)
    return { batchItemFailures: [{ itemIdentifier: bad.kinesis.sequenceNumber }] }
  }
  const harness = createFunctionHarness({
    handler,
    mapping: { reportsItemFailures: true, batchSize: 100 },
    seed: 5,
  })
  harness.put(...Array.from({ length: 60 }, (_, i) => ({ partitionKey: 'k', data: { key: 'k', n: i } })))
  await harness.run()
  const first = harness.calls.map(({ event }) => clicksOf(event)[0]!.n)
  for (const n of [0, 10, 20, 30, 40, 50]) expect(first).toContain(n)
})

test('a tumbling window counts each record once, whatever is called again', async () => {
  const handler = (event: KinesisEvent) => {
    const { sum = 0 } = (event.state ?? {}) as { sum?: number }
    const next = sum + event.Records.length
    return event.isFinalInvokeForWindow === true
      ? { records: [{ data: { sum: next }, partitionKey: 'sum' }] }
      : { state: { sum: next } }
  }
  const mapping = { tumblingWindowMs: 1000, batchSize: 10, to: { stream: 'sums' } }
  const faults = { ...someFaults, reshards: 0 }
  await forSeeds({ handler, mapping, faults, seeds: 30 }, async (harness) => {
    harness.put(...clicks(harness, 200))
    await harness.run()
    const sums = harness.output.map(
      ({ data }) => (JSON.parse(Buffer.from(data).toString()) as { sum: number }).sum,
    )
    expect(sums.reduce((a, b) => a + b, 0)).toBe(200)
  })
})

test('only records that match a filter come to the handler', async () => {
  const harness = createFunctionHarness({
    handler: () => null,
    mapping: { filters: ['{"data":{"key":["k1"]}}'] },
    seed: 2,
  })
  harness.put(...clicks(harness, 100))
  await harness.run()
  const keys = harness.calls.flatMap(({ event }) => clicksOf(event).map(({ key }) => key))
  expect(new Set(keys)).toEqual(new Set(['k1']))
})

test('runs the handler of a module, by the name of its export', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'harness-'))
  try {
    const path = join(folder, 'module.mjs')
    await writeFile(
      path,
      `export const main = (event, context, callback) => setTimeout(() => callback(null, event.Records.length), 1)`,
    )
    const harness = createFunctionHarness({ module: `${path}#main`, seed: 4 })
    harness.put({ partitionKey: 'a', data: 'one' }, { partitionKey: 'b', data: 'two' })
    await harness.run()
    expect(harness.calls.reduce((sum, { payload }) => sum + (payload as number), 0)).toBe(2)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a handler that does not end fails its run, and a mapping that cannot be used is refused', async () => {
  const harness = createFunctionHarness({ handler: () => new Promise(() => {}), watchdogMs: 20 })
  harness.put({ partitionKey: 'a', data: 'one' })
  await expect(harness.run()).rejects.toThrow(/The handler did not end within 20 ms/)
  expect(() => createFunctionHarness({ handler: enrich, mapping: { batchSize: 0 } })).toThrow(/batchSize/)
  expect(() => createFunctionHarness({})).toThrow('A harness needs a handler or a module.')
})

test('takes bytes out of an answer as bytes, as the app does, and shows what the handler gave', async () => {
  const bytes = Buffer.of(0, 255, 1)
  const harness = createFunctionHarness({
    handler: () => ({ records: [{ data: bytes, partitionKey: 'own' }, { data: { n: 1 } }], more: 1 }),
    mapping: { to: { stream: 'out' } },
  })
  harness.put({ partitionKey: 'a', data: 'one' })
  await harness.run()
  expect(
    harness.output.map(({ partitionKey, data }) => [partitionKey, Buffer.from(data).toString('hex')]),
  ).toEqual([
    ['own', '00ff01'],
    [expect.stringMatching(/^0-0-1$/), Buffer.from('{"n":1}').toString('hex')],
  ])
  expect(harness.calls[0]!.payload).toEqual({
    records: [{ data: { type: 'Buffer', data: [0, 255, 1] }, partitionKey: 'own' }, { data: { n: 1 } }],
    more: 1,
  })
})

test.each([
  ['Runtime.MarshalError', 'no JSON', () => ({ n: 1n })],
  ['Function.ResponseSizeTooLarge', 'too large', () => 'x'.repeat(7_000_000)],
])('fails with %s where an answer is %s, as the app does', async (errorType, _, handler) => {
  const harness = createFunctionHarness({ handler, mapping: { retriesMax: 0 } })
  harness.put({ partitionKey: 'a', data: 'one' })
  await harness.run()
  expect(harness.calls).toMatchObject([{ error: { errorType } }])
  expect(harness.failures).toHaveLength(1)
})

test('begins when it is told to, with sequence numbers of that time, and refuses shards that cannot be', async () => {
  const startAt = 1_500_000_000_000
  const harness = createFunctionHarness({ handler: () => undefined, startAt })
  harness.put({ partitionKey: 'a', data: 'one' })
  await harness.run()
  const [record] = harness.calls[0]!.event.Records
  expect(record!.kinesis.approximateArrivalTimestamp).toBe(startAt / 1000)
  expect(parseKinesisSequenceNumber(record!.kinesis.sequenceNumber)).toMatchObject({
    shardCreatedSeconds: startAt / 1000,
  })
  for (const shards of [0, 9, 1.5]) {
    expect(() => createFunctionHarness({ handler: () => undefined, shards })).toThrow('shards must be 1 to 8')
  }
})

test('sequence numbers of a key rise through splits and merges', async () => {
  const options = {
    handler: () => undefined,
    shards: 2,
    faults: { reshards: 0.5 },
    mapping: { batchSize: 5 },
  }
  await forSeeds({ ...options, seeds: 10 }, async (harness) => {
    harness.put(...clicks(harness, 300))
    await harness.run()
    const last = new Map<string, bigint>()
    for (const { event } of harness.calls)
      for (const { kinesis } of event.Records) {
        const number = BigInt(kinesis.sequenceNumber)
        expect(number).toBeGreaterThan(last.get(kinesis.partitionKey) ?? 0n)
        last.set(kinesis.partitionKey, number)
      }
  })
})
