// A broker whose clock was wrong, and is right again: what was stamped then neither stays for years nor goes early, and what comes
// after is found by time. A whole broker with a clock that the test holds.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createBroker } from '../../../broker/broker.ts'
import { checkDataDirectory } from '../../../broker/storage/integrity.ts'
import { connect, type Client } from '../../../client/index.ts'
import { ManualTime } from '../../support/manual-time.ts'
import { until } from '../../support/checker/progress.ts'
import { temporaryDirectory } from '../../support/disk/temporary.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const YEAR = 365 * 24 * HOUR
const HOSTS = 2

interface Running {
  readonly client: Client
  readonly time: ManualTime
  readonly dataDir: string
}

async function dataDirectory(): Promise<string> {
  const directory = await temporaryDirectory()
  onTestFinished(() => directory[Symbol.asyncDispose]())
  return directory.path
}

/** A broker for as long as it is used. */
async function withBroker(
  dataDir: string,
  time: ManualTime,
  use: (running: Running) => Promise<void>,
): Promise<void> {
  await using broker = await createBroker({
    dataDir,
    clock: time.now,
    elapsed: time.elapsed,
    config: { hosts: HOSTS, owners: HOSTS, segmentSize: '1MiB' },
  })
  await using client = await connect(broker.url)
  await use({ client, time, dataDir })
}

/** One record for each of many keys, so that each shard has some. */
async function put({ client }: Running, data: string): Promise<number[]> {
  const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`)
  const stored = await Promise.all(keys.map((partitionKey) => client.put('s', { partitionKey, data })))
  return stored.map(({ arrivalTime }) => arrivalTime.getTime())
}

/** What is read, each text once, in the order of the alphabet. */
async function texts({ client }: Running, options: Parameters<Client['read']>[1] = {}): Promise<string[]> {
  const found = new Set<string>()
  for await (const { bytes } of client.read('s', { onTrimmed: 'horizon', ...options }))
    found.add(Buffer.from(bytes).toString())
  return [...found].toSorted()
}

/** Lets time pass until every shard stamps by the right clock: the broker looks at its clock in real time. */
async function untilRight(running: Running): Promise<void> {
  await until('records have the right time', async () => {
    running.time.advance(SECOND)
    const arrivals = await put(running, 'during')
    return arrivals.every((arrival) => Math.abs(arrival - running.time.now()) < MINUTE)
  })
}

/** Everything that holds once the clock is right, for records that were stored before, during and after. */
async function expectRight(running: Running): Promise<void> {
  const { time } = running
  for (const arrival of await put(running, 'after'))
    expect(Math.abs(arrival - time.now())).toBeLessThan(MINUTE)
  time.advance(5 * SECOND)
  const lately = { from: { atTimestamp: time.now() - 10 * MINUTE } }
  expect(await texts(running, { ...lately, until: { atTimestamp: time.now() - 2 * SECOND } })).toContain(
    'after',
  )
  const soon = texts(running, { ...lately, until: { atTimestamp: time.now() + SECOND } })
  time.advance(10 * SECOND)
  expect(await soon).toContain('after')
  expect(await texts(running)).toEqual(['after', 'during'])
  time.advance(HOUR - MINUTE)
  expect(await texts(running)).toContain('after')
  time.advance(2 * MINUTE)
  await until('all of it has expired', async () => (await texts(running)).length === 0)
}

test('a directory that was filled while the clock was years ahead comes right, with or without what is known of the clock', async () => {
  for (const forgets of [true, false]) {
    const dataDir = await dataDirectory()
    const time = new ManualTime()
    time.jump(10 * YEAR)
    await withBroker(dataDir, time, async (running) => {
      await running.client.createStream('s', { shards: 3, retentionMs: HOUR })
      await put(running, 'during')
    })
    time.jump(-10 * YEAR)
    expect((await checkDataDirectory(dataDir, { now: time.now })).stampedAhead).toHaveLength(3)
    if (forgets) await rm(join(dataDir, 'clock.json'))
    await withBroker(dataDir, time, async (running) => {
      await untilRight(running)
      await expectRight(running)
    })
    const { problems, stampedAhead } = await checkDataDirectory(dataDir, { now: time.now })
    expect([problems, stampedAhead]).toEqual([[], []])
  }
})

test('a clock that was ahead for long enough to be believed is forgiven when it is right, while the broker runs and over a restart', async () => {
  const dataDir = await dataDirectory()
  const time = new ManualTime()
  await withBroker(dataDir, time, async (running) => {
    const { client } = running
    await client.createStream('s', { shards: 3, retentionMs: HOUR })
    time.jump(10 * YEAR)
    const before = time.now()
    await until('the clock is believed', async () => {
      time.advance(30 * SECOND)
      return (await put(running, 'during'))[0]! > before - YEAR
    })
    // Shards that are made and closed by the wrong clock are put right as well.
    await client.splitShard('s', 'shardId-000000000000')
    await put(running, 'during')
    time.jump(-10 * YEAR)
    await untilRight(running)
  })
  await withBroker(dataDir, time, expectRight)
  const { problems, stampedAhead } = await checkDataDirectory(dataDir, { now: time.now })
  expect([problems, stampedAhead]).toEqual([[], []])
})
