// The verbs of groups as a shell sees them, while a group runs, and when it has stopped.
import { connect, type Client, type GroupDescription, type GroupOptions } from 'millrace'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { setTimeout as delay } from 'node:timers/promises'
import { daemonCommands } from '../support/daemon-commands.ts'

const { daemon, millrace, output } = daemonCommands()

let client: Client
beforeEach(async () => {
  client = await connect(daemon().url)
})
afterEach(async () => {
  await client.close()
  await using cleaner = await connect(daemon().url)
  for await (const { name } of cleaner.listGroups()) await cleaner.deleteGroup(name, { force: true })
  for await (const { name } of cleaner.listStreams()) await cleaner.deleteStream(name)
})

const values = ['a', 'b', 'c', 'd', 'e', 'f']

async function fill(stream: string, data = values): Promise<void> {
  for (const value of data) await client.put(stream, { partitionKey: value, data: value })
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 180_000
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('it never came to hold')
    await delay(10)
  }
}

/** A member that runs, with all that it was handed. */
function start(options: Partial<GroupOptions> = {}) {
  const handled: string[] = []
  const group = client.group({ stream: 'clicks', name: 'billing', memberId: 'ada', ...options })
  const running = group.run((records) => {
    for (const { data } of records) handled.push(Buffer.from(data).toString())
  })
  return {
    handled,
    stop: async () => {
      await group.stop()
      await running
    },
  }
}

async function described(name = 'billing'): Promise<GroupDescription> {
  return JSON.parse(await output(`group describe ${name} --json`)) as GroupDescription
}

const isCaughtUp = async () => (await described()).shards.every(({ reason }) => reason === 'caughtUp')

