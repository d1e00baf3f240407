// The catalog: commits store all or nothing, durably, and a damaged catalog is refused with an error that names the
// damage.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CatalogChange, CatalogRow, ShardRow, StreamRow } from '../../../broker/catalog-contract.ts'
import { openCatalogStore } from '../../../broker/storage/catalog-store.ts'
import { openLmdb, type Environment } from '../../../broker/storage/environment.ts'
import { checkDataDirectory } from '../../../broker/storage/integrity.ts'
import { encodeKey, rangeOf } from '../../../broker/storage/rows/key-space.ts'
import { evenRanges } from '../../../protocol/shards/shard-map.ts'
import { hashKeyToHex } from '../../../protocol/shards/hash-key.ts'
import {
  brokerRow,
  from,
  reshardRow,
  retiredRow,
  shardRow,
  streamRow,
  upTo,
} from '../../support/catalog-rows.ts'
import { FaultyDisk, flipped, StorageFixture } from '../../support/disk/storage.ts'

let dataDir: string
let directory: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'millrace-catalog-'))
  directory = join(dataDir, 'catalog')
})
afterEach(async () => {
  await rm(dataDir, { recursive: true })
})

const broker = brokerRow
const stream = (key: number, over: Partial<StreamRow['value']> = {}): StreamRow =>
  streamRow(key, { nextShardIndex: 2, ...over })
const shard = (streamId: number, shardIndex: number, over: Partial<ShardRow['value']> = {}): ShardRow => {
  const { start, end } = evenRanges(2)[shardIndex]!
  const range = { startingHashKey: hashKeyToHex(start), endingHashKey: hashKeyToHex(end) }
  return shardRow(streamId, shardIndex, { slot: streamId * 2 + shardIndex, ...range, ...over })
}
const sound = [broker(), stream(1), shard(1, 0), shard(1, 1)]
/** A merge under way of both shards of stream 1. */
const journal = reshardRow(1, {
  cause: 'merge',
  moves: [
    {
      parents: [0, 1],
      children: [
        { shardIndex: 2, ownerId: 0, slot: 9, startingHashKey: from('0'), endingHashKey: upTo('f') },
      ],
    },
  ],
})
const puts = (rows: readonly CatalogRow[]): CatalogChange[] => rows.map((row) => ({ put: row }))

async function stored(rows: readonly CatalogRow[]): Promise<void> {
  const store = await openCatalogStore(directory)
  await store.commit(puts(rows))
  await store.close()
}

/** Changes one row outside the store; removes the row if no value is given. */
async function tamper(
  change: (environment: Environment) => { key: Uint8Array; value?: Uint8Array },
): Promise<void> {
  const environment = await openLmdb({ path: directory, mapBytes: 1 << 28, readOnly: false })
  const { key, value } = change(environment)
  await environment.commit((writer) => (value ? writer.put(key, value) : writer.remove(key)))
  await environment.close()
}

async function loaded(): Promise<readonly CatalogRow[]> {
  const store = await openCatalogStore(directory)
  const rows = store.load()
  await store.close()
  return rows
}

