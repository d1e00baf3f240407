// An owner's promises to its host, on real LMDB in a temporary directory.
import { mkdir, readdir } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { BATCH_HEADER_BYTES, batchOffsets, bodyCrcOf, stampBatch } from '../../../protocol/batch/batch.ts'
import { holderOf } from '../../../broker/storage/directory-lock.ts'
import type { Environment } from '../../../broker/storage/environment.ts'
import { decodeRow, encodeKey, encodeRow } from '../../../broker/storage/rows/key-space.ts'
import { batchOf, segmentName, test } from '../../support/disk/storage.ts'

const stored = (base: number) => expect.objectContaining({ code: 'stored', base, duplicate: false })
const refused = (code: string) => ({ code, base: 0, arrival: 0, duplicate: false })

describe('append', () => {
  test('numbers batches without a gap and stores them as they were sent, stamped', async ({ storage }) => {
    const owner = await storage.openOwner({ now: () => 1234 })
    await owner.open(1, 2)
    expect(
      await owner.append(
        { slot: 1, batch: batchOf({ values: ['a', 'b'] }) },
        { slot: 2, batch: batchOf({ values: ['x'] }) },
        { slot: 1, batch: batchOf({ values: ['c'] }) },
      ),
    ).toEqual([stored(0), stored(0), stored(2)])
    expect(await owner.values(1, 3)).toEqual(['0=a', '1=b', '2=c'])
    expect(await owner.values(2, 1)).toEqual(['0=x'])
    const { buffer, lengths } = await owner.read(2, 0, 1)
    const expected = batchOf({ values: ['x'] })
    stampBatch(expected, 0, 1234)
    expect(Buffer.compare(new Uint8Array(buffer, 0, lengths[0]), expected)).toBe(0)
  })

  test('begins at the number that the catalog gives', async ({ storage }) => {
    const owner = await storage.openOwner()
    expect(await owner.openAt(1, 500)).toEqual({
      slot: 1,
      trimHorizon: 500,
      closed: false,
      tail: 500,
      lastArrivalTime: 0,
      bytes: 0,
      activeFirst: 500,
    })
    expect(await owner.put(1, ['a'])).toEqual(stored(500))
    expect(await owner.values(1, 501)).toEqual(['500=a'])
  })

  test('refuses a batch for a shard that is not open, and stores the others of its group', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    expect(await owner.append({ slot: 9, batch: batchOf() }, { slot: 1, batch: batchOf() })).toEqual([
      refused('shardNotFound'),
      stored(0),
    ])
  })

  test('refuses a batch whose bytes do not match its checksum and stores nothing of it', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    const corrupt = batchOf({ values: ['damaged'] })
    corrupt[corrupt.length - 1]! ^= 1
    const malformed = batchOf()
    malformed[0] = 0
    expect(
      await owner.append(
        { slot: 1, batch: corrupt },
        { slot: 1, batch: malformed },
        { slot: 1, batch: batchOf() },
      ),
    ).toEqual([refused('corruptBatch'), refused('invalidBatch'), stored(0)])
    expect(await owner.values(1, 1)).toEqual(['0=a'])
  })

  test('refuses a batch with valid checksums that no reader can decode, and stores nothing of it', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    const malformed = Buffer.from(batchOf({ values: ['malformed'] }))
    malformed.writeUInt32LE(5000, BATCH_HEADER_BYTES)
    malformed.writeUInt32LE(bodyCrcOf(malformed), batchOffsets.bodyCrc)
    const idempotent = Buffer.from(batchOf({ producerId: 7 }))
    idempotent[BATCH_HEADER_BYTES + 4] = 0xff
    idempotent.writeUInt32LE(bodyCrcOf(idempotent), batchOffsets.bodyCrc)
    expect(
      await owner.append(
        { slot: 1, batch: malformed },
        { slot: 1, batch: idempotent },
        { slot: 1, batch: batchOf({ producerId: 7 }) },
      ),
    ).toEqual([refused('invalidBatch'), refused('invalidBatch'), stored(0)])
    expect(await owner.values(1, 1)).toEqual(['0=a'])
  })

  test("never lowers a shard's arrival times, whatever the clock does", async ({ storage }) => {
    let now = 1000
    const owner = await storage.openOwner({ now: () => now })
    await owner.open(1)
    const arrivals: number[] = []
    for (now of [1000, 5000, 400, 5001, 0]) arrivals.push((await owner.put(1, ['a'])).arrival)
    expect(arrivals).toEqual([1000, 5000, 5000, 5001, 5001])
  })

  test('commits what was queued during a commit in the next one, in the order of arrival', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    storage.disk.hold()
    const answers = Array.from({ length: 50 }, (_, i) => owner.put(1, [`v${i}`]))
    storage.disk.release()
    expect((await Promise.all(answers)).map(({ base }) => base)).toEqual(
      Array.from({ length: 50 }, (_, i) => i),
    )
    expect((await owner.stats()).commits).toBeLessThanOrEqual(2)
    expect((await owner.values(1, 50))[49]).toBe('49=v49')
  })

  test('answers nothing before its flush', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    storage.disk.hold()
    let isAnswered = false
    const answer = owner.put(1, ['a']).finally(() => {
      isAnswered = true
    })
    await owner.stats()
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    expect(isAnswered).toBe(false)
    storage.disk.release()
    expect(await answer).toEqual(stored(0))
  })
})

