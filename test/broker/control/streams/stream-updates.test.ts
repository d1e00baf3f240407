// Updates of a stream's settings are committed first, and then told to the hosts; but a longer retention is committed only
// while all hosts keep to it, whichever of them restarts, hangs or stays down.
import { describe, expect, it } from 'vitest'
import { rejectionOf } from '../../../support/rejection.ts'
import type { HostCalls } from '../../../../broker/host-contract.ts'
import { FakeHosts } from '../support/fake-hosts.ts'
import { settled } from '../support/fake-time.ts'
import { MemoryCatalog } from '../support/memory-catalog.ts'
import { TestController } from '../support/test-controller.ts'

const HOUR_MS = 3_600_000
const clicks = { name: 'clicks', shardCount: 2 }
const longer = { name: 'clicks', retentionMs: 48 * HOUR_MS }
const HOLD = `holdRetention 1 ${48 * HOUR_MS}`
const LET_GO = 'holdRetention 1 0'
const TELL = `updateStream 1 ${48 * HOUR_MS}`

describe('updateStream', () => {
  it('commits the retention, tells the hosts, and answers with the new settings', async () => {
    const test = await TestController.open(new MemoryCatalog())
    await test.ask('createStream', clicks)
    const { stream } = await test.ask('updateStream', { name: 'clicks', retentionMs: 48 * HOUR_MS })
    expect(stream.retentionMs).toBe(48 * HOUR_MS)
    expect(test.hosts.host(1).calls.at(-1)).toBe(`updateStream 1 ${48 * HOUR_MS}`)
  })

  it('changes nothing where the settings are as asked, and refuses values out of bounds', async () => {
    const catalog = new MemoryCatalog()
    const test = await TestController.open(catalog)
    await test.ask('createStream', clicks)
    const commits = catalog.commits.length
    await test.ask('updateStream', { name: 'clicks' })
    await test.ask('updateStream', { name: 'clicks', retentionMs: 24 * HOUR_MS })
    expect(await test.outcome('updateStream', { name: 'clicks', retentionMs: 1 })).toBe('invalidArgument')
    expect(catalog.commits).toHaveLength(commits)
  })

  it('answers without waiting for a host that is still starting, and tells it when it is ready', async () => {
    const hosts = new FakeHosts()
    const catalog = new MemoryCatalog()
    const first = await TestController.open(catalog)
    await first.ask('createStream', clicks)
    let finishStart = (_: HostCalls['start']['reply']): void => {}
    hosts.behaviour = () => ({
      start: () =>
        new Promise((resolve) => {
          finishStart = resolve
        }),
    })
    const test = await TestController.open(catalog, { fakeHosts: hosts })
    const updated = test.ask('updateStream', { name: 'clicks', retentionMs: 2 * HOUR_MS })
    await test.time.advance(2_000)
    expect((await updated).stream.retentionMs).toBe(2 * HOUR_MS)
    finishStart({ port: 1, absentOwners: [] })
    await settled()
    expect(hosts.host(1).calls).toEqual(['start 2 shards', `updateStream 1 ${2 * HOUR_MS}`])
  })

  it('needs no host: a host that is down gets the settings at its start', async () => {
    const test = await TestController.open(new MemoryCatalog())
    await test.ask('createStream', clicks)
    test.hosts.host(1).crash()
    await settled()
    expect(await test.outcome('updateStream', { name: 'clicks', retentionMs: 2 * HOUR_MS })).toBe('done')
  })
})

/** A stream over two hosts, with one shard each. */
async function openTwo(catalog = new MemoryCatalog()): Promise<TestController> {
  const test = await TestController.open(catalog, { hosts: 2, owners: 2 })
  await test.ask('createStream', clicks)
  for (const { calls } of test.hosts.lives) calls.splice(0)
  return test
}

