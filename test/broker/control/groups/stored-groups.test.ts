// Groups over the store on the disk: what a restart finds, also where rows are damaged, where one change takes many, and
// where the disk is full in between.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SmallRowsStore } from '../../../../broker/small-rows-contract.ts'
import { openLmdb } from '../../../../broker/storage/environment.ts'
import { encodeSmallKey } from '../../../../broker/storage/small-rows/row-bytes.ts'
import { openSmallRows } from '../../../../broker/storage/small-rows/store.ts'
import type { SmallFamilyName } from '../../../../broker/catalog/small-families.ts'
import { flipped } from '../../../support/disk/storage.ts'
import { MemorySmallRows } from '../support/memory-small-rows.ts'
import { GroupsOnRows } from './support/groups-on-rows.ts'

let directory: string
let store: SmallRowsStore
let opened: GroupsOnRows | undefined
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-groups-'))
})
afterEach(async () => {
  opened?.groups.stop()
  await store.close()
  await rm(directory, { recursive: true })
})

async function open(shardCount: number): Promise<GroupsOnRows> {
  opened?.groups.stop()
  if (opened !== undefined) await store.close()
  const onBroken = (error: Error): never => {
    throw error
  }
  store = await openSmallRows(directory, { onBroken })
  return (opened = new GroupsOnRows(store, { shardCount }))
}

/** Flips a bit of a row's value while no store is open. */
async function damage(
  family: SmallFamilyName,
  keyOf: (key: string) => boolean,
  shardCount: number,
): Promise<GroupsOnRows> {
  const key = [...store.extents(family)].map((extent) => extent.key).find(keyOf)!
  opened?.groups.stop()
  await store.close()
  const environment = await openLmdb({ path: directory, mapBytes: 1 << 28, readOnly: false })
  const row = flipped(environment, encodeSmallKey(family, key), 99)
  await environment.commit((writer) => writer.put(row.key, row.value))
  await environment.close()
  opened = undefined
  return open(shardCount)
}

describe('a group of many shards', () => {
  it('lists and assigns them all, and comes back as it was', async () => {
    const first = await open(700)
    await first.join('g', 'a')
    await first.assigned('g')
    expect(await first.countOf('g', 'a')).toBe(700)
    expect(await first.save('g', 'a', 699, 12)).toBeUndefined()
    const before = await first.lease('g', 699)
    const again = await open(700)
    expect(await again.countOf('g', 'a')).toBe(700)
    expect(await again.lease('g', 699)).toMatchObject({ next: 12, epoch: before!.epoch, owner: 'a' })
  })

  it('remembers where LATEST was in each of them, although that takes more rows than a change', async () => {
    const first = await open(600)
    await first.join('g', 'a', 40)
    const again = await open(600)
    const state = await again.assigned('g')
    const nexts = Array.from(state.streams.get('s')!.leases.values(), ({ next }) => next)
    expect([nexts.length, new Set(nexts)]).toEqual([600, new Set([40])])
  })

  it('leaves nothing of itself when it is deleted', async () => {
    const first = await open(600)
    await first.join('g', 'a')
    await first.assigned('g')
    expect(await first.tell('g', { type: 'delete', isForced: true })).toEqual({ is: 'done' })
    await expect.poll(() => store.list('lease', { limit: 1 })).toEqual([])
    await expect.poll(() => store.list('group', { limit: 1 })).toEqual([])
    expect(store.list('member', { limit: 1 })).toEqual([])
  })

  it('that was deleted just before a restart is removed after it, and another one of its name is made meanwhile', async () => {
    const first = await open(600)
    await first.join('g', 'a')
    await first.assigned('g')
    const { epoch } = (await first.lease('g', 5))!
    await first.save('g', 'a', 5, 100)
    await first.tell('g', { type: 'delete', isForced: true })
    const again = await open(600)
    expect(await again.groups.stateOf('g')).toBeUndefined()
    await again.join('g', 'b', 7)
    const state = await again.assigned('g')
    expect([...state.members.keys()]).toEqual(['b'])
    const lease = await again.lease('g', 5)
    expect(lease).toMatchObject({ next: 7, owner: 'b' })
    expect(lease!.epoch).toBeGreaterThan(epoch)
    await expect.poll(() => [...store.extents('lease')].length).toBe(600)
  })
})

describe('a damaged row', () => {
  it('of a lease costs that checkpoint alone: the shard is processed again, in a later epoch', async () => {
    const first = await open(3)
    await first.join('g', 'a')
    await first.assigned('g')
    for (const shardIndex of [0, 1, 2]) await first.save('g', 'a', shardIndex, 50)
    const { epoch } = (await first.lease('g', 1))!
    const again = await damage('lease', (key) => key.endsWith('/1'), 3)
    await again.join('h', 'b')
    await again.assigned('g')
    expect((await again.lease('g', 0))!.next).toBe(50)
    const lease = (await again.lease('g', 1))!
    expect([lease.next, lease.owner]).toEqual([undefined, 'a'])
    expect(lease.epoch).toBeGreaterThan(epoch)
  })

  it('of a member ends its membership: its shards go to the others', async () => {
    const first = await open(2)
    await first.join('g', 'a')
    await first.join('g', 'b')
    await first.assigned('g')
    const again = await damage('member', (key) => key === 'g/a', 2)
    await again.assigned('g')
    expect([await again.countOf('g', 'a'), await again.countOf('g', 'b')]).toEqual([0, 2])
    await expect.poll(() => [...store.extents('member')].map(({ key }) => key)).toEqual(['g/b'])
  })

  it('of a group itself loses no checkpoint', async () => {
    const first = await open(3)
    await first.join('g', 'a')
    await first.assigned('g')
    await first.save('g', 'a', 2, 50)
    const { epoch } = (await first.lease('g', 2))!
    const again = await damage('group', (key) => key === 'g', 3)
    const state = await again.assigned('g')
    expect(state.streams.get('s')!.shardsBelow).toBe(3)
    expect(await again.lease('g', 2)).toMatchObject({ next: 50, owner: 'a', epoch })
  })
})

describe('a full disk', () => {
  it('that takes a part of a change is read again, and the change is refused', async () => {
    const rows = new MemorySmallRows()
    store = rows.open()
    opened = new GroupsOnRows(store, { shardCount: 600 })
    let flushes = 0
    rows.beforeFlush = () => {
      rows.isFull = ++flushes > 1
      return Promise.resolve()
    }
    expect(await opened.join('g', 'a', 40)).toMatchObject({ is: 'refused', code: 'storageFull' })
    expect(await opened.groups.stateOf('g')).toBeUndefined()
    rows.beforeFlush = () => {
      rows.isFull = false
      return Promise.resolve()
    }
    await opened.time.advance(1_000)
    expect(await opened.join('g', 'a', 60)).toMatchObject({ is: 'joined' })
    const state = await opened.assigned('g')
    const nexts = new Set(Array.from(state.streams.get('s')!.leases.values(), ({ next }) => next))
    expect(nexts).toEqual(new Set([60]))
  })
})