describe('reopening an owner', () => {
  test('continues at the tail, with arrival times not before the last one', async ({ storage }) => {
    const first = await storage.openOwner({ now: () => 9000 })
    await first.open(1, 2)
    await first.put(1, ['a', 'b'])
    await storage.closeOwners()
    const second = await storage.openOwner({ now: () => 10 })
    const [one, two] = await second.open(1, 2)
    expect(one).toEqual({
      slot: 1,
      trimHorizon: 0,
      closed: false,
      tail: 2,
      lastArrivalTime: 9000,
      bytes: expect.any(Number),
      activeFirst: 0,
    })
    const empty = { trimHorizon: 0, closed: false, tail: 0, lastArrivalTime: 0, bytes: 0, activeFirst: 0 }
    expect(two).toEqual({ slot: 2, ...empty })
    expect(await second.put(1, ['c'])).toEqual({ code: 'stored', base: 2, arrival: 9000, duplicate: false })
    expect(await second.values(1, 3)).toEqual(['0=a', '1=b', '2=c'])
  })

  test('refuses a directory that is open, and names the process', async ({ storage }) => {
    await storage.openOwner()
    await expect(storage.openOwner()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`pid ${process.pid}`),
    })
  })

  test("refuses another owner's directory", async ({ storage }) => {
    await storage.openOwner({ ownerId: 0 })
    await storage.closeOwners()
    await expect(storage.openOwner({ ownerId: 3, directory: storage.ownerDirectory(0) })).rejects.toThrow(
      'belongs to owner 0, not 3',
    )
  })
})

test('openOwner: refuses a directory of an older format by its format, and changes nothing in it', async ({
  storage,
}) => {
  const owner = await storage.openOwner()
  await owner.open(1)
  await owner.put(1, ['a'], { producerId: 7 })
  await storage.closeOwners()
  const writeFormat = (format: (newest: number) => number) => (environment: Environment) => {
    const key = encodeKey('segmentMeta')
    const meta = decodeRow('segmentMeta', key, environment.get(key)!)!
    return { key, value: encodeRow('segmentMeta', key, { ...meta, format: format(meta.format) }) }
  }
  await storage.tamper(
    segmentName(1),
    writeFormat((newest) => newest - 1),
  )
  await expect(storage.openOwner()).rejects.toThrow(/it has format \d+; this version reads \d+/)
  await storage.tamper(
    segmentName(1),
    writeFormat((older) => older + 1),
  )
  const again = await storage.openOwner()
  await again.open(1)
  expect(await again.put(1, ['a'], { producerId: 7 })).toMatchObject({ base: 0, duplicate: true })
})

describe('opening an owner on a full disk', () => {
  test('rejects with storageFull, and leaves nothing of a new one', async ({ storage }) => {
    await mkdir(join(storage.dataDir, 'owners'))
    storage.disk.errno = constants.errno.ENOSPC
    storage.disk.faults.push('nothing stored')
    await expect(storage.openOwner()).rejects.toMatchObject({ code: 'storageFull' })
    expect(await readdir(join(storage.dataDir, 'owners'))).toEqual([])
    const owner = await storage.openOwner()
    await owner.open(1)
    expect(await owner.put(1, ['a'])).toEqual(stored(0))
  })

  test('leaves a directory that was there before', async ({ storage }) => {
    const directory = storage.ownerDirectory()
    await mkdir(join(directory, 'lock'), { recursive: true })
    storage.disk.errno = constants.errno.ENOSPC
    storage.disk.faults.push('nothing stored')
    await expect(storage.openOwner()).rejects.toMatchObject({ code: 'storageFull' })
    expect(await readdir(directory)).toContain('lock')
  })

  test('leaves what a failure of another kind left, for the next start to look at', async ({ storage }) => {
    storage.disk.faults.push('nothing stored')
    const freeBytesOf = () => Promise.resolve(2 ** 40)
    await expect(storage.openOwner({ freeBytesOf })).rejects.toThrow('a commit was made to fail')
    expect(await readdir(storage.ownerDirectory())).toEqual(['lock', segmentName(1)])
  })
})

