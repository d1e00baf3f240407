// `millrace bench` as a shell sees it: small loads, thresholds and exit codes, Ctrl-C, brokers that go, and a Kinesis endpoint.
import { createKinesisEndpoint, type KinesisEndpoint } from '@millrace/kinesis'
import type { KinesisLoad, KinesisLoadOptions, openKinesisLoad } from '@millrace/kinesis/load'
import { connect } from 'millrace'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, expectTypeOf, it, onTestFinished } from 'vitest'
import type { LoadDriver } from '../../../cli/load-test/drivers/driver.ts'
import { loadKinesisModule, type KinesisLoadModule } from '../../../cli/load-test/drivers/kinesis-module.ts'
import { TestDaemon } from '../../support/daemon.ts'
import { startCommand } from '../command.ts'
import { daemonCommands } from '../support/daemon-commands.ts'

const { daemon, millrace, output } = daemonCommands()

const short = '--rate 200 --duration 1s --warm-up 0s'

interface Report {
  readonly sentRecords: number
  readonly [figure: string]: unknown
}

/** Every record was acknowledged, and read in order by everyone. */
const sound = { errors: 0, lost: 0, duplicates: 0, outOfOrder: 0, isInterrupted: false }

async function bench(args: string): Promise<Report> {
  return JSON.parse(await output(`bench ${args} --json --quiet`)) as Report
}

async function streams(): Promise<string[]> {
  return (JSON.parse(await output('stream list --json')) as { name: string }[]).map(({ name }) => name)
}

describe('bench', () => {
  it('sends what it was asked to, has everything read in order, and leaves nothing behind', async () => {
    const load = `${short} --shards 2 --producers 2 --consumers 2 --keys zipf:20:1.2 --size 100..2000`
    const report = await bench(`${load} --groups 1 --members 2`)
    expect(report).toMatchObject({ ...sound, measuredMs: 1000, sentRecords: 200, sent: { records: 200 } })
    expect(report).toMatchObject({ ack: { count: 200 }, e2e: { count: 400 }, group: { count: 200 } })
    expect(await bench(`${load} --push --groups 1 --compression gzip`)).toMatchObject(sound)
    expect(await streams()).toEqual([])
    expect(await output('group list --json')).toBe('[]\n')
  })

  it('leaves an existing stream and what is in it, reads its own records alone, and says so', async () => {
    await using client = await connect(daemon().url)
    await client.createStream('kept')
    await client.put('kept', { partitionKey: 'a', data: 'of another' })
    const { code, stdout, stderr } = await millrace(`bench ${short} --stream kept --groups 1`)
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining('millrace: The records stay in the stream kept.\n') as string,
    })
    expect(String(stdout)).toContain('Checked: 0 lost, 0 doubled, 0 out of order.')
    expect(await output('consume kept --count 1')).toBe('of another\n')
    expect(await bench(`${short} --stream kept`)).toMatchObject({ ...sound, sentRecords: 200 })
    expect(await streams()).toEqual(['kept'])
    await client.deleteStream('kept')
  })

  it('as fast as there is room, and along a ramp', async () => {
    expect(await bench('--rate max --duration 1s --warm-up 0s --keys single')).toMatchObject(sound)
    const ramp = await bench('--ramp 10..300 --duration 1s --warm-up 0s')
    expect(ramp).toMatchObject({ ...sound, sentRecords: 155 })
  })

  it('thresholds that hold end well, and each that does not is a sentence and exit code 9', async () => {
    const held = await millrace(`bench ${short} --expect errors=0 --expect ack.p99<7d --expect lag<1000`)
    expect(held).toMatchObject({ code: 0 })
    expect(String(held.stdout)).toMatch(/^ok {4}errors=0 +0$/m)
    const missed = await millrace(
      `bench ${short} --expect rate>=1000 --expect errors=0 --expect ack.p99<0.01ms`,
    )
    expect(missed.code).toBe(9)
    expect(missed.stderr).toMatch(/millrace: rate is \d+\/s, and was expected at least 1,000\/s\.\n/)
    expect(missed.stderr).toMatch(/millrace: ack\.p99 is .*, and was expected below 0.01 ms\.\n$/)
    expect(String(missed.stdout)).toMatch(/^FAIL {2}rate>=1000/m)
  })

  it.each([
    ['--keys zipf', 'Expected uniform:N, zipf:N'],
    ['--size 5', 'Expected sizes from 24 bytes'],
    ['--rate fast', 'Expected records a second'],
    ['--ramp 5', 'Expected two rates such as 1000..50000'],
    ['--rate 5 --ramp 1..2', 'cannot be used with'],
    ['--duration 1ms', 'Expected a duration from 1s'],
    ['--consumers 300', 'Expected 256 at most'],
    ['--consumers 200 --groups 100', 'Consumers and members of groups are 300 together: 256 at most.'],
    [
      '--keys uniform:1000000 --producers 5',
      'The keys times the producers are 5,000,000: 4,000,000 at most.',
    ],
    ['--expect ack.p98<1s', 'Expected ack. with one of p50'],
    ['--expect group.p99<1s', 'needs --groups of 1 or more'],
    ['--stream x --shards 2', '--shards is for the stream that is made'],
    ['--endpoint http://127.0.0.1:1', '--endpoint is that of --driver kinesis'],
    ['--driver kinesis --groups 1', 'Kinesis has no groups'],
    ['--driver kinesis --push', '--push needs --driver millrace'],
  ])('%s: says what to write', async (args, sentence) => {
    const { code, stderr } = await millrace(`bench ${args}`)
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(sentence) as string })
  })

  it('a stream that is not there, and a broker that is not', async () => {
    expect(await millrace('bench --stream ghost')).toMatchObject({ code: 4 })
    expect(await millrace('bench --url millrace://127.0.0.1:1')).toMatchObject({ code: 3 })
  })

  it('Ctrl-C ends it with what there is, and deletes what it made', async () => {
    const child = startCommand(
      ['bench', '--rate', '100', '--duration', '1d', '--warm-up', '0s', '--expect', 'errors=0'],
      {
        url: daemon().url,
      },
    )
    onTestFinished(() => void child.kill('SIGKILL'))
    const [stdout, closed] = [buffer(child.stdout!), once(child, 'close')]
    child.stderr!.resume()
    await expect.poll(async () => (await streamBytes()) > 0).toBe(true)
    child.kill('SIGINT')
    expect(await closed).toEqual([130, null])
    const report = String(await stdout)
    expect(report).toContain('Interrupted: ')
    expect(report).toContain('Checked: 0 lost, 0 doubled, 0 out of order.')
    expect(await streams()).toEqual([])
  })

  it('a stream that goes away under it ends it, with what there is', async () => {
    await using client = await connect(daemon().url)
    await client.createStream('going')
    const child = startCommand(['bench', '--stream', 'going', '--duration', '1d', '--drain', '0s'], {
      url: daemon().url,
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const [stdout, stderr, closed] = [buffer(child.stdout!), buffer(child.stderr!), once(child, 'close')]
    await expect.poll(async () => (await streamBytes()) > 0).toBe(true)
    await client.deleteStream('going')
    expect(await closed).toEqual([4, null])
    expect(String(await stdout)).toContain('records sent in all')
    expect(String(await stderr)).toContain('There is no stream called going.')
  })

  /** Whether any record has come to the streams there are: the size of the first record found. */
  async function streamBytes(): Promise<number> {
    const [name] = await streams()
    if (name === undefined) return 0
    const { stdout } = await millrace(`consume ${name} --count 1`)
    return stdout.length
  }
})

