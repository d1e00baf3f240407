// The verbs of streams and shards against the fake broker: what they ask for, what they print, and how they refuse.
import { describe, expect, it } from 'vitest'
import { FakeBroker } from '../client/support/fake-broker.ts'
import { commandLine } from './support/fake-terminal.ts'

const MiB = 1024 * 1024
const MIDDLE = 2n ** 127n

describe('stream create and update', () => {
  it.each([
    ['create clicks', {}],
    ['create clicks --shards 4 --retention 2h', { shardCount: 4, retentionMs: 7_200_000 }],
    ['create clicks --retention-bytes 10GiB', { retentionBytes: 10 * 1024 * MiB }],
    [
      'create clicks --mode on-demand --min-shards 2 --max-shards 64 --target-bytes 4MiB --target-records 5000',
      {
        mode: 'on-demand',
        scaling: {
          shardsMin: 2,
          shardsMax: 64,
          targetBytesPerSecond: 4 * MiB,
          targetRecordsPerSecond: 5000,
        },
      },
    ],
    [
      'update clicks --limits kinesis',
      {
        shardLimits: {
          writeBytesPerSecond: MiB,
          writeRecordsPerSecond: 1000,
          readBytesPerSecond: 2 * MiB,
          readsPerSecond: 5,
          subscriptionBytesPerSecond: 2 * MiB,
        },
      },
    ],
    [
      'update clicks --limits write-bytes=2MiB,reads=7',
      {
        shardLimits: {
          writeBytesPerSecond: 2 * MiB,
          writeRecordsPerSecond: 0,
          readBytesPerSecond: 0,
          readsPerSecond: 7,
          subscriptionBytesPerSecond: 0,
        },
      },
    ],
    ['update clicks --max-shards 9', { scaling: expect.objectContaining({ shardsMax: 9 }) as object }],
  ])('%s asks for just that', async (args, settings) => {
    const broker = new FakeBroker()
    await using command = await commandLine(broker)
    expect(await command.millrace(`stream ${args}`)).toMatchObject({ code: 0 })
    const said = Object.entries(broker.settings[0]!).filter(([, value]) => value !== undefined)
    expect(Object.fromEntries(said)).toEqual({ name: 'clicks', ...settings })
  })

  it.each([
    ['create clicks --limits fast', 'Expected none, kinesis, or a list such as'],
    ['create clicks --limits reads=many', 'Expected a whole number'],
    ['create clicks --limits constructor=1', 'Expected none, kinesis'],
    ['create clicks --mode serverless', 'Allowed choices are provisioned, on-demand'],
    ['update clicks', 'Name what is to change'],
  ])('%s is refused before anything is asked', async (args, message) => {
    const broker = new FakeBroker()
    await using command = await commandLine(broker)
    const { code, stderr } = await command.millrace(`stream ${args}`)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
    expect(broker.received).toEqual([])
  })

  it.each(['create clicks --max-shards 8', 'update clicks --target-bytes 4MiB'])(
    '%s says that nothing comes of it while the stream is provisioned',
    async (args) => {
      await using command = await commandLine(new FakeBroker())
      const { stdout, stderr } = await command.millrace(`stream ${args}`)
      expect(stdout).toMatch(/^mode +provisioned$/m)
      expect(stderr).toMatch(/^clicks is provisioned: .*--mode on-demand.*stays? as they are.*--explain/)
    },
  )

  it.each(['create clicks --mode on-demand --max-shards 8', 'update clicks --retention 2h'])(
    '%s needs no such warning',
    async (args) => {
      await using command = await commandLine(new FakeBroker())
      expect(await command.millrace(`stream ${args}`)).toMatchObject({ code: 0, stderr: '' })
    },
  )

  it('describe shows every setting, as text and as JSON', async () => {
    const broker = new FakeBroker({ shards: 2 })
    await using command = await commandLine(broker)
    const { stdout } = await command.millrace('stream describe clicks')
    expect(stdout).toMatch(/^name +clicks\nstatus +ACTIVE\nopen shards +2\nmode +provisioned\n/)
    expect(stdout).toMatch(
      /\nonce on-demand +1 to \d+ shards, with a target for each of .+\nlimits of a shard +none\nretention +24 h\n/,
    )
    const json = await command.millrace('stream describe clicks --json')
    expect(JSON.parse(json.stdout)).toMatchObject({ mode: 'provisioned', epoch: 1, retentionBytes: 0 })
  })
})

