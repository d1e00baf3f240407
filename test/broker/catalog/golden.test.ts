// The stored bytes of a row of each family of the catalog. Every later version of the same format must be able to read them.
// A field may be added to a value with a default for the rows that lack it; any other change needs a new format.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { catalogFamilyNames } from '../../../broker/catalog/families.ts'
import type { CatalogRow } from '../../../broker/catalog-contract.ts'
import { allRows } from '../../../broker/storage/rows/all-rows.ts'
import { openCatalogStore } from '../../../broker/storage/catalog-store.ts'
import { openLmdb, type Environment } from '../../../broker/storage/environment.ts'
import { checksumOf, encodeKey } from '../../../broker/storage/rows/key-space.ts'
import { checkDataDirectory } from '../../../broker/storage/integrity.ts'

/** Key in hex, value as JSON, and the row that they stand for. */
interface Golden {
  readonly key: string
  readonly json: string
  readonly row: CatalogRow
}

const child = {
  shardIndex: 3,
  ownerId: 1,
  slot: 9,
  startingHashKey: '0'.repeat(32),
  endingHashKey: 'f'.repeat(32),
}

const golden: { readonly [F in CatalogRow['family']]: Golden } = {
  broker: {
    key: '11',
    json: '{"brokerId":"6f1c","createdAt":1700000000000,"nextStreamId":9,"nextSlot":10}',
    row: {
      family: 'broker',
      key: 'broker',
      value: { brokerId: '6f1c', createdAt: 1_700_000_000_000, nextStreamId: 9, nextSlot: 10 },
    },
  },
  stream: {
    key: '120000000000000007',
    json:
      '{"name":"clicks","status":"ACTIVE","retentionMs":86400000,"createdAt":1700000000001,"epoch":2,"nextShardIndex":4,' +
      '"retentionBytes":1048576,"mode":"on-demand","shardLimits":{"writeBytesPerSecond":1,"writeRecordsPerSecond":2,' +
      '"readBytesPerSecond":3,"readsPerSecond":4,"subscriptionBytesPerSecond":5},"scaling":{"shardsMin":1,"shardsMax":8,' +
      '"targetBytesPerSecond":6,"targetRecordsPerSecond":7},"targetShardCount":null}',
    row: {
      family: 'stream',
      key: 7,
      value: {
        name: 'clicks',
        status: 'ACTIVE',
        retentionMs: 86_400_000,
        createdAt: 1_700_000_000_001,
        epoch: 2,
        nextShardIndex: 4,
        retentionBytes: 1_048_576,
        mode: 'on-demand',
        shardLimits: {
          writeBytesPerSecond: 1,
          writeRecordsPerSecond: 2,
          readBytesPerSecond: 3,
          readsPerSecond: 4,
          subscriptionBytesPerSecond: 5,
        },
        scaling: { shardsMin: 1, shardsMax: 8, targetBytesPerSecond: 6, targetRecordsPerSecond: 7 },
        targetShardCount: null,
      },
    },
  },
  shard: {
    key: '13000000000000000700000001',
    json:
      '{"ownerId":1,"slot":4,"parents":[0],"startingHashKey":"00000000000000000000000000000000",' +
      '"endingHashKey":"ffffffffffffffffffffffffffffffff","state":"OPEN","startingSequenceNumber":5,' +
      '"endingSequenceNumber":null,"createdAt":1700000000002,"closedAt":null}',
    row: {
      family: 'shard',
      key: { streamId: 7, shardIndex: 1 },
      value: {
        ownerId: 1,
        slot: 4,
        parents: [0],
        startingHashKey: '0'.repeat(32),
        endingHashKey: 'f'.repeat(32),
        state: 'OPEN',
        startingSequenceNumber: 5,
        endingSequenceNumber: null,
        createdAt: 1_700_000_000_002,
        closedAt: null,
      },
    },
  },
  reshard: {
    key: '140000000000000007',
    json:
      '{"step":"sealing","moves":[{"parents":[1],"children":[{"shardIndex":3,"ownerId":1,"slot":9,' +
      '"startingHashKey":"00000000000000000000000000000000","endingHashKey":"ffffffffffffffffffffffffffffffff"}]}],' +
      '"startedAt":1700000000003,"cause":"split"}',
    row: {
      family: 'reshard',
      key: 7,
      value: {
        step: 'sealing',
        moves: [{ parents: [1], children: [child] }],
        startedAt: 1_700_000_000_003,
        cause: 'split',
      },
    },
  },
  retired: {
    key: '1500000003',
    json: '{"ownerId":1,"streamId":7,"shardIndex":0}',
    row: { family: 'retired', key: 3, value: { ownerId: 1, streamId: 7, shardIndex: 0 } },
  },
  consumer: {
    key: '16000000000000000700000002',
    json: '{"name":"dashboard","createdAt":1700000000004}',
    row: {
      family: 'consumer',
      key: { streamId: 7, consumerId: 2 },
      value: { name: 'dashboard', createdAt: 1_700_000_000_004 },
    },
  },
}
const META = { key: '10', value: Buffer.from('0002', 'hex') }

let dataDir: string
let directory: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'millrace-golden-'))
  directory = join(dataDir, 'catalog')
})
afterEach(async () => {
  await rm(dataDir, { recursive: true })
})

/** The stored value: the checksum of key and JSON, little-endian, and the JSON. */
function valueOf({ key, json }: Golden): Buffer {
  const content = Buffer.from(json)
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32LE(checksumOf(Buffer.from(key, 'hex'), content))
  return Buffer.concat([checksum, content])
}

async function withEnvironment<T>(work: (environment: Environment) => Promise<T> | T): Promise<T> {
  const environment = await openLmdb({ path: directory, mapBytes: 1 << 28, readOnly: false })
  try {
    return await work(environment)
  } finally {
    await environment.close()
  }
}

test('catalog store: stores a row of each family as these bytes', async () => {
  const store = await openCatalogStore(directory)
  await store.commit(catalogFamilyNames.map((family) => ({ put: golden[family].row })))
  await store.close()
  await withEnvironment((environment) => {
    for (const family of catalogFamilyNames) {
      const [row] = [...allRows(environment, family)]
      expect(Buffer.from(row!.key).toString('hex')).toBe(golden[family].key)
      expect(Buffer.from(row!.value)).toEqual(valueOf(golden[family]))
    }
    const meta = Buffer.from(environment.get(encodeKey('catalogMeta'))!)
    expect(meta.subarray(0, 2)).toEqual(META.value)
  })
})

test('catalog store: reads these bytes as the rows that they stand for, and the check finds no fault', async () => {
  const key = Buffer.from(META.key, 'hex')
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(checksumOf(key, META.value))
  await withEnvironment((environment) =>
    environment.commit((writer) => {
      writer.put(key, Buffer.concat([META.value, checksum]))
      for (const one of Object.values(golden)) writer.put(Buffer.from(one.key, 'hex'), valueOf(one))
    }),
  )
  const store = await openCatalogStore(directory)
  expect(store.load()).toEqual(catalogFamilyNames.map((family) => golden[family].row))
  await store.close()
  expect((await checkDataDirectory(dataDir)).problems).toEqual([])
})
