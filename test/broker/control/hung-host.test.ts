// HostSupervision and hosts that hang: they run, hold their ports and answer nothing.
import { describe, expect, it } from 'vitest'
import { hostPolicy } from '../../../broker/control/hosts/host-supervision.ts'
import type { HostCalls } from '../../../broker/host-contract.ts'
import { createLog } from '../../../broker/telemetry/log.ts'
import { held, opened, openShards, split } from './support/changing.ts'
import { FakeHosts, type FakeHost } from './support/fake-hosts.ts'
import { MemoryCatalog } from './support/memory-catalog.ts'
import { TestController } from './support/test-controller.ts'

const { intervalMs, silentIntervalsMax, stuckAnswersMax } = hostPolicy.heartbeat
/** Longest time from the last sign of life until a host is given up. */
const GIVEN_UP_MS = intervalMs * (silentIntervalsMax + 1)

/** Makes the current life of host 1 answer nothing any more, from the next such call on. */
function hang(hosts: FakeHosts, from: keyof HostCalls = 'ping'): FakeHost {
  const hung = hosts.host(1)
  let hangs = false
  hosts.around = (call, host, work) => {
    hangs ||= host === hung && call === from
    return hangs && host === hung ? new Promise(() => {}) : work()
  }
  return hung
}

describe('HostSupervision', () => {
  it('shows a silent host as ready with the reason at first; then logs, kills and restarts it', async () => {
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

  it('leaves a silent host alone that answers again in time', async () => {
    const test = await TestController.open(new MemoryCatalog())
    const { release } = held(test.hosts, 'ping')
    await test.time.advance(GIVEN_UP_MS - 1)
    expect(test.controller.hosts).toMatchObject([{ reason: 'does not answer: 5 of 6 heartbeats missed' }])
    release()
    await test.time.advance(10 * GIVEN_UP_MS)
    expect(test.controller.hosts).toMatchObject([{ state: 'ready', restarts: 0, reason: undefined }])
  })

  it('shows the trouble that a serving host reports, and does not kill it for that', async () => {
    const hosts = new FakeHosts()
    const trouble = 'owner 0 has not answered for 40 seconds'
    hosts.behaviour = () => ({ ping: () => ({ trouble, isStuck: false }) })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    await test.time.advance(10 * GIVEN_UP_MS)
    expect(test.controller.hosts).toMatchObject([{ state: 'ready', restarts: 0, reason: trouble }])
    expect(test.controller.readiness().ready).toBe(true)
  })

  it('kills a host that has reported for long, without a break, that its storage is stuck', async () => {
    const hosts = new FakeHosts()
    let asked = 0
    // One answer in between says that its storage works.
    const ping = () => ({ trouble: 'owner 0 hangs', isStuck: ++asked !== stuckAnswersMax })
    hosts.behaviour = () => ({ ping })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    await test.time.advance((2 * stuckAnswersMax - 2) * intervalMs)
    expect(test.controller.hosts).toMatchObject([{ state: 'ready', restarts: 0 }])
    await test.time.advance(intervalMs + 1_000)
    expect(hosts.lives).toHaveLength(2)
    expect(test.controller.hosts).toMatchObject([{ state: 'ready', restarts: 1 }])
  })

  it('leaves a stuck host inside the process of the controller alone: it cannot be killed', async () => {
    const hosts = new FakeHosts()
    const { launch } = hosts
    hosts.launch = (hostId) => ({ ...launch.call(hosts, hostId), pid: undefined })
    hosts.behaviour = () => ({ ping: () => ({ trouble: 'owner 0 hangs', isStuck: true }) })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    await test.time.advance(10 * stuckAnswersMax * intervalMs)
    expect(test.controller.hosts).toMatchObject([{ state: 'ready', restarts: 0, reason: 'owner 0 hangs' }])
  })

  it('asks a killed host nothing while a hanging disk keeps it from ending, and restarts it only after its end', async () => {
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
    'kills a host that hangs at %s of a split, and the split continues after the restart',
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

  it('sends no heartbeats to a host that drains', async () => {
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