describe('forget', () => {
  test('makes a shard refuse appends and openings, and leaves it out of new segments', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.open(1, 2)
    await owner.put(1, ['a'])
    await owner.forget(1)
    expect(await owner.put(1, ['b'])).toEqual(refused('shardNotFound'))
    expect(await owner.open(1)).toEqual([])
    await storage.closeOwners()
    const again = await storage.openOwner({ segmentBytes: 1 })
    expect(await again.open(1, 2)).toMatchObject([{ slot: 2 }])
    expect(await again.put(1, ['b'])).toEqual(refused('shardNotFound'))
    await again.put(2, ['x'])
    await again.put(2, ['y'])
    expect(again.list.segments.length).toBeGreaterThan(1)
  })
})

describe('free space', () => {
  test('below the floor refuses appends, while reads continue, and service resumes by itself', async ({
    storage,
  }) => {
    let freeBytes = 1000
    const owner = await storage.openOwner({ freeSpaceFloorBytes: 500, freeBytesOf: async () => freeBytes })
    await owner.open(1)
    await owner.put(1, ['a'])
    freeBytes = 499
    await expect.poll(() => owner.notices).toContainEqual({ notice: 'space', full: true, freeBytes })
    expect(await owner.put(1, ['b'])).toEqual(refused('storageFull'))
    expect(await owner.values(1, 1)).toEqual(['0=a'])
    freeBytes = 1000
    await expect.poll(() => owner.notices).toContainEqual({ notice: 'space', full: false, freeBytes })
    expect(await owner.put(1, ['b'])).toEqual(stored(1))
  })

  test('below the floor still answers a batch that was stored before as stored', async ({ storage }) => {
    let freeBytes = 1000
    const owner = await storage.openOwner({ freeSpaceFloorBytes: 500, freeBytesOf: async () => freeBytes })
    await owner.open(1)
    expect(await owner.put(1, ['a'], { producerId: 5 })).toEqual(stored(0))
    freeBytes = 499
    await expect.poll(() => owner.notices).toContainEqual({ notice: 'space', full: true, freeBytes })
    const retry = batchOf({ values: ['a'], producerId: 5 })
    const next = batchOf({ values: ['b'], producerId: 5, firstSequence: 1 })
    const answers = await owner.append({ slot: 1, batch: retry }, { slot: 1, batch: next })
    expect(answers[0]).toMatchObject({ code: 'stored', base: 0, duplicate: true })
    expect(answers[1]).toEqual(refused('storageFull'))
    expect(await owner.values(1, 1)).toEqual(['0=a'])
  })

  test('below the floor at start is reported to listeners that are added later', async ({ storage }) => {
    const owner = await storage.openOwner({ freeSpaceFloorBytes: 500, freeBytesOf: async () => 1 })
    expect(owner.notices).toContainEqual({ notice: 'space', full: true, freeBytes: 1 })
  })
})

describe('close', () => {
  test('finishes what was queued and refuses later calls', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    const answers = [owner.put(1, ['a']), owner.put(1, ['b'])]
    const closed = owner.close()
    expect(await owner.put(1, ['c'])).toEqual(refused('unavailable'))
    await closed
    expect(await Promise.all(answers)).toEqual([stored(0), stored(1)])
    await expect(owner.open(2)).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('leaves no unused segment and no lock behind', async ({ storage }) => {
    const owner = await storage.openOwner({ segmentBytes: 400_000 })
    await owner.open(1)
    await owner.put(1, ['x'.repeat(250_000)])
    await owner.put(1, ['y'])
    await owner.close()
    expect((await readdir(storage.ownerDirectory())).toSorted()).toEqual([
      'ballast',
      'lock',
      'manifest.json',
      'segment-0000000001',
    ])
    expect(await holderOf(storage.ownerDirectory())).toBeUndefined()
  })
})
