// Sealed and trimmed shards: a final tail, horizons that only rise, and exactly one right answer to every late batch,
// so that what a parent holds is not stored again in its children.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { InvariantError } from '../../../../protocol/invariant.ts'
import { encodeKey } from '../../../../broker/storage/rows/key-space.ts'
import {
  batchOf,
  segmentName,
  StorageFixture,
  test,
  type Appended,
  type TestOwner,
} from '../../../support/disk/storage.ts'

const SLOT = 1
const WINDOW = 8

describe('seal', () => {
  test('returns the final tail, and refuses later appends as closed', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(SLOT, 2)
    await owner.put(SLOT, ['a', 'b'])
    const closed = { slot: SLOT, tail: 2, trimHorizon: 0, closed: true }
    expect(await owner.seal(SLOT)).toMatchObject([closed])
    expect(await owner.put(SLOT, ['c'])).toMatchObject({ code: 'shardClosed' })
    expect(await owner.put(2, ['c'])).toMatchObject({ code: 'stored' })
    expect(await owner.seal(SLOT)).toMatchObject([closed])
    expect(await owner.values(SLOT, 2)).toEqual(['0=a', '1=b'])
  })

  test('runs after the appends queued before it, and before those behind it', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(SLOT)
    storage.disk.hold()
    const before = ['a', 'b', 'c'].map((value) => owner.put(SLOT, [value]))
    const sealed = owner.seal(SLOT)
    const after = owner.put(SLOT, ['late'])
    storage.disk.release()
    for (const put of before) expect(await put).toMatchObject({ code: 'stored' })
    expect(await sealed).toMatchObject([{ tail: 3, closed: true }])
    expect(await after).toMatchObject({ code: 'shardClosed' })
  })

  test('is durable when it is answered, over restarts and rolls', async ({ storage }) => {
    let owner = await storage.openOwner({ segmentBytes: 1 })
    await owner.open(SLOT, 2, 3)
    await owner.put(SLOT, ['a'])
    await owner.put(3, ['b'])
    await owner.seal(SLOT, 2)
    for (let i = 0; i < 3; i++) {
      await storage.closeOwners()
      owner = await storage.openOwner({ segmentBytes: 1 })
      // The host may know higher starting numbers by now: a closed shard keeps its tail.
      await owner.openAt(2, 500)
      expect(await owner.open(SLOT, 2, 3)).toMatchObject([
        { tail: 1, closed: true },
        { tail: 0, closed: true },
        { tail: 1 + i, closed: false },
      ])
      expect(await owner.put(2, ['x'])).toMatchObject({ code: 'shardClosed' })
      await owner.put(3, ['rolls'])
    }
  })

  test('has no effect after a reopening if it was not committed, and can be repeated', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.open(SLOT)
    await owner.put(SLOT, ['a'])
    storage.disk.faults.push('nothing stored')
    await expect(owner.seal(SLOT)).rejects.toMatchObject({ code: 'outcomeUnknown' })
    expect(await owner.open(SLOT)).toMatchObject([{ closed: false }])
    expect(await owner.put(SLOT, ['b'])).toMatchObject({ code: 'stored', base: 1 })
    storage.disk.faults.push('stored unnoticed')
    await expect(owner.seal(SLOT)).rejects.toMatchObject({ code: 'outcomeUnknown' })
    expect(await owner.open(SLOT)).toMatchObject([{ closed: true, tail: 2 }])
    expect(owner.notices).toContainEqual(
      expect.objectContaining({
        notice: 'reopened',
        extents: [expect.objectContaining({ slot: SLOT, closed: true })],
      }),
    )
    expect(await owner.seal(SLOT)).toMatchObject([{ closed: true, tail: 2 }])
  })

  test('leaves out shards that are not open, and forgotten ones', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(SLOT, 2)
    await owner.put(2, ['a'])
    await owner.forget(2)
    expect(await owner.seal(SLOT, 2, 99)).toMatchObject([{ slot: SLOT, closed: true }])
  })

  test('survives damage to the head if the segment before has the shard', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(SLOT, 2)
    await owner.put(SLOT, ['a'])
    await owner.seal(SLOT)
    await owner.roll()
    await storage.closeOwners()
    await storage.tamper(segmentName(2), (environment) => {
      const key = encodeKey('head', SLOT)
      return { key, value: environment.get(key)!.fill(0) }
    })
    expect(await (await storage.openOwner()).open(SLOT)).toMatchObject([{ tail: 1, closed: true }])
  })
})

