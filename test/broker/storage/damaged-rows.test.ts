// The cost of a damaged row: never a wrong number. Heads are rebuilt from the batches beside them, a producer is
// forgotten, a search by time takes longer. If no other row tells a shard's tail, that shard alone is refused.
import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { encodeKey, rangeOf, rowBytesOf } from '../../../broker/storage/rows/key-space.ts'
import {
  batchOf,
  flipped,
  segmentName,
  test,
  type StorageFixture,
  type TestOwner,
} from '../../support/disk/storage.ts'

const SLOT = 1
const IDLE = 2
const stored = (base: number) => expect.objectContaining({ code: 'stored', base, duplicate: false })

/**
 * Two shards with records, in `segments` segments, of which the last is active; the second shard is idle after the
 * first segment.
 */
async function fill(storage: StorageFixture, { segments = 1 } = {}): Promise<string> {
  const owner = await storage.openOwner({ now: () => 5000, ...(segments > 1 && { segmentBytes: 1 }) })
  await owner.open(SLOT, IDLE)
  await owner.append(
    { slot: IDLE, batch: batchOf({ values: ['x', 'y'] }) },
    { slot: SLOT, batch: batchOf({ values: ['0'] }) },
  )
  for (let i = 1; i < segments; i++) await owner.put(SLOT, [`${i}`])
  const { segments: list } = owner.list
  expect(list.length).toBe(segments)
  await storage.closeOwners()
  return list.at(-1)!
}

const noticed = (owner: TestOwner) =>
  owner.notices.flatMap((notice) => (notice.notice === 'damaged' ? notice.found : []))

describe('a damaged head', () => {
  test('in the active segment is rebuilt from its batches, whichever bit is damaged', async ({ storage }) => {
    const active = await fill(storage)
    const bits = fc.nat(8 * rowBytesOf('head') - 1)
    await fc.assert(
      fc.asyncProperty(bits, async (bit) => {
        await storage.tamper(active, (environment) => flipped(environment, encodeKey('head', SLOT), bit))
        const owner = await storage.openOwner()
        expect(await owner.open(SLOT)).toMatchObject([{ tail: 1, trimHorizon: 0, lastArrivalTime: 5000 }])
        expect(noticed(owner)).toEqual([expect.stringContaining(`head of slot ${SLOT} was damaged`)])
        await storage.closeOwners()
      }),
      { numRuns: 20 },
    )
  })

  test('never makes the owner assign a number twice', async ({ storage }) => {
    const active = await fill(storage)
    await storage.tamper(active, (environment) => flipped(environment, encodeKey('head', IDLE)))
    const owner = await storage.openOwner()
    await owner.open(IDLE)
    expect(await owner.values(IDLE, 2)).toEqual(['0=x', '1=y'])
    expect(await owner.put(IDLE, ['z'])).toEqual(stored(2))
    await storage.closeOwners()
    const again = await storage.openOwner()
    await again.open(IDLE)
    expect(noticed(again)).toEqual([])
    expect(await again.values(IDLE, 3)).toEqual(['0=x', '1=y', '2=z'])
  })

  test('of a shard that is idle in this segment is rebuilt from the segment before', async ({ storage }) => {
    const active = await fill(storage, { segments: 3 })
    await storage.tamper(active, (environment) => flipped(environment, encodeKey('head', IDLE)))
    const owner = await storage.openOwner()
    expect(await owner.open(IDLE)).toMatchObject([{ tail: 2, trimHorizon: 0, lastArrivalTime: 5000 }])
    expect(await owner.put(IDLE, ['z'])).toEqual(stored(2))
    expect(await owner.values(IDLE, 3)).toEqual(['0=x', '1=y', '2=z'])
  })

  test("under another shard's key is found, and the missing head is rebuilt", async ({ storage }) => {
    const active = await fill(storage, { segments: 2 })
    await storage.tamper(active, (environment) => ({
      key: encodeKey('head', 99),
      value: environment.get(encodeKey('head', IDLE))!,
    }))
    await storage.tamper(active, () => ({ key: encodeKey('head', IDLE) }))
    const owner = await storage.openOwner()
    expect(await owner.open(IDLE)).toMatchObject([{ tail: 2 }])
    await storage.closeOwners()
    storage.expectedProblems = ({ problems }) =>
      expect(problems).toMatchObject([{ where: expect.stringContaining('slot 99') }])
  })

  test('is refused if its batches are damaged as well, also after a roll, and other shards are served', async ({
    storage,
  }) => {
    const active = await fill(storage)
    await storage.tamper(active, (environment) => flipped(environment, encodeKey('head', SLOT)))
    await storage.tamper(active, (environment) => flipped(environment, encodeKey('batch', SLOT, 0), 800))
    for (const segmentBytes of [1, 1]) {
      const owner = await storage.openOwner({ segmentBytes })
      expect(await owner.open(SLOT, IDLE)).toMatchObject([{ slot: IDLE }])
      expect(noticed(owner)).toEqual([expect.stringContaining('is not served')])
      expect(await owner.put(SLOT, ['again'])).toMatchObject({ code: 'shardNotFound' })
      expect(await owner.put(IDLE, ['z'])).toMatchObject({ code: 'stored' })
      await owner.put(IDLE, ['rolls'])
      await storage.closeOwners()
    }
    const owner = await storage.openOwner()
    await owner.forget(SLOT)
    await storage.closeOwners()
    expect(noticed(await storage.openOwner())).toEqual([])
    storage.expectedProblems = ({ ok }) => expect(ok).toBe(false)
  })

  /** Drops every segment before the active one, as if none of it were wanted. */
  async function dropSealed(storage: StorageFixture): Promise<void> {
    const owner = await storage.openOwner({ segmentBytes: 1 })
    await owner.open(SLOT, IDLE)
    for (const slot of [SLOT, IDLE]) await owner.trim(slot, 2)
    await owner.replace(owner.list.segments.slice(0, -1), null)
    await storage.closeOwners()
  }

  test('is rebuilt from its batches if the segment before was dropped', async ({ storage }) => {
    const active = await fill(storage, { segments: 3 })
    await dropSealed(storage)
    await storage.tamper(active, (environment) => flipped(environment, encodeKey('head', SLOT)))
    const owner = await storage.openOwner()
    expect(await owner.open(SLOT)).toMatchObject([{ tail: 3, trimHorizon: 2, closed: false }])
    expect(await owner.values(SLOT, 3, 2)).toEqual(['2=2'])
  })

  test('is refused if the only other segment with the shard was dropped', async ({ storage }) => {
    const active = await fill(storage, { segments: 3 })
    await dropSealed(storage)
    await storage.tamper(active, (environment) => flipped(environment, encodeKey('head', IDLE)))
    const owner = await storage.openOwner()
    expect(await owner.open(SLOT, IDLE)).toMatchObject([{ slot: SLOT }])
    expect(await owner.put(IDLE, ['again'])).toMatchObject({ code: 'shardNotFound' })
    expect(await owner.wanted()).toMatchObject({ refused: [IDLE] })
    storage.expectedProblems = ({ problems }) =>
      expect(problems).toMatchObject([{ what: 'Its head is damaged.' }])
  })

  test('in a sealed segment does not stop reads of the shard', async ({ storage }) => {
    await fill(storage, { segments: 4 })
    await storage.tamper(segmentName(2), (environment) => flipped(environment, encodeKey('head', SLOT)))
    const owner = await storage.openOwner()
    const [extent] = await owner.open(SLOT)
    expect(await owner.values(SLOT, extent!.tail)).toEqual(['0=0', '1=1', '2=2', '3=3'])
    storage.expectedProblems = ({ ok }) => expect(ok).toBe(false)
  })

  test('in a sealed segment without batches does not stop reads of other segments', async ({ storage }) => {
    await fill(storage, { segments: 3 })
    await storage.tamper(segmentName(2), (environment) => flipped(environment, encodeKey('head', IDLE)))
    const owner = await storage.openOwner()
    const [extent] = await owner.open(IDLE)
    expect(extent!.tail).toBe(2)
    expect(await owner.values(IDLE, 2)).toEqual(['0=x', '1=y'])
    storage.expectedProblems = ({ ok }) => expect(ok).toBe(false)
  })
})

