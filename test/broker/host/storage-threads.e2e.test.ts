// An owner and a reader pool on threads, as in a host: buffers are moved and not copied, failures arrive with their codes, and
// threads end after `close`.
import { cp, mkdtemp, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createCaller, type Caller } from '#dist/broker/channels/calls.js'
import { startOwnerThread, type OwnerThread } from '#dist/broker/threads/owner-thread.js'
import { createReaderPool } from '#dist/broker/threads/reader-pool.js'
import type {
  OwnerCalls,
  OwnerNotice,
  OwnerOptions,
  SegmentList,
} from '../../../broker/threads/owner-contract.ts'
import type { SegmentReader } from '../../../broker/threads/reader-contract.ts'
import { checkOwnerDirectory } from '../../../broker/storage/integrity.ts'
import { batchOf, entryOf, valuesIn } from '../../support/disk/storage.ts'

const SLOT = 1
const workerOf = (file: string) => new URL(import.meta.resolve(`#dist/broker/storage/${file}`))

let directory: string
let thread: OwnerThread
let owner: Caller<OwnerCalls>
let list: SegmentList
let readers: SegmentReader

const options = (over: Partial<OwnerOptions> = {}): OwnerOptions => ({
  ownerId: 0,
  directory,
  segmentBytes: 200_000,
  freeSpaceFloorBytes: 0,
  ...over,
})

async function start(): Promise<void> {
  thread = await startOwnerThread(options(), workerOf('worker.js'))
  owner = createCaller<OwnerCalls>(thread)
  owner.onNotice((notice) => {
    const told = notice as OwnerNotice
    if (told.notice === 'segments') ({ list } = told)
  })
  await owner.call('open', { shards: [{ slot: SLOT, startingSequenceNumber: 0 }] })
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-threads-'))
  await start()
  readers = createReaderPool({ threads: 2, workerUrl: workerOf('reader-worker.js') })
})

afterEach(async () => {
  await readers.close()
  await owner.call('close', null).catch(() => null)
  await thread.join()
  const { problems } = await checkOwnerDirectory(directory)
  await rm(directory, { recursive: true })
  expect(problems).toEqual([])
})

async function append(values: readonly string[]) {
  const batch = batchOf({ values })
  const arena = new Uint8Array(batch).buffer
  const outcome = await owner.call('append', { arena, entries: entryOf(SLOT, batch), now: Date.now() }, [
    arena,
  ])
  expect(arena.byteLength).toBe(0)
  return outcome
}

describe('owner thread', () => {
  test('returns the arena with its batches stamped', async () => {
    const { arena, results } = await append(['a', 'b'])
    expect([...results.subarray(0, 2)]).toEqual([0, 0])
    expect(valuesIn({ buffer: arena, lengths: Uint32Array.of(arena.byteLength), next: 2 })).toEqual([
      '0=a',
      '1=b',
    ])
  })

  test('reports the code if it cannot open, after the thread has ended', async () => {
    await expect(startOwnerThread(options(), workerOf('worker.js'))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`in use by this process (pid ${process.pid})`),
    })
    const notADirectory = options({ directory: join(directory, 'manifest.json') })
    await expect(startOwnerThread(notADirectory, workerOf('worker.js'))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('manifest.json'),
    })
  })

  test('ends by itself after its close call, and refuses later calls', async () => {
    await append(['a'])
    await owner.call('close', null)
    await thread.join()
    await expect(owner.call('stats', null)).rejects.toMatchObject({ code: 'unavailable' })
    await start()
    expect((await append(['b'])).results[1]).toBe(1)
  })

  test('refuses to load its entry outside a thread', async () => {
    await expect(import('#dist/broker/storage/worker.js')).rejects.toThrow('a thread of its own')
  })
})

describe('reader pool', () => {
  test('reads and seeks while the owner writes and rolls', async () => {
    const values = Array.from({ length: 30 }, (_, i) => `${i}`.padEnd(20_000, '.'))
    const arrivals: number[] = []
    for (const value of values) arrivals.push((await append([value])).results[2]!)
    expect(list.segments.length).toBeGreaterThan(2)
    const reads = Array.from({ length: 30 }, (_, i) =>
      readers.read({ list, slot: SLOT, from: i, until: 30, bytesMax: 1 }),
    )
    for (const [i, reply] of (await Promise.all(reads)).entries()) {
      expect(valuesIn(reply)).toEqual([`${i}=${values[i]}`])
    }
    for (const arrival of arrivals) {
      const { sequenceNumber } = await readers.seek({ list, slot: SLOT, timestamp: arrival, until: 30 })
      expect(sequenceNumber).toBe(arrivals.indexOf(arrival))
    }
  })

  test("answers `unavailable` for a missing segment, and the damage's code for a damaged one", async () => {
    await append(['a'])
    const elsewhere = { directory: join(directory, 'elsewhere'), segments: ['segment-0000000001'] }
    const missing = readers.read({ list: elsewhere, slot: SLOT, from: 0, until: 1, bytesMax: 1 })
    await expect(missing).rejects.toMatchObject({ code: 'unavailable' })
    const copy = join(directory, 'copy')
    await cp(join(directory, 'segment-0000000001'), join(copy, 'segment-0000000001'), { recursive: true })
    await truncate(join(copy, 'segment-0000000001', 'data.mdb'), 5000)
    const damaged = { directory: copy, segments: ['segment-0000000001'] }
    const read = await readers.read({ list: damaged, slot: SLOT, from: 0, until: 1, bytesMax: 1 })
    expect(read).toMatchObject({ next: 0, damage: { reason: expect.stringContaining('is damaged') } })
    const seek = readers.seek({ list: damaged, slot: SLOT, timestamp: 1, until: 1 })
    await expect(seek).rejects.toMatchObject({ code: 'corruptData' })
    await rm(copy, { recursive: true })
  })
})

test('owner thread: when it crashes, its callers get `outcomeUnknown`', async () => {
  // A call without a handler breaks an invariant of the thread.
  const unknown = owner.call('nothing' as 'stats', null)
  await expect(unknown).rejects.toMatchObject({ code: 'outcomeUnknown' })
  await expect(owner.call('stats', null)).rejects.toMatchObject({ code: 'unavailable' })
  await thread.join()
  // A claim names the process and not the thread: it lasts until the process ends, as it does for a host.
  await rm(join(directory, 'lock'), { recursive: true })
})
