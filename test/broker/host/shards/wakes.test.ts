// Waking waiters: each once a turn, and never too many in one turn.
import { expect, it } from 'vitest'
import { hostLimits } from '../../../../broker/host/host-limits.ts'
import type { Waiter } from '../../../../broker/host/shards/hosted-shard.ts'
import { HostedShard } from '../../../../broker/host/shards/hosted-shard.ts'
import { Wakes } from '../../../../broker/host/shards/wakes.ts'
import { placedShard } from '../support/test-host.ts'
import { SteppedTime, rest } from '../support/stepped-time.ts'

const extent = {
  slot: 1,
  trimHorizon: 0,
  tail: 0,
  lastArrivalTime: 0,
  bytes: 0,
  activeFirst: 0,
  closed: false,
}

function waiterOn(...shards: readonly HostedShard[]): Waiter & { woken: number } {
  const waiter = { shardCount: shards.length, woken: 0, wake: () => void waiter.woken++ }
  for (const shard of shards) shard.waiters.add(waiter)
  return waiter
}

it('Wakes: wakes a waiter once for all its shards that changed in a turn', async () => {
  const wakes = new Wakes(new SteppedTime())
  const shards = [0, 1].map((index) => new HostedShard(placedShard(index), extent))
  const waiter = waiterOn(...shards)
  for (const shard of [...shards, ...shards]) wakes.mark(shard)
  expect(waiter.woken).toBe(0)
  await rest(2)
  expect(waiter.woken).toBe(1)
})

it('Wakes: wakes all waiters, a bounded number in each turn', async () => {
  const wakes = new Wakes(new SteppedTime())
  const shard = new HostedShard(placedShard(0), extent)
  const waiters = Array.from({ length: 2 * hostLimits.shardsWokenPerTurn + 1 }, () => waiterOn(shard))
  const woken = () => waiters.filter((waiter) => waiter.woken === 1).length
  wakes.mark(shard)
  await rest(1)
  expect(woken()).toBe(hostLimits.shardsWokenPerTurn)
  await rest(3)
  expect(woken()).toBe(waiters.length)
})

it('Wakes: wakes a waiter alone if it looks at more shards than that', async () => {
  const wakes = new Wakes(new SteppedTime())
  const shards = Array.from({ length: 3 * hostLimits.shardsWokenPerTurn }, (_, index) => {
    return new HostedShard(placedShard(index), extent)
  })
  const [large, small] = [waiterOn(...shards), waiterOn(shards[0]!)]
  wakes.mark(shards[0]!)
  await rest(1)
  expect([large.woken, small.woken]).toEqual([1, 0])
  await rest(1)
  expect([large.woken, small.woken]).toEqual([1, 1])
})