test('a damaged producer row makes the owner forget that producer alone', async ({ storage }) => {
  const owner = await storage.openOwner()
  await owner.open(SLOT)
  for (const producerId of [7, 8]) await owner.put(SLOT, ['a'], { producerId })
  await storage.closeOwners()
  await storage.tamper(segmentName(1), (environment) => flipped(environment, encodeKey('producer', SLOT, 7)))
  const again = await storage.openOwner()
  await again.open(SLOT)
  expect(noticed(again)).toEqual([expect.stringContaining('1 producer is forgotten')])
  const next = { firstSequence: 1 }
  expect(await again.put(SLOT, ['b'], { producerId: 7, ...next })).toMatchObject({
    code: 'outOfOrderSequence',
  })
  expect(await again.put(SLOT, ['a'], { producerId: 8 })).toMatchObject({ base: 1, duplicate: true })
  expect(await again.put(SLOT, ['b'], { producerId: 8, ...next })).toEqual(stored(2))
  storage.expectedProblems = ({ problems }) =>
    expect(problems).toMatchObject([{ what: 'Its row is damaged.' }])
})

test('a damaged row of the time index makes a search longer, not wrong', async ({ storage }) => {
  let now = 0
  const owner = await storage.openOwner({ now: () => (now += 2000) })
  await owner.open(SLOT)
  for (let i = 0; i < 6; i++) await owner.put(SLOT, [`${i}`])
  await storage.closeOwners()
  await storage.tamper(segmentName(1), (environment) =>
    flipped(environment, environment.keys(rangeOf('time', SLOT), 6).at(-2)!),
  )
  const again = await storage.openOwner()
  const [extent] = await again.open(SLOT)
  const arrival = extent!.lastArrivalTime
  expect(await again.seek(SLOT, arrival, 6)).toBe(5)
  expect(await again.seek(SLOT, arrival - 1, 6)).toBe(5)
  storage.expectedProblems = ({ ok }) => expect(ok).toBe(false)
})

test('a damaged first row refuses the start with an error that names it, and changes nothing', async ({
  storage,
}) => {
  const active = await fill(storage)
  await storage.tamper(active, (environment) => flipped(environment, encodeKey('segmentMeta')))
  await expect(storage.openOwner()).rejects.toThrow('which segment it is does not match its checksum')
  storage.expectedProblems = ({ ok }) => expect(ok).toBe(false)
})