it('a broker that goes away and comes back costs no record, and its absence counts in the latencies', async () => {
  await using own = await TestDaemon.start()
  const args = ['bench', '--rate', '100', '--duration', '1d', '--warm-up', '0s', '--drain', '10m', '--json']
  const child = startCommand(args, { url: own.url })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [stdout, closed] = [buffer(child.stdout!), once(child, 'close')]
  const lines = createInterface({ input: child.stderr! })
  await using client = await connect(own.url)
  await expect
    .poll(async () => {
      for await (const { name } of client.listStreams()) for await (const _ of client.read(name)) return true
      return false
    })
    .toBe(true)
  const troubled = new Promise<void>((resolve) => {
    lines.on('line', (line) => /^millrace: .*Trying again\.$/.test(line) && resolve())
  })
  await own.killAll(await own.hostPids())
  await troubled
  await own.restart()
  child.kill('SIGINT')
  expect(await closed).toEqual([130, null])
  const report = JSON.parse(String(await stdout)) as Report
  expect(report).toMatchObject({ ...sound, isInterrupted: true })
  expect(report.sentRecords).toBeGreaterThan(0)
})

describe('bench --driver kinesis', () => {
  let endpoint: KinesisEndpoint
  beforeAll(async () => {
    endpoint = await createKinesisEndpoint({ port: 0 })
  })
  afterAll(() => endpoint.close())

  const kinesis = (args: string) => bench(`--driver kinesis --endpoint ${endpoint.url} --poll 10ms ${args}`)

  it('loads an endpoint, has everything read in order, and leaves nothing behind', async () => {
    const report = await kinesis(`${short} --shards 2 --producers 2 --consumers 2 --keys zipf:20`)
    expect(report).toMatchObject({ ...sound, sentRecords: 200, ack: { count: 200 }, e2e: { count: 400 } })
    await using native = await connect(endpoint.brokerUrl)
    expect(await native.listStreams().page({})).toMatchObject({ items: [] })
  })

  it('an existing stream stays, and only what is new of it is read', async () => {
    await using native = await connect(endpoint.brokerUrl)
    await native.createStream('kept')
    await native.put('kept', { partitionKey: 'a', data: 'of another' })
    expect(await kinesis(`${short} --stream kept`)).toMatchObject({ ...sound, sentRecords: 200 })
    expect(await native.describeStream('kept')).toMatchObject({ name: 'kept' })
  })

  it('says what is not there, by its exit codes', async () => {
    const at = (url: string, more: string) => millrace(`bench --driver kinesis --endpoint ${url} ${more}`)
    expect(await at(endpoint.url, '--stream ghost')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('millrace: Kinesis: Stream ghost') as string,
    })
    expect(await at('http://127.0.0.1:1', '--rate 5')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('No Kinesis answers at http://127.0.0.1:1') as string,
    })
  })

  it('is served by the module of the app, whose types are what it expects', async () => {
    expect(Object.keys(await loadKinesisModule())).toEqual(['openKinesisLoad'])
    expectTypeOf<Parameters<KinesisLoadModule['openKinesisLoad']>[0]>().toExtend<KinesisLoadOptions>()
    expectTypeOf<KinesisLoad>().toExtend<LoadDriver>()
    expectTypeOf<ReturnType<typeof openKinesisLoad>>().toExtend<Promise<LoadDriver>>()
  })
})
