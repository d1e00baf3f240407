// Consumer groups of processes on the real daemon: killed, stopped, blocked, and started anew one after the other.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, type Client, type Group, type GroupEvent } from 'millrace'
import { createBroker } from 'millrace/broker'
import { TestDaemon } from '../../support/daemon.ts'
import { MemberProcess } from './support/member-process.ts'

let daemon: TestDaemon
let client: Client
beforeAll(async () => {
  daemon = await TestDaemon.start()
})
afterAll(async () => {
  await daemon[Symbol.asyncDispose]()
})
beforeEach(async () => {
  client = await connect(daemon.url)
  return async () => {
    for (const { name } of (await client.listGroups().page()).items)
      await client.deleteGroup(name, { force: true })
    await client.deleteStream('clicks').catch(() => {})
    await client.close()
  }
})

async function put(values: readonly string[], key = (value: string) => value): Promise<void> {
  for (const value of values) await client.put('clicks', { partitionKey: key(value), data: value })
}

const numbers = (from: number, until: number): string[] =>
  Array.from({ length: until - from }, (_, i) => String(from + i))

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 180_000
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('it never came to hold')
    await delay(10)
  }
}

describe('a group of processes', () => {
  it('a process that is killed is replaced by the next one of its name, which goes on where the checkpoints are', async () => {
    await client.createStream('clicks')
    const all = [...numbers(0, 50), 'wait', ...numbers(51, 100)]
    await put(all)
    await using first = new MemberProcess(daemon.url, { leaseMs: 2000, memberId: 'worker-1' })
    await first.says('waiting')
    const { shards } = await client.describeGroup('billing')
    first.signal('SIGKILL')
    await first.ended()
    await using second = new MemberProcess(daemon.url, { leaseMs: 2000, memberId: 'worker-1' })
    await second.says('waiting')
    second.tell('go')
    await second.says('handled 99')
    // Nothing is left out, and nothing that was checkpointed comes again.
    const begin = all.indexOf(second.handled[0]!)
    expect(second.handled).toEqual(all.slice(begin))
    expect(begin).toBeLessThanOrEqual(50)
    expect(begin).toBeGreaterThanOrEqual(shards[0]!.position ?? 0)
  })

  it('a handler that keeps the event loop busy for longer than the lease keeps its shard', async () => {
    await client.createStream('clicks')
    await using first = new MemberProcess(daemon.url, { leaseMs: 8000, memberId: 'first' })
    await first.says('event assigned')
    await put(['block 20000', 'after'])
    await first.says('blocking')
    await using second = new MemberProcess(daemon.url, { leaseMs: 8000 })
    await second.says('event joined')
    await first.says('handled after')
    expect(first.handled).toEqual(['block 20000', 'after'])
    expect(first.lines.filter((line) => /lost|expelled|MainThread/.test(line))).toEqual([])
    expect(second.handled).toEqual([])
  })

  it('a process that is stopped for longer than the lease checkpoints nothing when it wakes, and joins again', async () => {
    await client.createStream('clicks')
    await using first = new MemberProcess(daemon.url, { leaseMs: 2000, memberId: 'first' })
    await first.says('event assigned')
    await put(['wait', 'next'])
    await first.says('waiting')
    first.signal('SIGSTOP')
    await using second = new MemberProcess(daemon.url, { leaseMs: 60_000, memberId: 'second' })
    await second.says('waiting')
    second.tell('go')
    await second.says('handled next')
    first.signal('SIGCONT')
    first.tell('go')
    await first.until(() => first.lines.some((line) => line.startsWith('checkpoint ')))
    expect(first.lines.filter((line) => line.startsWith('checkpoint '))).not.toContain('checkpoint stored')
    await first.until(() => first.lines.filter((line) => line === 'event joined').length === 2)
    const { shards, members } = await client.describeGroup('billing')
    expect(members.map(({ memberId }) => memberId)).toEqual(['first', 'second'])
    expect(shards).toMatchObject([{ memberId: 'second' }])
    await until(async () => (await client.describeGroup('billing')).shards[0]!.reason === 'caughtUp')
  })
})

