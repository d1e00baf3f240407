// updateShardCount: reaches the number in spite of failures, or answers early with the goal still set.
import { describe, expect, test } from 'vitest'
import type { MillraceError } from '../../../../protocol/millrace-error.ts'
import { held, opened, openShards, split } from '../support/changing.ts'
import { FakeHosts } from '../support/fake-hosts.ts'
import { settled } from '../support/fake-time.ts'
import { MemoryCatalog } from '../support/memory-catalog.ts'
import { TestController } from '../support/test-controller.ts'

describe('updateShardCount', () => {
  const count = (shardCount: number) => ({ name: 's', shardCount })

  test('reaches any number of even shards from any shards', async () => {
    const { test: controller } = await opened()
    await controller.ask('splitShard', split(0, '1'))
    const { stream } = await controller.ask('updateShardCount', count(4))
    expect(stream).toMatchObject({ openShardCount: 4, targetShardCount: undefined, status: 'ACTIVE' })
    const open = await openShards(controller)
    expect(new Set(open.map((shard) => shard.split(':')[1]))).toEqual(new Set(['0', '4', '8', 'c']))
    expect(open).toHaveLength(4)
    const down = await controller.ask('updateShardCount', count(1))
    expect(down.stream).toMatchObject({ openShardCount: 1, targetShardCount: undefined })
  })

  test('changes nothing where the stream has that number of even shards', async () => {
    const { test: controller, catalog } = await opened({ shardCount: 3 })
    const commits = catalog.commits.length
    await controller.ask('updateShardCount', count(3))
    expect(catalog.commits).toHaveLength(commits)
  })

  test('answers a longer way with the goal still set, continues, and refuses other changes meanwhile', async () => {
    const { test: controller, hosts } = await opened()
    const { release } = held(hosts, 'sealShards')
    const answer = controller.ask('updateShardCount', count(4))
    await settled()
    expect(await controller.outcome('splitShard', split(0))).toBe('streamBusy')
    await controller.time.advance(5_000)
    expect((await answer).stream).toMatchObject({ targetShardCount: 4, status: 'UPDATING' })
    const asked = controller.ask('updateShardCount', count(4))
    release()
    expect((await asked).stream).toMatchObject({ openShardCount: 4, targetShardCount: undefined })
    expect(await controller.outcome('splitShard', split(3))).toBe('done')
  })

  test('replaces a goal that is not reached yet', async () => {
    const { test: controller, hosts } = await opened()
    const { release } = held(hosts, 'sealShards')
    const first = controller.ask('updateShardCount', count(64))
    await settled()
    const second = controller.ask('updateShardCount', count(3))
    await settled()
    release()
    expect((await second).stream.openShardCount).toBe(3)
    expect((await first).stream.openShardCount).toBe(3)
  })

  test('replaces a goal even while the broker stops', async () => {
    const { test: controller, hosts } = await opened()
    held(hosts, 'sealShards')
    void controller.ask('updateShardCount', count(64)).catch(() => {})
    await settled()
    const second = controller.ask('updateShardCount', count(3))
    await settled()
    await controller.controller.drain(1_000)
    expect((await second).stream).toMatchObject({ openShardCount: 1, targetShardCount: 3 })
  })

  test('waits for its turn behind a split, and is refused with nothing done if that takes too long', async () => {
    const { test: controller, hosts } = await opened()
    const { release } = held(hosts, 'sealShards')
    void controller.ask('splitShard', split(0)).catch(() => {})
    await settled()
    let code = ''
    controller.ask('updateShardCount', count(8)).catch((error: MillraceError) => (code = error.code))
    await controller.time.advance(5_000)
    expect(code).toBe('streamBusy')
    release()
    await settled()
    expect(await openShards(controller)).toEqual(['1:0', '2:8'])
  })

  test('continues after a restart', async () => {
    const { test: controller, hosts, catalog } = await opened()
    let seals = 0
    hosts.around = (call, _host, work) => {
      if (call === 'sealShards' && ++seals > 3) return new Promise(() => {})
      return work()
    }
    void controller.ask('updateShardCount', count(8)).catch(() => {})
    await settled()
    controller.controller.kill()
    hosts.around = (_call, _host, work) => work()
    const next = await TestController.open(catalog, { fakeHosts: hosts })
    await next.time.advance(1_000)
    const { stream } = await next.ask('describeStream', { name: 's' })
    expect(stream).toMatchObject({ openShardCount: 8, targetShardCount: undefined, status: 'ACTIVE' })
  })

  test('waits for a host that is down before it seals anything', async () => {
    const hosts = new FakeHosts()
    const controller = await TestController.open(new MemoryCatalog(), { hosts: 2, fakeHosts: hosts })
    await controller.ask('createStream', { name: 's', shardCount: 2 })
    hosts.host(2).crash()
    await settled()
    const answer = controller.ask('updateShardCount', count(4))
    await settled()
    expect(hosts.host(1).calls.filter((call) => call.startsWith('seal'))).toEqual([])
    await controller.time.advance(2_000)
    expect((await answer).stream.openShardCount).toBe(4)
  })

  test('continues after a host went down during a call', async () => {
    const { test: controller, hosts } = await opened()
    let crashes = 0
    hosts.around = (call, host, work) => {
      if (call !== 'unservedShards' || ++crashes > 1) return work()
      host.crash()
      return new Promise(() => {})
    }
    const answer = controller.ask('updateShardCount', count(4))
    await controller.time.advance(2_000)
    expect((await answer).stream).toMatchObject({ openShardCount: 4, targetShardCount: undefined })
  })

  test('gives up a goal that cannot be reached, but not a goal that has replaced it', async () => {
    const { test: controller, hosts } = await opened()
    let answer = (_unserved: object): void => {}
    hosts.around = (call, _host, work) => {
      if (call !== 'unservedShards') return work()
      hosts.around = (_call, _host2, others) => others()
      return new Promise((resolve) => {
        answer = resolve
      })
    }
    const first = controller.ask('updateShardCount', count(64))
    await settled()
    const second = controller.ask('updateShardCount', count(2))
    await settled()
    answer({ shardIndexes: [0] })
    expect((await second).stream).toMatchObject({ openShardCount: 2, targetShardCount: undefined })
    expect((await first).stream.openShardCount).toBe(2)
  })

  test('gives up the goal when the stream becomes on-demand', async () => {
    const { test: controller, hosts } = await opened()
    const { release } = held(hosts, 'sealShards')
    const answer = controller.ask('updateShardCount', count(64))
    await settled()
    await controller.ask('updateStream', { name: 's', mode: 'on-demand' })
    release()
    expect((await answer).stream).toMatchObject({ openShardCount: 2, targetShardCount: undefined })
  })
})