describe('updateStream to a longer retention', () => {
  it('lets every host keep to it before it is committed', async () => {
    const catalog = new MemoryCatalog()
    const test = await openTwo(catalog)
    let before: string[][] = []
    catalog.beforeCommit = async () => {
      before = test.hosts.lives.map(({ calls }) => [...calls])
    }
    const { stream } = await test.ask('updateStream', longer)
    expect(stream.retentionMs).toBe(longer.retentionMs)
    expect(before).toEqual([[HOLD], [HOLD]])
    expect(test.hosts.lives.map(({ calls }) => calls)).toEqual([
      [HOLD, TELL],
      [HOLD, TELL],
    ])
  })

  it('asks all hosts again when one of them restarts before the commit', async () => {
    const catalog = new MemoryCatalog()
    const test = await openTwo(catalog)
    let finish = (): void => {}
    test.hosts.around = (call, host, work) => {
      if (call !== 'holdRetention' || host !== test.hosts.lives[1]) return work()
      return new Promise((resolve) => {
        finish = () => resolve(work())
      })
    }
    const commits = catalog.commits.length
    const updated = test.ask('updateStream', longer)
    await settled()
    test.hosts.host(1).crash()
    await test.time.advance(1000)
    expect(test.hosts.host(1).calls).toEqual(['start 1 shards'])
    finish()
    await settled()
    expect(catalog.commits).toHaveLength(commits)
    test.hosts.around = (_call, _host, work) => work()
    await test.time.advance(1000)
    expect((await updated).stream.retentionMs).toBe(longer.retentionMs)
    expect(test.hosts.host(1).calls).toEqual(['start 1 shards', HOLD, TELL])
    expect(test.hosts.host(2).calls).toEqual([HOLD, HOLD, TELL])
  })

  it('starts a host with the longer retention during the commit', async () => {
    const catalog = new MemoryCatalog()
    const test = await openTwo(catalog)
    const started: number[] = []
    test.hosts.around = (call, _host, work, request) => {
      if (call === 'start') {
        const { shards } = request as { shards: { settings: { retentionMs: number } }[] }
        started.push(...shards.map(({ settings }) => settings.retentionMs))
      }
      return work()
    }
    let commit = (): void => {}
    catalog.beforeCommit = () =>
      new Promise((resolve) => {
        commit = () => resolve()
      })
    const updated = test.ask('updateStream', longer)
    await settled()
    test.hosts.host(1).crash()
    await test.time.advance(1000)
    commit()
    await updated
    expect(started).toEqual([longer.retentionMs])
  })

  it('waits for a host that is down for a bounded time, then refuses, and no host keeps to it', async () => {
    const catalog = new MemoryCatalog()
    const test = await openTwo(catalog)
    const commits = catalog.commits.length
    test.hosts.behaviour = () => ({ start: () => new Promise(() => {}) })
    test.hosts.host(2).crash()
    await settled()
    const refused = rejectionOf(test.ask('updateStream', longer))
    await test.time.advance(12_000)
    expect(await refused).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('Host 2 is'),
    })
    expect(catalog.commits).toHaveLength(commits)
    expect(test.hosts.host(1).calls.filter((call) => call !== HOLD)).toEqual([LET_GO])
    const { streams } = await test.ask('listStreams', { limit: 1 })
    expect(streams[0]?.retentionMs).toBe(24 * HOUR_MS)
  })

  it('waits for a host that hangs for a bounded time, and ends the hold there when the host continues', async () => {
    const test = await openTwo()
    let goOn = (): void => {}
    const hanging = new Promise<void>((resolve) => {
      goOn = resolve
    })
    test.hosts.around = async (_call, host, work) => {
      if (host.hostId === 2) await hanging
      return work()
    }
    const refused = rejectionOf(test.ask('updateStream', longer))
    await test.time.advance(11_000)
    expect(await refused).toMatchObject({ code: 'unavailable' })
    goOn()
    await settled()
    expect(test.hosts.host(2).calls).toEqual([HOLD, LET_GO])
  })

  it('takes turns with other updates of the stream', async () => {
    const test = await openTwo()
    let release = (): void => {}
    test.hosts.around = (call, host, work) => {
      if (call !== 'holdRetention' || host.hostId === 1) return work()
      return new Promise((resolve) => {
        release = () => resolve(work())
      })
    }
    const first = test.ask('updateStream', longer)
    const second = test.ask('updateStream', { name: 'clicks', retentionMs: HOUR_MS })
    await settled()
    expect(test.hosts.host(1).calls).toEqual([HOLD])
    release()
    await Promise.all([first, second])
    expect(test.hosts.host(1).calls).toEqual([HOLD, TELL, `updateStream 1 ${HOUR_MS}`])
  })
})
