// The reader pool beside an owner that writes: threads read what another thread commits, and segments are removed
// during reads.
import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createCaller } from '#dist/broker/channels/calls.js'
import { startOwnerThread } from '#dist/broker/threads/owner-thread.js'
import { createReaderPool } from '#dist/broker/threads/reader-pool.js'
import type { OwnerCalls, OwnerNotice, SegmentList } from '../../../broker/threads/owner-contract.ts'
import { baseSequenceNumberAt } from '../../../protocol/index.ts'
import { entryOf } from '../../support/disk/storage.ts'
import { batchOf } from '../../support/raw-connection.ts'

const SLOT = 1
const storage = (file: string) => new URL(import.meta.resolve(`#dist/broker/storage/${file}`))

test('reader pool: continues without a gap if the segment that it knew as active was sealed meanwhile', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-reader-'))
  const options = { ownerId: 0, directory, segmentBytes: 1 << 20, freeSpaceFloorBytes: 0 }
  const thread = await startOwnerThread(options, storage('worker.js'))
  const owner = createCaller<OwnerCalls>(thread)
  let list: SegmentList | undefined
  owner.onNotice((notice) => {
    const { notice: kind, ...rest } = notice as OwnerNotice
    if (kind === 'segments') list = (rest as { list: SegmentList }).list
  })
  await owner.call('open', { shards: [{ slot: SLOT, startingSequenceNumber: 0 }] })
  const reader = createReaderPool({ threads: 1, workerUrl: storage('reader-worker.js') })
  const append = async () => {
    const batch = batchOf([{ partitionKey: 'k', data: Buffer.alloc(20_000) }])
    const arena = new ArrayBuffer(batch.length)
    new Uint8Array(arena).set(batch)
    const entries = entryOf(SLOT, batch)
    const { results } = await owner.call('append', { arena, entries, now: Date.now() }, [arena])
    expect(results[0]).toBe(0)
    return results[1]!
  }
  const read = async (from: number, until: number) => {
    const reply = await reader.read({ list: list!, slot: SLOT, from, until, bytesMax: 1 << 24 })
    expect(reply.damage).toBeUndefined()
    const batches = new Uint8Array(reply.buffer)
    const bases: number[] = []
    let at = 0
    for (const length of reply.lengths) {
      bases.push(baseSequenceNumberAt(batches, at))
      at += length
    }
    return bases
  }

  await append()
  expect(await read(0, 1)).toEqual([0])
  const before = list!.segments.length
  let last = 0
  while (list!.segments.length === before) last = await append()
  for (let more = 0; more < 3; more++) last = await append()
  expect(await read(1, last + 1)).toEqual(Array.from({ length: last }, (_, index) => index + 1))

  await reader.close()
  await owner.call('close', null)
  await thread.join()
  await rm(directory, { recursive: true })
})

const tasks = '/proc/self/task'

test.skipIf(!existsSync(tasks))('reader pool: starts no thread before the first read', async () => {
  const before = readdirSync(tasks).length
  const reader = createReaderPool({ threads: 2, workerUrl: storage('reader-worker.js') })
  expect(readdirSync(tasks)).toHaveLength(before)
  await reader.close()
  const task = {
    list: { segments: [] } as unknown as SegmentList,
    slot: SLOT,
    from: 0,
    until: 1,
    bytesMax: 1,
  }
  await expect(reader.read(task)).rejects.toMatchObject({ code: 'unavailable' })
})
