// Hosts are started, restarted and drained, in fake time.
import { describe, expect, it } from 'vitest'
import { hostPolicy } from '../../../../broker/control/hosts/host-supervision.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import type { HostCalls } from '../../../../broker/host-contract.ts'
import { FakeHosts } from '../support/fake-hosts.ts'
import { settled } from '../support/fake-time.ts'
import { MemoryCatalog } from '../support/memory-catalog.ts'
import { TestController } from '../support/test-controller.ts'

const states = (test: TestController) => test.controller.hosts.map(({ state }) => state)

/** Crashes host 1, and returns how long its restart took. */
async function downMs(test: TestController): Promise<number> {
  test.hosts.host(1).crash()
  await settled()
  const before = test.time.now()
  while (states(test)[0] !== 'ready') await test.time.advance(test.time.waiting[0]!)
  return test.time.now() - before
}

describe('HostSupervision', () => {
  it('starts every host, and is ready when all of them are', async () => {
    const test = await TestController.open(new MemoryCatalog(), { hosts: 3, start: false })
    expect(test.controller.readiness()).toEqual({
      ready: false,
      reasons: [1, 2, 3].map((hostId) => `host ${hostId} is down: not started yet`),
    })
    test.controller.start()
    await test.controller.whenReady()
    expect(test.controller.readiness()).toEqual({ ready: true, reasons: [] })
    expect(test.controller.hosts.map(({ port, restarts }) => [port, restarts])).toEqual([
      [7401, 0],
      [7402, 0],
      [7403, 0],
    ])
  })

  it('passes a host its storage settings from the configuration', async () => {
    const hosts = new FakeHosts()
    const given: unknown[] = []
    hosts.behaviour = () => ({
      start: ({ settings }) => {
        given.push(settings)
        return { port: 1, absentOwners: [] }
      },
    })
    await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    expect(given).toMatchObject([
      {
        hostId: 1,
        segmentBytes: 256 * 1024 * 1024,
        segmentAgeMs: 24 * 3_600_000,
        compactionBytesPerSecond: 32 * 1024 * 1024,
      },
    ])
  })

  it('restarts a host only after its end, and passes it its whole assignment again', async () => {
    const test = await TestController.open(new MemoryCatalog())
    await test.ask('createStream', { name: 'clicks', shardCount: 3 })
    test.hosts.host(1).crash('process 7 ended by SIGSEGV')
    await settled()
    expect(test.controller.readiness().reasons).toEqual(['host 1 is down: process 7 ended by SIGSEGV'])
    expect(test.hosts.lives).toHaveLength(1)
    await test.time.advance(50)
    expect(states(test)).toEqual(['ready'])
    expect(test.hosts.host(1).calls).toEqual(['start 3 shards'])
    expect(test.controller.hosts[0]?.restarts).toBe(1)
  })

  it('leaves the other hosts alone', async () => {
    const test = await TestController.open(new MemoryCatalog(), { hosts: 2 })
    test.hosts.host(2).crash()
    await settled()
    expect(states(test)).toEqual(['ready', 'down'])
    await test.time.advance(50)
    expect(test.hosts.lives.map(({ hostId }) => hostId)).toEqual([1, 2, 2])
  })

  it('doubles the delay with each failure, up to ten seconds, and starts over after a healthy time', async () => {
    const test = await TestController.open(new MemoryCatalog())
    const delays: number[] = []
    for (let failure = 0; failure < 10; failure++) {
      delays.push(await downMs(test))
    }
    expect(delays).toEqual([50, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
    await test.time.advance(hostPolicy.backoff.stableAfterMs)
    expect(await downMs(test)).toBe(50)
  })

  it('says why a host could not start, kills it, and tries again', async () => {
    const hosts = new FakeHosts()
    let isLocked = true
    hosts.behaviour = () =>
      isLocked
        ? {
            start: () =>
              Promise.reject(new MillraceError('unavailable', 'owners/0000 is in use by process 9')),
          }
        : {}
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    expect(test.controller.readiness().reasons).toEqual([
      'host 1 is down: owners/0000 is in use by process 9',
    ])
    expect(hosts.lives[0]?.isRunning).toBe(false)
    isLocked = false
    await test.time.advance(50)
    expect(states(test)).toEqual(['ready'])
  })

  it('gives up on a start that takes two minutes', async () => {
    const hosts = new FakeHosts()
    hosts.behaviour = () => ({ start: () => new Promise(() => {}) })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    await test.time.advance(119_000)
    expect(states(test)).toEqual(['starting'])
    hosts.behaviour = () => ({})
    await test.time.advance(1_000)
    expect(test.controller.readiness().reasons).toEqual(['host 1 is down: did not start within 120 seconds'])
    await test.time.advance(50)
    expect(states(test)).toEqual(['ready'])
  })

  it('counts a throw of the launcher as the end of the host', async () => {
    const hosts = new FakeHosts()
    const launch = hosts.launch.bind(hosts)
    hosts.launch = () => {
      hosts.launch = launch
      throw new Error('EAGAIN')
    }
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    expect(test.controller.readiness().reasons).toEqual(['host 1 is down: could not be launched: EAGAIN'])
    await test.time.advance(50)
    expect(states(test)).toEqual(['ready'])
  })

  it('drains every host with its deadline, waits for its end, and restarts none', async () => {
    const test = await TestController.open(new MemoryCatalog(), { hosts: 2 })
    await test.controller.drain(5_000)
    expect(test.hosts.lives.map(({ calls }) => calls.at(-1))).toEqual(['drain 5000', 'drain 5000'])
    await test.time.advance(60_000)
    expect(states(test)).toEqual(['down', 'down'])
    expect(test.hosts.lives).toHaveLength(2)
  })

  it('kills a host that does not drain in time', async () => {
    const hosts = new FakeHosts()
    hosts.behaviour = () => ({ drain: () => new Promise(() => {}) })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    const drained = test.controller.drain(1_000)
    await settled()
    expect(states(test)).toEqual(['draining'])
    await test.time.advance(1_000)
    expect(hosts.host(1).isRunning).toBe(true)
    await test.time.advance(5_000)
    await drained
    expect(hosts.host(1).isRunning).toBe(false)
  })

  it('lets a starting host finish its start before it drains it', async () => {
    const hosts = new FakeHosts()
    let finishStart = (_: HostCalls['start']['reply']): void => {}
    hosts.behaviour = () => ({
      start: () =>
        new Promise((resolve) => {
          finishStart = resolve
        }),
    })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    const drained = test.controller.drain(1_000)
    await settled()
    expect(hosts.host(1).calls).toEqual(['start 0 shards'])
    finishStart({ port: 1, absentOwners: [] })
    await drained
    expect(hosts.host(1).calls).toEqual(['start 0 shards', 'drain 1000'])
  })

  it('does not start a host that waits for its restart when the broker stops', async () => {
    const test = await TestController.open(new MemoryCatalog())
    test.hosts.host(1).crash()
    await settled()
    await test.controller.drain(1_000)
    await test.time.advance(60_000)
    expect(test.hosts.lives).toHaveLength(1)
  })
})