describe('group', () => {
  it('lists and describes a group that runs: its members, and each shard with its reason', async () => {
    expect(await millrace('group list')).toMatchObject({
      code: 0,
      stderr: 'There is no group yet. A program makes one by joining it: `client.group(…).run(…)`.\n',
    })
    await client.createStream('clicks', { shards: 2 })
    await fill('clicks')
    const member = start()
    await until(() => member.handled.length === values.length)
    await until(isCaughtUp)
    expect(JSON.parse(await output('group list --json'))).toEqual([
      expect.objectContaining({
        name: 'billing',
        streams: ['clicks'],
        isPaused: false,
        memberCount: 1,
        shardCount: 2,
      }),
    ])
    expect(await output('group list')).toMatch(/^NAME .*\nbilling +running +clicks +1 +2 +\S+ \S+\n$/)
    const group = await described()
    expect(group.members).toEqual([expect.objectContaining({ memberId: 'ada', shards: 2 })])
    for (const shard of group.shards) {
      expect(shard).toMatchObject({ memberId: 'ada', recordsBehind: 0, bytesBehind: 0, millisBehind: 0 })
    }
    const report = await output('group describe billing')
    expect(report).toMatch(/^behind +nothing$/m)
    expect(report).toMatch(/^ada +\S+ +2 +.* of 10 s$/m)
    expect(report).toMatch(/^0 +ada +\S+ +0 +0 B +0 ms +\S+\/s$/m)
    expect(report).toMatch(/^0, 1 +caughtUp: Everything is processed\.$/m)
    await member.stop()
    expect(await output('group list')).toMatch(/^billing +no members +clicks +0 +2 /m)
  })

  it('pauses and resumes', async () => {
    await client.createStream('clicks')
    const member = start()
    await until(async () => (await client.listGroups().page()).items.length === 1)
    expect(await output('group pause billing')).toContain('`millrace group resume billing`')
    expect(await output('group list')).toMatch(/^billing +paused +/m)
    await until(async () => (await described()).shards[0]?.reason === 'paused')
    expect(await output('group resume billing')).toBe('Resumed billing.\n')
    await fill('clicks')
    await until(() => member.handled.length === values.length)
    await member.stop()
  })

  it('resets a stopped group to the oldest record, once it has shown what that means', async () => {
    await client.createStream('clicks')
    await fill('clicks')
    const first = start()
    await until(isCaughtUpAfter(first.handled))
    await first.stop()
    const plan = JSON.parse(await output('group reset billing --to TRIM_HORIZON --dry-run --json')) as object
    expect(plan).toEqual({
      group: 'billing',
      stream: 'clicks',
      to: 'TRIM_HORIZON',
      shards: [
        {
          shardId: 'shardId-000000000000',
          position: 6,
          recordsBehind: 0,
          nextPosition: 0,
          nextRecordsBehind: 6,
        },
      ],
      isReset: false,
    })
    expect((await described()).shards[0]).toMatchObject({ position: 6 })
    expect(await output('group reset billing --to TRIM_HORIZON')).toBe(
      [
        'SHARD  CHECKPOINT  RECORDS BEHIND  GOES TO  BEHIND THEN',
        '0      6           0               0        6',
        '',
        'Group billing goes to TRIM_HORIZON in clicks: 6 records are processed again.',
        'Reset billing to TRIM_HORIZON in clicks.',
        '',
      ].join('\n'),
    )
    expect((await described()).shards[0]).toMatchObject({ recordsBehind: 6, reason: 'noMember' })
    const second = start()
    await until(() => second.handled.length === values.length)
    expect(second.handled).toEqual(values)
    await second.stop()
    const latest = await output('group reset billing --to LATEST --stream clicks --yes --json')
    expect(JSON.parse(latest)).toMatchObject({ to: 'LATEST', isReset: true })
    expect(await output('group reset billing --to 1h')).toMatch(/what is later is processed again/)
    expect((await described()).shards[0]).toMatchObject({ recordsBehind: 6 })
  })

  it('resets and deletes a group that runs only by force', async () => {
    await client.createStream('clicks')
    await fill('clicks')
    const member = start()
    await until(isCaughtUpAfter(member.handled))
    for (const verb of ['reset billing --to TRIM_HORIZON', 'delete billing']) {
      const { code, stderr } = await millrace(`group ${verb}`)
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr:
          'millrace: Group billing has 1 member (ada). Stop them first, or pass --force: then what they have under way is ' +
          'processed again.\n',
      })
    }
    await output('group reset billing --to TRIM_HORIZON --force')
    await until(() => member.handled.length === 2 * values.length)
    expect(member.handled).toEqual([...values, ...values])
    await member.stop()
    expect(await output('group delete billing')).toBe('Deleted billing.\n')
    expect(JSON.parse(await output('group list --json'))).toEqual([])
  })

  it('wants the stream of a reset named where the group reads several', async () => {
    for (const stream of ['clicks', 'orders']) await client.createStream(stream)
    const checkpoints = client.checkpoints('billing')
    for (const stream of ['clicks', 'orders']) {
      await fill(stream)
      const reading = client.read(stream)
      for await (const record of reading) void record
      await checkpoints.save(stream, reading.position)
    }
    expect(await millrace('group reset billing --to LATEST')).toMatchObject({
      code: 2,
      stderr: 'millrace: Group billing reads clicks, orders: name one of them with --stream.\n',
    })
    expect(await millrace('group reset billing --to LATEST --stream views')).toMatchObject({
      code: 4,
      stderr: 'millrace: Group billing reads clicks, orders, not views.\n',
    })
    await output('group reset billing --to TRIM_HORIZON --stream orders')
    const behind = (await described()).shards.map(({ stream, recordsBehind }) => [stream, recordsBehind])
    expect(behind).toEqual([
      ['clicks', 0],
      ['orders', 6],
    ])
  })

  it('says where to look for a group that is not there, and what a position is', async () => {
    for (const verb of ['describe', 'pause', 'resume', 'delete', 'reset --to LATEST']) {
      const { code, stderr } = await millrace(`group ${verb} nothing`)
      expect({ verb, code, stderr }).toEqual({
        verb,
        code: 4,
        stderr: 'millrace: There is no group called nothing. See `millrace group list`.\n',
      })
    }
    expect(await millrace('group reset nothing')).toMatchObject({ code: 2 })
    const numbered = await millrace('group reset nothing --to 17')
    expect([numbered.code, numbered.stderr]).toEqual([
      2,
      expect.stringContaining('expected TRIM_HORIZON, LATEST'),
    ])
    expect(await millrace('group describe no/name')).toMatchObject({ code: 2 })
  })
})

/** Returns true once everything was handed over and is checkpointed. */
function isCaughtUpAfter(handled: readonly string[]): () => Promise<boolean> {
  return async () => handled.length === values.length && (await isCaughtUp())
}
