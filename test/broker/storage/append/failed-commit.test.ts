// Commits that fail, wait, or report wrongly. Whatever the disk does, an answer never claims more than is stored,
// numbers are never assigned twice, and service resumes from what is on disk.
import { readdir } from 'node:fs/promises'
import { describe, expect } from 'vitest'
import { InvariantError } from '../../../../protocol/invariant.ts'
import { batchOf, segmentName, test, type TestOwner } from '../../../support/disk/storage.ts'

const stored = (base: number) => expect.objectContaining({ code: 'stored', base, duplicate: false })
const refused = (code: string) => ({ code, base: 0, arrival: 0, duplicate: false })
const reopenings = (owner: TestOwner) => owner.notices.filter(({ notice }) => notice === 'reopened')

const turn = () =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

describe('a failing flush', () => {
  test('leaves the outcome unknown, shows nothing, and continues from the last durable tail', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.open(1, 2)
    await owner.put(1, ['a'])
    storage.disk.faults.push('nothing stored')
    expect(await owner.append({ slot: 1, batch: batchOf() }, { slot: 2, batch: batchOf() })).toEqual([
      refused('outcomeUnknown'),
      refused('outcomeUnknown'),
    ])
    expect(await owner.put(1, ['b'])).toEqual(stored(1))
    expect(reopenings(owner)).toMatchObject([
      {
        extents: [
          { slot: 1, tail: 1, trimHorizon: 0 },
          { slot: 2, tail: 0, trimHorizon: 0 },
        ],
      },
    ])
    expect(await owner.values(1, 2)).toEqual(['0=a', '1=b'])
  })

  test('that stored its commit after all is found at the reopening: its numbers are not assigned again', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    storage.disk.faults.push('stored unnoticed')
    expect(await owner.put(1, ['ghost', 'too'])).toEqual(refused('outcomeUnknown'))
    expect(await owner.put(1, ['b'])).toEqual(stored(2))
    expect(reopenings(owner)).toMatchObject([{ extents: [{ slot: 1, tail: 2 }] }])
    expect(await owner.values(1, 3)).toEqual(['0=ghost', '1=too', '2=b'])
  })

  test('lets an idempotent retry store its batch once, whether or not the failed commit was stored', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    for (const [i, fault] of (['nothing stored', 'stored unnoticed'] as const).entries()) {
      storage.disk.faults.push(fault)
      const batch = { producerId: 5, firstSequence: i }
      expect(await owner.put(1, [`v${i}`], batch)).toEqual(refused('outcomeUnknown'))
      expect(await owner.put(1, [`v${i}`], batch)).toMatchObject({
        base: i,
        duplicate: fault === 'stored unnoticed',
      })
    }
    expect(await owner.values(1, 2)).toEqual(['0=v0', '1=v1'])
  })

  test('keeps the refusal of a refused batch, and does not claim that a repeated one is stored', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    storage.disk.faults.push('nothing stored')
    const batch = batchOf({ producerId: 5 })
    expect(await owner.append({ slot: 1, batch }, { slot: 1, batch }, { slot: 9, batch })).toEqual([
      refused('outcomeUnknown'),
      refused('outcomeUnknown'),
      refused('shardNotFound'),
    ])
  })

  test('stores what was queued behind it after the reopening, at the numbers valid then', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    storage.disk.hold()
    storage.disk.faults.push('nothing stored')
    const first = owner.put(1, ['lost'])
    await turn()
    const behind = [owner.put(1, ['b']), owner.put(1, ['c'])]
    storage.disk.release()
    expect(await first).toEqual(refused('outcomeUnknown'))
    expect(await Promise.all(behind)).toEqual([stored(0), stored(1)])
  })

  test('makes appends unavailable while the disk refuses to reopen; reads continue, and reopening is repeated', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    await owner.put(1, ['a'])
    await owner.values(1, 1)
    storage.disk.faults.push('nothing stored', 'nothing stored') // the second fault hits the commit of the reopening
    expect(await owner.put(1, ['b'])).toEqual(refused('outcomeUnknown'))
    expect(await owner.put(1, ['c'])).toEqual(refused('unavailable')) // it waited for the reopening that failed
    expect(await owner.values(1, 1)).toEqual(['0=a'])
    await expect.poll(() => owner.put(1, ['d'])).toEqual(stored(1))
    expect(await owner.values(1, 2)).toEqual(['0=a', '1=d'])
  })

  test('lets the owner reopen even if readers never pause', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    await owner.put(1, ['a'])
    // The first attempt fails, so that a reader is the next to open the segment: read-only, for the whole process.
    storage.disk.faults.push('nothing stored', 'nothing stored')
    let isOver = false
    const reading = (async () => {
      while (!isOver) {
        expect(await owner.values(1, 1)).toEqual(['0=a'])
        await turn()
      }
    })()
    expect(await owner.put(1, ['b'])).toEqual(refused('outcomeUnknown'))
    await expect.poll(() => owner.put(1, ['c'])).toEqual(stored(1))
    isOver = true
    await reading
    expect(await readdir(storage.ownerDirectory())).not.toContain('reopening')
  })

  test('answers what is queued while closing, though the disk refuses', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    storage.disk.refusesToOpen = true
    storage.disk.hold()
    storage.disk.faults.push('nothing stored')
    const answers = [owner.put(1, ['a'])]
    await turn()
    answers.push(owner.put(1, ['b']), owner.put(1, ['c']))
    const closed = owner.close()
    storage.disk.release()
    await closed
    expect((await Promise.all(answers)).map(({ code }) => code)).toEqual([
      'outcomeUnknown',
      'unavailable',
      'unavailable',
    ])
    storage.disk.refusesToOpen = false
  })

  test('that cannot be reopened still lets the owner be closed', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    storage.disk.refusesToOpen = true
    storage.disk.faults.push('nothing stored')
    await owner.put(1, ['a'])
    await owner.close()
    storage.disk.refusesToOpen = false
    const again = await storage.openOwner()
    await again.open(1)
    expect(await again.put(1, ['b'])).toEqual(stored(0))
  })

  test('of a forget answers that the outcome is unknown, and the forget can be repeated', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    await owner.put(1, ['a'])
    storage.disk.faults.push('nothing stored')
    await expect(owner.forget(1)).rejects.toMatchObject({ code: 'outcomeUnknown' })
    expect(await owner.put(1, ['b'])).toEqual(stored(1))
    await owner.forget(1)
    expect(await owner.put(1, ['c'])).toEqual(refused('shardNotFound'))
  })

  test('of a forget that was stored after all keeps the shard forgotten, and other shards are served', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.open(1, 2)
    await owner.put(1, ['a'])
    storage.disk.faults.push('stored unnoticed')
    await expect(owner.forget(1)).rejects.toMatchObject({ code: 'outcomeUnknown' })
    expect(await owner.put(1, ['b'])).toEqual(refused('shardNotFound'))
    expect(await owner.put(2, ['x'])).toEqual(stored(0))
    await owner.forget(1)
  })
})

