// The answer to describeRouting is made and encoded once for all requests between two changes, and is never out of date.
import { describe, expect, it } from 'vitest'
import { MemoryCatalog } from './support/memory-catalog.ts'
import { settled } from './support/fake-time.ts'
import { TestController } from './support/test-controller.ts'
import type { Context } from '../../../broker/server/dispatch.ts'

const context = {} as Context<'describeRouting'>

async function routed() {
  const test = await TestController.open(new MemoryCatalog())
  await test.ask('createStream', { name: 's', shardCount: 4 })
  /** Returns the answer that the server gets: the same object means the same bytes. */
  const answer = () => test.controller.handlers.describeRouting({ name: 's' }, context)
  const read = () => test.ask('describeRouting', { name: 's' })
  return { test, answer, read }
}

describe('RoutingAnswers', () => {
  it('gives one answer to all requests between two changes of the shards', async () => {
    const { test, answer, read } = await routed()
    const first = await answer()
    expect(await answer()).toBe(first)
    await test.ask('updateStream', { name: 's', retentionMs: 7_200_000 })
    expect(await answer()).toBe(first)
    await test.ask('mergeShards', { name: 's', shardIndex: 0, adjacentShardIndex: 1 })
    expect(await answer()).not.toBe(first)
    const { epoch, shards } = await read()
    expect(epoch).toBe(2)
    expect(shards.filter(({ state }) => state === 'OPEN').map(({ index }) => index)).toEqual([2, 3, 4])
  })

  it('gives the new address of a host that came back on another port', async () => {
    const { test, read } = await routed()
    const [before] = (await read()).hosts
    test.hosts.portBase += 1
    test.hosts.host(1).crash()
    await settled()
    await test.time.advance(10_000)
    const [after] = (await read()).hosts
    expect(after).toEqual({ ...before, port: before!.port + 1 })
  })
})