interface Running {
  readonly group: Group<Uint8Array>
  readonly running: Promise<void>
  readonly events: GroupEvent[]
}

function start(handled: string[], memberId: string): Running {
  const events: GroupEvent[] = []
  const group = client.group({
    stream: 'clicks',
    name: 'billing',
    memberId,
    // Nobody is to expire here, however busy the machine is.
    leaseMs: 120_000,
    batchRecordsMax: 7,
    onEvent: (event) => events.push(event),
  })
  const running = group.run(async (records) => {
    await delay(1)
    handled.push(...records.map(({ data }) => Buffer.from(data).toString()))
  })
  return { group, running, events }
}

describe('members of one process', () => {
  it('ten of them are started anew one after the other, while records come, and no record is delivered twice', async () => {
    await client.createStream('clicks', { shards: 20 })
    const handled: string[] = []
    const names = Array.from({ length: 10 }, (_, place) => `m${place}`)
    const members = names.map((memberId) => start(handled, memberId))
    const first = [...members]
    let count = 0
    let isPutting = true
    const putting = (async () => {
      while (isPutting) await put(numbers(count, (count += 20)))
    })()
    for (const [place, memberId] of names.entries()) {
      const before = handled.length
      await until(() => handled.length > before + 30)
      await members[place]!.group.stop()
      await members[place]!.running
      members[place] = start(handled, memberId)
      await until(() => members[place]!.events.some(({ type }) => type === 'joined'))
    }
    isPutting = false
    await putting
    await until(() => handled.length >= count)
    for (const { group } of members) await group.stop()
    expect(handled.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(0, count))
    const types = [...first, ...members].flatMap(({ events }) => events.map(({ type }) => type))
    expect(types.filter((type) => type === 'lost' || type === 'expelled')).toEqual([])
  })

  it('keep their shards when the controller is killed and starts again, and process nothing twice', async () => {
    await client.createStream('clicks', { shards: 2 })
    const handled: string[] = []
    const member = start(handled, 'a')
    await put(numbers(0, 50))
    await until(() => handled.length === 50)
    await daemon.killController()
    await daemon.restart()
    await put(numbers(50, 100))
    await until(() => handled.length >= 100)
    await member.group.stop()
    expect(handled.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(0, 100))
    const types = member.events.map(({ type }) => type)
    expect(types.filter((type) => type === 'lost' || type === 'expelled')).toEqual([])
    expect(types.filter((type) => type === 'assigned')).toHaveLength(2)
  })
})

it('a call that waits is told by closing when its shard is to be given back, and finishes before that', async () => {
  await client.createStream('clicks')
  await put(['one'])
  const group = client.group({ name: 'billing', stream: 'clicks', checkpoint: 'manual' })
  const told: string[] = []
  let begun = false
  const running = group.run(async (records, { closing, signal, isLast }) => {
    told.push(`${records.length} records, last ${isLast}, closing ${closing.aborted}, lost ${signal.aborted}`)
    begun = true
    if (!closing.aborted)
      await new Promise((resolve) => closing.addEventListener('abort', resolve, { once: true }))
  })
  await until(() => begun)
  await group.stop()
  await running
  expect(told).toEqual([
    '1 records, last false, closing false, lost false',
    '0 records, last true, closing true, lost false',
  ])
  // It checkpointed nothing, so the next member gets the record again.
  expect((await client.describeGroup('billing')).totals.recordsBehind).toBe(1)
})

it('a group on a broker of the same process renews from the main thread, and says so', async () => {
  await using broker = await createBroker({ listen: false })
  await using inProcess = await connect(broker.url, { dial: broker.dial })
  await inProcess.createStream('clicks')
  await inProcess.put('clicks', { partitionKey: 'a', data: 'x' })
  const events: GroupEvent[] = []
  const group = inProcess.group({ stream: 'clicks', name: 'billing', onEvent: (event) => events.push(event) })
  for await (const { records } of group.batches()) {
    expect(records).toHaveLength(1)
    break
  }
  expect(events.map(({ type }) => type)).toContain('heartbeatInMainThread')
})