describe('trim', () => {
  test('raises the horizon durably, and never lowers it', async ({ storage }) => {
    let owner = await storage.openOwner({ segmentBytes: 1 })
    await owner.open(SLOT)
    for (const value of ['a', 'b', 'c']) await owner.put(SLOT, [value])
    await owner.trim(SLOT, 2)
    await owner.trim(SLOT, 1)
    expect(await owner.open(SLOT)).toMatchObject([{ trimHorizon: 2, tail: 3 }])
    await owner.put(SLOT, ['rolls'])
    await storage.closeOwners()
    owner = await storage.openOwner()
    expect(await owner.open(SLOT)).toMatchObject([{ trimHorizon: 2, tail: 4 }])
    await owner.trim(SLOT, 4)
    expect(await owner.put(SLOT, ['e'])).toMatchObject({ base: 4 })
    expect(await owner.open(SLOT)).toMatchObject([{ trimHorizon: 4, tail: 5 }])
  })

  test('takes a horizon above the tail for a defect, and writes nothing', async ({ storage }) => {
    const broken: Error[] = []
    const owner = await storage.openOwner({ onBroken: (error) => broken.push(error) })
    await owner.open(SLOT)
    await owner.put(SLOT, ['a'])
    await expect(owner.trim(SLOT, 2)).rejects.toMatchObject({ code: 'outcomeUnknown' })
    expect(broken).toEqual([expect.any(InvariantError)])
    await storage.closeOwners()
    expect(await (await storage.openOwner()).open(SLOT)).toMatchObject([{ trimHorizon: 0, tail: 1 }])
  })

  test('ignores forgotten and unknown shards', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(SLOT)
    await owner.put(SLOT, ['a'])
    await owner.forget(SLOT)
    await owner.trim(SLOT, 1)
    await owner.trim(99, 7)
    expect(await owner.open(SLOT, 99)).toMatchObject([{ slot: 99, trimHorizon: 0 }])
  })
})

describe('wanted', () => {
  test('lists what may still be read, and shards too damaged to tell', async ({ storage }) => {
    let now = 1000
    const first = await storage.openOwner({ now: () => now })
    await first.open(SLOT, 2, 3, 4)
    for (const slot of [SLOT, 2, 3]) await first.put(slot, ['a', 'b'])
    await first.trim(2, 1)
    await first.forget(3)
    now = 5000
    await first.roll()
    expect(await first.wanted()).toMatchObject({
      shards: [
        { slot: SLOT, trimHorizon: 0 },
        { slot: 2, trimHorizon: 1 },
        { slot: 4, trimHorizon: 0 },
      ],
      refused: [],
      list: first.list,
      activeBytes: expect.any(Number),
      activeSince: 5000,
    })
    await storage.closeOwners()
    for (const name of [1, 2]) {
      await storage.tamper(segmentName(name), (environment) => {
        const key = encodeKey('head', 2)
        return { key, value: environment.get(key)!.fill(0) }
      })
    }
    const { shards, refused, activeSince } = await (await storage.openOwner()).wanted()
    expect(shards.map(({ slot }) => slot)).not.toContain(2)
    expect({ refused, activeSince }).toEqual({ refused: [2], activeSince: 5000 })
    storage.expectedProblems = ({ ok }) => expect(ok).toBe(false)
  })
})

/** A batch of a producer, sent before and after the shard is sealed. */
interface Sent {
  readonly id: number
  readonly epoch: number
  readonly first: number
  readonly count: number
  /** The value of its records. */
  readonly value: string
}

type Stored = Sent & { readonly base: number }

