// Hosts that hang: they run, hold their ports and answer nothing.
import { describe, expect, it } from 'vitest'
import {
  HEARTBEAT_INTERVAL_MS,
  SILENT_INTERVALS_MAX,
  startHeartbeat,
  STUCK_ANSWERS_MAX,
} from '../../broker/control/heartbeat.ts'
import type { HostCalls } from '../../broker/host-contract.ts'
import { createLog } from '../../broker/telemetry/log.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { held, opened, openShards, split } from './support/changing.ts'
import { FakeHosts, type FakeHost } from './support/fake-hosts.ts'
import { settled } from './support/fake-time.ts'
import { MemoryCatalog } from './support/memory-catalog.ts'
import { TestController } from './support/test-controller.ts'

type Pong = HostCalls['ping']['reply']

/** From the last sign of life until a host is given up, at most. */
const GIVEN_UP_MS = HEARTBEAT_INTERVAL_MS * (SILENT_INTERVALS_MAX + 1)

/** Lets the life of host 1 that runs now answer nothing any more, from the next such call on. */
function hang(hosts: FakeHosts, from: keyof HostCalls = 'ping'): FakeHost {
  const hung = hosts.host(1)
  let hangs = false
  hosts.around = (call, host, work) => {
    hangs ||= host === hung && call === from
    return hangs && host === hung ? new Promise(() => {}) : work()
  }
  return hung
}

/** A heartbeat whose intervals pass when the test says so. */
function beating(ping: () => Promise<Pong>) {
  const told: string[] = []
  let tick = (): void => {}
  const stop = startHeartbeat({
    ping,
    time: {
      every: (_, task) => {
        tick = task
        return () => (tick = () => {})
      },
    },
    onAnswer: ({ trouble }) => told.push(trouble ?? 'well'),
    onSilence: (intervals) => told.push(`silent ${intervals}`),
  })
  const pass = async (intervals: number): Promise<string[]> => {
    for (let i = 0; i < intervals; i++) {
      await settled()
      tick()
    }
    await settled()
    return told.splice(0)
  }
  return { pass, stop }
}

describe('a heartbeat', () => {
  it('asks at once and at every interval, and tells each answer', async () => {
    let asked = 0
    const { pass } = beating(() =>
      Promise.resolve({ trouble: ++asked === 2 ? 'a slow owner' : null, isStuck: false }),
    )
    expect(await pass(2)).toEqual(['well', 'a slow owner', 'well'])
  })

  it('asks one question at a time, and counts what passes until it is answered', async () => {
    const answers: ((pong: Pong) => void)[] = []
    const { pass } = beating(() => new Promise((resolve) => answers.push(resolve)))
    expect(await pass(2)).toEqual(['silent 1', 'silent 2'])
    expect(answers).toHaveLength(1)
    answers[0]!({ trouble: null, isStuck: false })
    expect(await pass(1)).toEqual(['well'])
    expect(await pass(1)).toEqual(['silent 1'])
  })

  it('counts intervals and not time: one that lasted an hour, because this process was suspended, is one', async () => {
    let answer = (_: Pong): void => {}
    const { pass } = beating(() => new Promise((resolve) => (answer = resolve)))
    expect(await pass(1)).toEqual(['silent 1'])
    // What the host had answered meanwhile is read right after the one timer that was due.
    answer({ trouble: null, isStuck: false })
    expect(await pass(0)).toEqual(['well'])
  })

  it('takes a question that failed for no sign of life', async () => {
    const { pass } = beating(() => Promise.reject(new MillraceError('unavailable', 'the channel is gone')))
    expect(await pass(2)).toEqual(['silent 1', 'silent 2'])
  })

  it('tells nothing once it is stopped', async () => {
    let answer = (_: Pong): void => {}
    const { pass, stop } = beating(() => new Promise((resolve) => (answer = resolve)))
    stop()
    answer({ trouble: null, isStuck: false })
    expect(await pass(3)).toEqual([])
  })
})