describe('openCatalogStore', () => {
  test('leaves a new catalog empty', async () => {
    expect(await loaded()).toEqual([])
    expect(await loaded()).toEqual([])
    expect((await checkDataDirectory(dataDir)).problems).toEqual([])
  })

  test('keeps committed rows after a reopening, and drops removed ones', async () => {
    const store = await openCatalogStore(directory)
    await store.commit(puts(sound))
    await store.commit([
      { put: stream(1, { epoch: 2 }) },
      { remove: { family: 'shard', key: { streamId: 1, shardIndex: 1 } } },
      { remove: { family: 'stream', key: 77 } },
    ])
    await store.commit([])
    await store.close()
    expect(await loaded()).toEqual([broker(), stream(1, { epoch: 2 }), shard(1, 0)])
  })

  test("keeps and removes a change's journal, and the slots that owners are to forget", async () => {
    const store = await openCatalogStore(directory)
    const retired = retiredRow(7)
    await store.commit(puts([...sound, journal, retired]))
    await store.close()
    expect(await loaded()).toEqual([...sound, journal, retired])
    const again = await openCatalogStore(directory)
    await again.commit([{ remove: { family: 'reshard', key: 1 } }, { remove: { family: 'retired', key: 7 } }])
    await again.close()
    expect(await loaded()).toEqual(sound)
  })

  test('stores what a map holds after any history of commits', async () => {
    const store = await openCatalogStore(directory)
    const change = fc.record({ id: fc.nat(5), epoch: fc.nat(99), remove: fc.boolean() })
    const model = new Map<number, StreamRow>()
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 4 }), async (commits) => {
        for (const changes of commits) {
          for (const { id, epoch, remove } of changes) {
            if (remove) model.delete(id)
            else model.set(id, stream(id, { epoch }))
          }
          await store.commit(
            changes.map(({ id, epoch, remove }) =>
              remove ? { remove: { family: 'stream', key: id } } : { put: stream(id, { epoch }) },
            ),
          )
        }
      }),
      { numRuns: 20 },
    )
    await store.close()
    expect(await loaded()).toEqual([...model.values()].toSorted((a, b) => a.key - b.key))
  })

  test('rejects a failed commit, and stores nothing of it', async () => {
    const disk = new FaultyDisk()
    const store = await openCatalogStore(directory, { openEnvironment: disk.open })
    await store.commit([{ put: broker() }])
    disk.faults.push('nothing stored')
    await expect(store.commit([{ put: stream(1) }, { put: stream(2) }])).rejects.toThrow('made to fail')
    await store.close()
    expect(await loaded()).toEqual([broker()])
  })

  test('refuses an invalid row before anything is stored', async () => {
    const store = await openCatalogStore(directory)
    const broken = stream(1, { retentionMs: -1 })
    await expect(store.commit([{ put: broker() }, { put: broken }])).rejects.toThrow('retentionMs')
    await store.close()
    expect(await loaded()).toEqual([])
  })

  test('refuses a catalog with a damaged row at start, and names the row', async () => {
    await stored(sound)
    await tamper((environment) => flipped(environment, environment.keys(rangeOf('stream'), 1)[0]!))
    await expect(loaded()).rejects.toThrow(
      'row 120000000000000001 of the family stream does not match its checksum',
    )
    expect((await checkDataDirectory(dataDir)).problems).toMatchObject([
      { what: expect.stringContaining('checksum') },
    ])
  })

  test("refuses a row under another row's key", async () => {
    await stored(sound)
    const other = encodeKey('shard', 1, 1)
    await tamper((environment) => ({ key: other, value: environment.get(encodeKey('shard', 1, 0))! }))
    await expect(loaded()).rejects.toThrow('does not match its checksum')
  })

  test('refuses a damaged first row, and a missing one', async () => {
    await stored(sound)
    const key = encodeKey('catalogMeta')
    await tamper((environment) => flipped(environment, key))
    await expect(loaded()).rejects.toThrow(
      `${directory}: the row that says which format it has does not match`,
    )
    await tamper(() => ({ key }))
    await expect(loaded()).rejects.toThrow('the row that says which format it has is missing')
    expect((await checkDataDirectory(dataDir)).problems).toMatchObject([
      { what: expect.stringContaining('missing') },
    ])
  })

  test('refuses a file that is no catalog', async () => {
    await stored(sound)
    await writeFile(join(directory, 'data.mdb'), 'something else'.repeat(1000))
    await expect(loaded()).rejects.toThrow('its header is not one of LMDB')
  })
})

describe('integrity check of the catalog', () => {
  const planted: Record<string, { rows: CatalogRow[]; found: RegExp }> = {
    'no broker row': { rows: [stream(1)], found: /no broker row/ },
    'a stream id that was not given': {
      rows: [broker({ nextStreamId: 1 }), ...sound.slice(1)],
      found: /not given yet/,
    },
    'a slot that was not given': {
      rows: [broker({ nextSlot: 3 }), ...sound.slice(1)],
      found: /slot 3 was not given/,
    },
    'a slot given twice': { rows: [...sound.slice(0, 3), shard(1, 1, { slot: 2 })], found: /shares slot 2/ },
    'a gap in the ranges': { rows: sound.slice(0, 3), found: /do not divide the hash keys/ },
    'a shard without a stream': { rows: [...sound, shard(2, 0)], found: /stream does not exist/ },
    'a journal without a stream': {
      rows: [...sound, { ...journal, key: 2 }],
      found: /stream does not exist/,
    },
    'a planned index that was not given': { rows: [...sound, journal], found: /index 2 was not given/ },
    'a planned slot that was not given': {
      rows: [broker({ nextSlot: 9 }), ...sound.slice(1), journal],
      found: /planned .*slot 9 was not given/s,
    },
    'an index that was not given': {
      rows: [broker(), stream(1, { nextShardIndex: 1 }), ...sound.slice(2)],
      found: /index 1 was not given/,
    },
  }

  test('finds nothing wrong in a sound catalog, and counts shards without records, too', async () => {
    await stored(sound)
    expect(await checkDataDirectory(dataDir)).toMatchObject({ problems: [], shards: 2 })
  })

  test.for(Object.entries(planted))('finds %s', async ([, { rows, found }]) => {
    await stored(rows)
    const { ok, problems } = await checkDataDirectory(dataDir)
    expect(ok).toBe(false)
    expect(problems.map(({ where, what }) => `${where}: ${what}`).join('\n')).toMatch(found)
  })

  test('finds a batch outside the range of its shard', async () => {
    await stored(sound)
    const storage = new StorageFixture(dataDir)
    const owner = await storage.openOwner()
    await owner.open(2)
    // The shard has the lower half of the hash keys: 0cc1… is in it, 92eb… is not.
    for (const partitionKey of ['a', 'b']) await owner.put(2, [partitionKey])
    await storage.closeOwners()
    const { problems } = await checkDataDirectory(dataDir)
    expect(problems).toEqual([
      {
        kind: 'damaged',
        where: expect.stringContaining('slot 2, batch 1'),
        what: "It holds hash keys outside its shard's range.",
      },
    ])
  })

  test('takes an interrupted first start for no damage', async () => {
    const environment = await openLmdb({ path: directory, mapBytes: 1 << 28, readOnly: false })
    expect(environment.get(encodeKey('catalogMeta'))).toBeUndefined()
    await environment.close()
    expect((await checkDataDirectory(dataDir)).problems).toEqual([])
    expect(await loaded()).toEqual([])
  })
})
