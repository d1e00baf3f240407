// Routing, updates and deletion of a stream while its shards are changed.
import { describe, expect, test } from 'vitest'
import type { HostCalls } from '../../../../broker/host-contract.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { rejectionOf } from '../../../support/rejection.ts'
import { held, opened, openShards, split } from '../support/changing.ts'
import { settled } from '../support/fake-time.ts'
import { TestController } from '../support/test-controller.ts'

describe('describeRouting', () => {
  test('waits while shards are sealed and their children not published', async () => {
    const { test: controller, hosts } = await opened()
    const { release } = held(hosts, 'sealShards')
    const answer = controller.ask('splitShard', split(0))
    await settled()
    const routed = openShards(controller)
    expect(await controller.outcome('describeRouting', { name: 's' })).toBe('open')
    release()
    expect(await routed).toEqual(['1:0', '2:8'])
    await answer
  })

  test('answers with the old routing where that takes too long', async () => {
    const { test: controller, hosts } = await opened()
    held(hosts, 'sealShards')
    void controller.ask('splitShard', split(0)).catch(() => {})
    await settled()
    const routed = openShards(controller)
    await controller.time.advance(2_000)
    expect(await routed).toEqual(['0:0'])
  })

  test('names the children as soon as they are published, before the change is finished', async () => {
    const { test: controller, hosts } = await opened()
    let opens = 0
    hosts.around = (call, _host, work) => {
      if (call === 'openShards' && ++opens === 2) return new Promise(() => {})
      return work()
    }
    void controller.ask('splitShard', split(0)).catch(() => {})
    await settled()
    expect(await openShards(controller)).toEqual(['1:0', '2:8'])
    expect(hosts.host(1).slots).toEqual(new Set([1, 2, 3]))
  })
})

test('updateStream: new settings reach children that are being opened', async () => {
  const { test: controller, hosts } = await opened()
  const told: number[] = []
  let updated: Promise<unknown> | undefined
  hosts.around = async (call, _host, work, request) => {
    if (call !== 'openShards') return work()
    const { shards } = request as HostCalls['openShards']['request']
    told.push(...shards.map((shard) => shard.settings.retentionMs))
    // The second openShards comes from the step that finishes the change.
    if (told.length === 4) {
      updated = controller.ask('updateStream', { name: 's', retentionMs: 7_200_000 })
      await settled()
    }
    return work()
  }
  await controller.ask('splitShard', split(0))
  await updated
  expect(told.slice(4)).toEqual([7_200_000, 7_200_000])
})

test('splitShard: a blocked change says what it waits for, to its own client and to later ones', async () => {
  const { test: controller } = await opened(
    {},
    {
      sealShards: () => {
        throw new MillraceError('unavailable', 'Shard 0 is damaged.')
      },
    },
  )
  const first = rejectionOf(controller.ask('splitShard', split(0)))
  const second = rejectionOf(controller.ask('splitShard', split(0)))
  await controller.time.advance(20_000)
  for (const [refused, code] of [
    [first, 'outcomeUnknown'],
    [second, 'streamBusy'],
  ] as const) {
    expect(await refused).toMatchObject({ code, message: expect.stringContaining('Shard 0 is damaged.') })
  }
})

describe('deleteStream while shards are changed', () => {
  test('removes the stream, its journal, and the shards that the change has opened', async () => {
    const { test: controller, hosts, catalog } = await opened()
    const { release } = held(hosts, 'openShards')
    const answer = controller.ask('splitShard', split(0))
    await settled()
    const deleted = controller.ask('deleteStream', { name: 's' })
    await settled()
    // The deletion waits for the step under way, because shards that it opens must be dropped.
    expect(hosts.host(1).calls).not.toContain('dropStream 1')
    release()
    await deleted
    await expect(answer).rejects.toMatchObject({ code: 'streamNotFound' })
    expect(await controller.controller.scrape()).not.toMatch(/millrace_reshards_total\{[^}]*\} 1/)
    expect(hosts.host(1).slots.size).toBe(0)
    expect(
      catalog
        .open()
        .load()
        .map(({ family }) => family),
    ).toEqual(['broker'])
    // Slots and stream id are not given again.
    const { stream } = await controller.ask('createStream', { name: 's', shardCount: 1 })
    expect([stream.id, [...hosts.host(1).slots]]).toEqual([2, [4]])
  })

  test('answers the change as streamNotFound, so that no client retries it on a new stream of that name', async () => {
    const { test: controller, hosts } = await opened()
    const { release } = held(hosts, 'sealShards')
    const scaled = controller.ask('updateShardCount', { name: 's', shardCount: 4 })
    await settled()
    const scaledAfterwards = controller.ask('updateShardCount', { name: 's', shardCount: 2 })
    await settled()
    const deleted = controller.ask('deleteStream', { name: 's' })
    await settled()
    release()
    await deleted
    for (const answer of [scaled, scaledAfterwards]) {
      await expect(answer).rejects.toMatchObject({ code: 'streamNotFound', retry: 'never' })
    }
  })

  test('removes the stream even if the change waits for a host that refuses', async () => {
    const { test: controller } = await opened(
      {},
      {
        sealShards: () => {
          throw new MillraceError('unavailable', 'a damaged shard')
        },
      },
    )
    const split0 = controller.outcome('splitShard', split(0))
    await settled()
    const deleted = controller.ask('deleteStream', { name: 's' })
    await controller.time.advance(200)
    await deleted
    expect(await split0).toBe('open')
  })

  test('removes the stream after a restart in the middle', async () => {
    const { test: controller, hosts, catalog } = await opened()
    held(hosts, 'sealShards')
    void controller.ask('splitShard', split(0)).catch(() => {})
    await settled()
    void controller.ask('deleteStream', { name: 's' }).catch(() => {})
    await settled()
    controller.controller.kill()
    hosts.around = (_call, _host, work) => work()
    await TestController.open(catalog, { fakeHosts: hosts })
    expect(
      catalog
        .open()
        .load()
        .map(({ family }) => family),
    ).toEqual(['broker'])
  })
})