describe('a host that hangs', () => {
  it('stays ready at first, with the reason; then it is killed, said so, and started again', async () => {
    const lines: string[] = []
    const destination = { write: (line: string) => void lines.push(line) }
    const log = createLog({ level: 'error', format: 'json', process: 'test', destination })
    const test = await TestController.open(new MemoryCatalog(), { hosts: 2, log })
    const hung = hang(test.hosts)
    await test.time.advance(GIVEN_UP_MS - 1)
    const { hosts } = await test.ask('describeBroker', {})
    expect(hosts).toMatchObject([
      { state: 'ready', reason: 'does not answer: 5 of 6 heartbeats missed' },
      { state: 'ready', reason: undefined },
    ])
    expect(hung.isRunning).toBe(true)
    await test.time.advance(1)
    expect(hung.isRunning).toBe(false)
    const reason = 'did not answer 6 heartbeats in a row'
    expect(test.controller.readiness()).toEqual({ ready: false, reasons: [`host 1 is down: ${reason}`] })
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: 'error', hostId: 1, msg: `host hangs and is killed: ${reason}` },
    ])
    await test.time.advance(50)
    expect(test.controller.hosts).toMatchObject([
      { state: 'ready', restarts: 1, reason: undefined },
      { state: 'ready', restarts: 0, reason: undefined },
    ])
  })

  it('and answers again in time goes on as if nothing had been', async () => {
    const test = await TestController.open(new MemoryCatalog())
    const { release } = held(test.hosts, 'ping')
    await test.time.advance(GIVEN_UP_MS - 1)
    expect(test.controller.hosts).toMatchObject([{ reason: 'does not answer: 5 of 6 heartbeats missed' }])
    release()
    await test.time.advance(10 * GIVEN_UP_MS)
    expect(test.controller.hosts).toMatchObject([{ state: 'ready', restarts: 0, reason: undefined }])
  })

  it('says so of itself while it serves: that is shown, and no reason to end it', async () => {
    const hosts = new FakeHosts()
    const trouble = 'owner 0 has not answered for 40 seconds'
    hosts.behaviour = () => ({ ping: () => ({ trouble, isStuck: false }) })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    await test.time.advance(10 * GIVEN_UP_MS)
    expect(test.controller.hosts).toMatchObject([{ state: 'ready', restarts: 0, reason: trouble }])
    expect(test.controller.readiness().ready).toBe(true)
  })

  it('only in its storage is ended as well, when it has said so for long without a break', async () => {
    const hosts = new FakeHosts()
    let asked = 0
    // Once it goes on, for a moment.
    const ping = () => ({ trouble: 'owner 0 hangs', isStuck: ++asked !== STUCK_ANSWERS_MAX })
    hosts.behaviour = () => ({ ping })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    await test.time.advance((2 * STUCK_ANSWERS_MAX - 2) * HEARTBEAT_INTERVAL_MS)
    expect(test.controller.hosts).toMatchObject([{ state: 'ready', restarts: 0 }])
    await test.time.advance(HEARTBEAT_INTERVAL_MS + 1_000)
    expect(hosts.lives).toHaveLength(2)
    expect(test.controller.hosts).toMatchObject([{ state: 'ready', restarts: 1 }])
  })

  it('in its storage, in the process of the controller, is let be: nothing could end it', async () => {
    const hosts = new FakeHosts()
    const { launch } = hosts
    hosts.launch = (hostId) => ({ ...launch.call(hosts, hostId), pid: undefined })
    hosts.behaviour = () => ({ ping: () => ({ trouble: 'owner 0 hangs', isStuck: true }) })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    await test.time.advance(10 * STUCK_ANSWERS_MAX * HEARTBEAT_INTERVAL_MS)
    expect(test.controller.hosts).toMatchObject([{ state: 'ready', restarts: 0, reason: 'owner 0 hangs' }])
  })

  it('and cannot end yet, because its disk does not answer, is asked nothing, and followed only after its end', async () => {
    const { test, hosts } = await opened()
    const hung = hang(hosts, 'unservedShards')
    const { crash } = hung
    hung.crash = () => {}
    expect(await test.outcome('splitShard', split(0, '4'))).toBe('open')
    await test.time.advance(2 * GIVEN_UP_MS)
    expect(await test.outcome('splitShard', split(0, '4'))).toBe('unavailable')
    expect(hosts.lives).toHaveLength(1)
    crash()
    await test.time.advance(50)
    expect(await test.outcome('splitShard', split(0, '4'))).toBe('done')
  })

  it.each(['sealShards', 'openShards'] as const)(
    'from the %s of a split on does not keep it waiting: it goes on after the restart',
    async (step) => {
      const { test, hosts, catalog } = await opened()
      hang(hosts, step)
      expect(await test.outcome('splitShard', split(0, '4'))).toBe('open')
      await test.time.advance(GIVEN_UP_MS + 1_000)
      expect(catalog.open().load()).not.toContainEqual(expect.objectContaining({ family: 'reshard' }))
      expect(hosts.lives).toHaveLength(2)
      expect(await openShards(test)).toEqual(['1:0', '2:4'])
    },
  )

  it('is left to its drain, once it is asked to drain', async () => {
    const hosts = new FakeHosts()
    hosts.behaviour = () => ({ drain: () => new Promise(() => {}) })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    const hung = hang(hosts)
    const drained = test.controller.drain(2 * GIVEN_UP_MS)
    await test.time.advance(2 * GIVEN_UP_MS)
    expect(hung.isRunning).toBe(true)
    await test.time.advance(5_000)
    await drained
    expect(test.time.waiting).toEqual([])
  })
})