describe('a broken invariant', () => {
  test('is reported once; appends under way are unknown, and nothing is written afterwards', async ({
    storage,
  }) => {
    const broken: Error[] = []
    const at = (step: string) => {
      if (step === 'commitStarted') throw new InvariantError('planted')
    }
    const owner = await storage.openOwner({ faults: { at }, onBroken: (error) => broken.push(error) })
    await owner.open(1)
    expect(await owner.put(1, ['a'])).toEqual(refused('outcomeUnknown'))
    expect(await owner.put(1, ['b'])).toEqual(refused('unavailable'))
    await expect(owner.forget(1)).rejects.toMatchObject({ code: 'unavailable' })
    expect(broken.map(({ message }) => message)).toEqual(['planted'])
    await owner.close()
    const again = await storage.openOwner()
    expect(await again.open(1)).toMatchObject([{ tail: 0 }])
  })
})

describe('a failing roll', () => {
  test('stores no append that waited for it, answers so, and is repeated by the next append', async ({
    storage,
  }) => {
    const owner = await storage.openOwner({ segmentBytes: 1 })
    await owner.open(1)
    await owner.put(1, ['a'])
    // The new segment's own row is written in advance; the fault hits the rows carried into it.
    await expect.poll(() => storage.disk.opened.length).toBe(2)
    storage.disk.faults.push('nothing stored')
    expect(await owner.put(1, ['b'])).toEqual(refused('unavailable'))
    expect(await owner.put(1, ['b'])).toEqual(stored(1))
    expect(owner.list.segments.at(-1)).not.toBe(segmentName(1))
    expect(await owner.values(1, 2)).toEqual(['0=a', '1=b'])
  })

  test.for([
    'rollStarted',
    'rollCarried',
    'manifestWritten',
    'manifestSynced',
    'manifestRenamed',
    'manifestDirectorySynced',
    'rollFinished',
  ] as const)('an error at %s loses nothing and stops nothing', async (step, { storage }) => {
    let isArmed = false
    const at = (reached: string) => {
      if (!isArmed || reached !== step) return
      isArmed = false
      throw new Error(`EIO: made to fail at ${step}`)
    }
    const owner = await storage.openOwner({ segmentBytes: 1, faults: { at } })
    await owner.open(1)
    await owner.put(1, ['a'])
    isArmed = true
    expect(await owner.put(1, ['b'])).toEqual(refused('unavailable'))
    expect(await owner.put(1, ['b'])).toEqual(stored(1))
    expect(await owner.put(1, ['c'])).toEqual(stored(2))
    expect(await owner.values(1, 3)).toEqual(['0=a', '1=b', '2=c'])
  })
})

describe('a slow flush', () => {
  test('delays answers only: reads and statistics continue', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    await owner.put(1, ['a'])
    storage.disk.hold()
    const slow = owner.put(1, ['b'])
    expect(await owner.values(1, 1)).toEqual(['0=a'])
    expect(await owner.stats()).toMatchObject({ batches: 1 })
    storage.disk.release()
    expect(await slow).toEqual(stored(1))
  })
})

describe('a full disk', () => {
  test('that shows as a failed commit is noticed at once', async ({ storage }) => {
    let freeBytes = 1000
    const owner = await storage.openOwner({ freeSpaceFloorBytes: 500, freeBytesOf: async () => freeBytes })
    await owner.open(1)
    freeBytes = 0
    storage.disk.errno = 28
    storage.disk.faults.push('nothing stored')
    expect(await owner.put(1, ['a'])).toEqual(refused('outcomeUnknown'))
    await expect.poll(() => reopenings(owner)).toHaveLength(1)
    expect(await owner.put(1, ['b'])).toEqual(refused('storageFull'))
  })
})