describe('stream scale', () => {
  it('is done when the stream has so many shards, however many answers that takes', async () => {
    const broker = new FakeBroker()
    await using command = await commandLine(broker)
    expect(await command.millrace('stream scale clicks 8')).toEqual({
      code: 0,
      stdout: 'clicks has 8 open shards.\n',
      stderr: '',
    })
    expect(broker.received.filter((name) => name === 'updateShardCount')).toHaveLength(3)
  })

  it('draws a bar on a terminal, and prints JSON where that is asked for', async () => {
    const broker = new FakeBroker()
    await using command = await commandLine(broker, { isTTY: true })
    const { stderr } = await command.millrace('stream scale clicks 4')
    expect(stderr).toMatch(/scale .*100% {2}4 open shards/)
    const { stdout, stderr: silence } = await command.millrace('stream scale clicks 8 --json')
    expect(JSON.parse(stdout)).toMatchObject({ openShardCount: 8, epoch: 4 })
    expect(silence).toBe('')
  })

  it('interrupted, says that the change goes on', async () => {
    const broker = new FakeBroker()
    const interruption = new AbortController()
    broker.disturb = ({ operation }) => {
      if (operation !== 'updateShardCount') return 'none'
      setImmediate(() => interruption.abort())
      return 'hangs'
    }
    await using command = await commandLine(broker, { interrupted: interruption.signal })
    expect(await command.millrace('stream scale clicks 4')).toMatchObject({
      code: 130,
      stderr: 'millrace: The change to 4 shards goes on by itself.\n',
    })
  })

  it('--explain prints the decisions with their reasons and changes nothing', async () => {
    const broker = new FakeBroker()
    broker.decisions = [
      { action: 'split', shards: [0], reason: '5,000 records/s over 10 s and 2 min' },
      { action: 'none', shards: [], reason: 'at shardsMax' },
    ]
    await using command = await commandLine(broker)
    const { stdout } = await command.millrace('stream scale clicks --explain')
    expect(stdout).toContain('mode               provisioned: nothing of this is done by itself\n')
    expect(stdout).toMatch(
      /\nACTION +SHARDS +REASON\nsplit +0 +5,000 records\/s over 10 s and 2 min\nnone +all/,
    )
    expect(broker.received).not.toContain('updateShardCount')
    const json = await command.millrace('stream scale clicks --explain --json')
    expect(JSON.parse(json.stdout)).toMatchObject({
      decisions: [{ action: 'split', shardIds: ['shardId-000000000000'] }, { action: 'none' }],
    })
  })

  it('wants a count or --explain, and a count of at least 1', async () => {
    await using command = await commandLine(new FakeBroker())
    for (const args of ['scale clicks', 'scale clicks 3 --explain', 'scale clicks 0']) {
      expect(await command.millrace(`stream ${args}`)).toMatchObject({ code: 2 })
    }
  })
})

describe('shard split and merge', () => {
  it('split prints the children, at a hash key, around a key, or where the broker thinks best', async () => {
    const broker = new FakeBroker()
    await using command = await commandLine(broker)
    const balanced = await command.millrace('shard split clicks 0')
    expect(balanced.stdout).toBe('shardId-000000000001\nshardId-000000000002\n')
    await command.millrace(`shard split clicks 2 --at ${MIDDLE + 5n}`)
    expect(broker.shards[4]!.range.start).toEqual(Uint32Array.of(0x8000_0000, 0, 0, 5))
    const isolated = await command.millrace(`shard split clicks shard-4 --isolate-hash ${MIDDLE + 7n} --json`)
    expect(JSON.parse(isolated.stdout)).toEqual({
      children: ['shardId-000000000005', 'shardId-000000000006', 'shardId-000000000007'],
      epoch: 4,
    })
    const { range } = broker.shards[6]!
    expect([range.start, range.end]).toEqual([
      Uint32Array.of(0x8000_0000, 0, 0, 7),
      Uint32Array.of(0x8000_0000, 0, 0, 7),
    ])
  })

  it('merge prints the child', async () => {
    const broker = new FakeBroker({ shards: 2 })
    await using command = await commandLine(broker)
    expect((await command.millrace('shard merge clicks 0 1')).stdout).toBe('shardId-000000000002\n')
    expect(broker.shards[2]!.parents).toEqual([0, 1])
  })

  it.each([
    ['split clicks 0 --at 5 --isolate-key ada', "cannot be used with option '--isolate-key"],
    ['split clicks 0 --isolate-hash 5 --isolate-key ada', 'cannot be used with option'],
    ['split clicks 0 --at five', '"five" is not a hash key'],
    ['split clicks zero', '"zero" is not a shard id'],
    ['merge clicks 0', "missing required argument 'adjacent shard'"],
    [
      `split clicks 0 --isolate-hash ${2n ** 128n - 1n}`,
      'does not belong to shardId-000000000000: split shardId-000000000001.',
    ],
  ])('%s is a mistake', async (args, message) => {
    const broker = new FakeBroker({ shards: 2 })
    await using command = await commandLine(broker)
    const { code, stderr } = await command.millrace(`shard ${args}`)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
    expect(broker.shards).toHaveLength(2)
  })

  it('list shows parents, size, load and hot keys of what is open', async () => {
    const broker = new FakeBroker()
    broker.split(0)
    broker.merge(1, 2)
    await using command = await commandLine(broker)
    const lines = (await command.millrace('shard list clicks')).stdout.split('\n')
    expect(lines[0]).toMatch(/^SHARD +STATE +PARENTS +OLDEST +NEXT +BYTES +LOAD +HOT KEY +HASH KEYS$/)
    expect(lines[1]).toMatch(/^shardId-000000000000 {2}CLOSED +- +0 +0 +0 B +- +- +0…340282/)
    expect(lines[4]).toMatch(/OPEN +1 2 +0 +0 +0 B +30 B\/s, 3 records\/s +70% of it at 0 +0…340282/)
  })
})

describe('help', () => {
  it.each(['stream create', 'stream update', 'stream scale', 'shard list', 'shard split', 'shard merge'])(
    '%s has examples',
    async (verb) => {
      await using command = await commandLine(new FakeBroker())
      const { code, stdout } = await command.millrace(`${verb} --help`)
      expect(code).toBe(0)
      expect(stdout).toContain(`\nExamples:\n  $ millrace ${verb} clicks`)
    },
  )
})