const send = (owner: TestOwner, { id, epoch, first, count, value }: Sent): Promise<Appended> =>
  owner.put(
    SLOT,
    Array.from({ length: count }, () => value),
    { producerId: id, epoch, firstSequence: first },
  )

/** What a closed shard must answer, given what it has stored, in order. */
function answerOf(stored: readonly Stored[], late: Sent): string {
  const own = stored.filter(({ id }) => id === late.id)
  const epoch = Math.max(-1, ...own.map((batch) => batch.epoch))
  if (late.epoch < epoch) return 'producerFenced'
  const window = own.filter((batch) => batch.epoch === epoch).slice(-WINDOW)
  const same = window.find(
    ({ first, count, value }) => first === late.first && count === late.count && value === late.value,
  )
  if (late.epoch > epoch) return 'shardClosed'
  if (same !== undefined) return `duplicate of ${same.base}`
  if (late.first + late.count <= window[0]!.first) return 'duplicateTooOld'
  const last = window.at(-1)!
  return late.first < last.first + last.count ? 'sequenceReused' : 'shardClosed'
}

const sentBatches = fc.record({
  id: fc.constantFrom(7, 8),
  epoch: fc.nat(2),
  first: fc.nat(24),
  count: fc.integer({ min: 1, max: 3 }),
  value: fc.constantFrom('v', 'w'),
})

const storedBatches = fc.record({
  id: fc.constantFrom(7, 8),
  isNewEpoch: fc.nat(9).map((n) => n === 0),
  count: fc.integer({ min: 1, max: 3 }),
})

/** Stores a batch that follows the producer's last one. */
async function storeNext(
  owner: TestOwner,
  stored: Stored[],
  { id, isNewEpoch, count }: { id: number; isNewEpoch: boolean; count: number },
): Promise<void> {
  const last = stored.findLast((batch) => batch.id === id)
  const first = last === undefined || isNewEpoch ? 0 : last.first + last.count
  const sent = { id, epoch: (last?.epoch ?? 0) + (isNewEpoch ? 1 : 0), first, count, value: 'v' }
  const { code, base } = await send(owner, sent)
  expect(code).toBe('stored')
  stored.push({ ...sent, base })
}

/** Reopens storage on a full or a free disk, and compares a closed shard's answers with the model. */
async function expectAnswers(
  storage: StorageFixture,
  { stored, late, isFull }: { stored: readonly Stored[]; late: readonly Sent[]; isFull: boolean },
): Promise<void> {
  const owner = await storage.openOwner({
    freeSpaceFloorBytes: 1,
    freeBytesOf: async () => (isFull ? 0 : 1e12),
  })
  const before = await owner.open(SLOT)
  // Stored batches are sent again as well.
  for (const batch of [...late, ...stored]) {
    const { code, base, duplicate } = await send(owner, batch)
    expect(duplicate ? `duplicate of ${base}` : code).toBe(answerOf(stored, batch))
  }
  expect(await owner.append({ slot: SLOT, batch: batchOf() })).toMatchObject([{ code: 'shardClosed' }])
  expect(await owner.open(SLOT)).toEqual(before)
}

test('a closed shard knows what it stored, on a full disk or not, and stores nothing more', async () => {
  const property = fc.asyncProperty(
    fc.array(storedBatches, { maxLength: 30 }),
    fc.array(sentBatches, { maxLength: 30 }),
    fc.boolean(),
    async (storing, late, isFull) => {
      const directory = await mkdtemp(join(tmpdir(), 'millrace-closed-'))
      const storage = new StorageFixture(directory)
      try {
        const owner = await storage.openOwner()
        await owner.open(SLOT)
        const stored: Stored[] = []
        for (const next of storing) await storeNext(owner, stored, next)
        await owner.seal(SLOT)
        await storage.closeOwners()
        await expectAnswers(storage, { stored, late, isFull })
      } finally {
        await storage.closeOwners()
        await rm(directory, { recursive: true })
      }
    },
  )
  await fc.assert(property, { numRuns: 25 })
})
