// Sealed segments that are dropped or replaced: wanted records stay readable, the rest leaves the disk, and after an
// interruption at any step the next start finds a whole directory without unlisted segments.
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import type { FaultStep } from '../../../../broker/storage/disk/faults.ts'
import type { OwnerParts } from '../../../../broker/storage/owner.ts'
import { parseSegmentName } from '../../../../broker/storage/segments/segment-name.ts'
import { copyAsTarget } from '../../../support/disk/replaced-segments.ts'
import { segmentName, StorageFixture, test, type TestOwner } from '../../../support/disk/storage.ts'
import { copyOf } from '../owner-model.ts'

const SLOT = 1
const values = ['a', 'b', 'c', 'd']
const ALL = values.map((value, i) => `${i}=${value}`)

/** One batch per segment: three sealed, one active. */
async function fill(storage: StorageFixture, parts: OwnerParts = {}): Promise<TestOwner> {
  const owner = await storage.openOwner({ segmentBytes: 1, ...parts })
  await owner.open(SLOT)
  for (const value of values) await owner.put(SLOT, [value])
  expect(owner.list.segments).toEqual([1, 2, 3, 4].map((number) => segmentName(number)))
  return owner
}

const segmentsIn = async (directory: string) =>
  (await readdir(directory)).filter((name) => name.includes('segment-')).toSorted()

/** Waits for removals in the background. */
async function untilGone(storage: StorageFixture, ...names: string[]): Promise<void> {
  await expect
    .poll(async () => {
      const left = await segmentsIn(storage.ownerDirectory())
      return left.filter((name) => names.some((gone) => name.endsWith(gone)))
    })
    .toEqual([])
}

describe('replaceSegments', () => {
  test('drops segments without wanted records, and removes their directories', async ({ storage }) => {
    const owner = await fill(storage)
    await owner.trim(SLOT, 2)
    await owner.replace([segmentName(1), segmentName(2)], null)
    expect(owner.list.segments).toEqual([segmentName(3), segmentName(4)])
    expect(await owner.values(SLOT, 4, 2)).toEqual(ALL.slice(2))
    await untilGone(storage, segmentName(1), segmentName(2))
    await storage.closeOwners()
    const again = await storage.openOwner()
    expect(await again.open(SLOT)).toMatchObject([{ trimHorizon: 2, tail: 4 }])
    expect(await again.values(SLOT, 4, 2)).toEqual(ALL.slice(2))
  })

  test('lists a target in place of its source, repeatedly', async ({ storage }) => {
    const owner = await fill(storage)
    let source = segmentName(2)
    for (const generation of [1, 2, 3]) {
      const target = await copyAsTarget(storage, source)
      expect(target).toBe(segmentName(2, generation))
      await owner.replace([source], target)
      expect(owner.list.segments).toEqual([segmentName(1), target, segmentName(3), segmentName(4)])
      expect(await owner.values(SLOT, 4)).toEqual(ALL)
      await untilGone(storage, source)
      source = target
    }
  })

  test('never leads to a number twice, even after every record was trimmed and dropped', async ({
    storage,
  }) => {
    const owner = await fill(storage)
    await owner.trim(SLOT, 4)
    expect(await owner.roll()).toBe(true)
    expect(await owner.roll()).toBe(false)
    const sealed = [1, 2, 3, 4].map((number) => segmentName(number))
    await owner.replace(sealed, null)
    expect(owner.list.segments).toEqual([segmentName(5)])
    for (let start = 0; start < 2; start++) {
      await storage.closeOwners()
      const again = await storage.openOwner({ segmentBytes: 1 })
      expect(await again.open(SLOT)).toMatchObject([{ trimHorizon: 4 + start, tail: 4 + start }])
      expect(await again.put(SLOT, ['e'])).toMatchObject({ base: 4 + start })
      await again.trim(SLOT, 5 + start)
      expect(await again.roll()).toBe(true)
      await again.replace(again.list.segments.slice(0, -1), null)
    }
  })

  const refusals: Record<string, { sources: string[]; target?: string }> = {
    'no sources': { sources: [] },
    'a source that is not listed': { sources: [segmentName(7)] },
    'the active segment': { sources: [segmentName(3), segmentName(4)] },
    'sources that are no neighbours': { sources: [segmentName(1), segmentName(3)] },
    'sources in another order': { sources: [segmentName(2), segmentName(1)] },
    'a target that is not there': { sources: [segmentName(2)], target: segmentName(2, 1) },
    'a target of another number': { sources: [segmentName(1), segmentName(2)], target: segmentName(1, 1) },
    'a target of another generation': { sources: [segmentName(2)], target: segmentName(2, 2) },
    'a target that is no segment': { sources: [segmentName(2)], target: '../elsewhere' },
  }
  test.for(Object.entries(refusals))('refuses %s, and changes nothing', async ([, asked], { storage }) => {
    const owner = await fill(storage)
    const before = await readdir(storage.ownerDirectory())
    await expect(owner.replace(asked.sources, asked.target ?? null)).rejects.toMatchObject({
      code: 'invalidArgument',
    })
    expect(await readdir(storage.ownerDirectory())).toEqual(before)
    expect(await owner.values(SLOT, 4)).toEqual(ALL)
    expect(owner.notices.map(({ notice }) => notice)).not.toContain('reopened')
  })

  test('refuses a target whose first row names another segment, and a damaged one', async ({ storage }) => {
    const owner = await fill(storage)
    const directory = storage.ownerDirectory()
    const target = segmentName(2, 1)
    await cp(join(directory, segmentName(1)), join(directory, target), { recursive: true })
    await expect(owner.replace([segmentName(2)], target)).rejects.toMatchObject({
      code: 'invalidArgument',
      message: expect.stringContaining('it is segment-0000000001 of owner 0'),
    })
    await cp(join(directory, segmentName(2)), join(directory, target), { recursive: true })
    await writeFile(join(directory, target, 'data.mdb'), new Uint8Array(8192))
    await expect(owner.replace([segmentName(2)], target)).rejects.toMatchObject({ code: 'corruptData' })
    expect(await owner.values(SLOT, 4)).toEqual(ALL)
  })

  test('removes a target that it refuses, and no listed segment', async ({ storage }) => {
    const owner = await fill(storage)
    const first = await copyAsTarget(storage, segmentName(1))
    await owner.replace([segmentName(1)], first)
    await untilGone(storage, segmentName(1))
    const listed = await segmentsIn(storage.ownerDirectory())
    const second = await copyAsTarget(storage, segmentName(2))
    const refused = { code: 'invalidArgument' }
    for (const target of [second, first, segmentName(3)]) {
      await expect(owner.replace([segmentName(1)], target)).rejects.toMatchObject(refused)
      expect(await segmentsIn(storage.ownerDirectory())).toEqual(listed)
    }
    expect(await owner.values(SLOT, 4)).toEqual(ALL)
  })

  test('stores appends that wait behind it, in order', async ({ storage }) => {
    const owner = await fill(storage, {})
    const target = await copyAsTarget(storage, segmentName(1))
    const appends = [owner.put(SLOT, ['e']), owner.replace([segmentName(1)], target), owner.put(SLOT, ['f'])]
    expect(await Promise.all(appends)).toMatchObject([{ base: 4 }, undefined, { base: 5 }])
    expect(await owner.values(SLOT, 6)).toEqual([...ALL, '4=e', '5=f'])
  })
})

/** The replacements: the second segment by a copy, or the first two, trimmed, by nothing. */
const replacements = {
  'by a target': async (storage: StorageFixture, owner: TestOwner) =>
    owner.replace([segmentName(2)], await copyAsTarget(storage, segmentName(2))),
  'by nothing': async (_: StorageFixture, owner: TestOwner) => {
    await owner.trim(SLOT, 2)
    await owner.replace([segmentName(1), segmentName(2)], null)
  },
}

const steps: readonly FaultStep[] = [
  'replacementStarted',
  'manifestWritten',
  'manifestSynced',
  'manifestRenamed',
  'manifestDirectorySynced',
  'replacementListed',
  'removalRenamed',
]
const cases = steps.flatMap((step) =>
  Object.entries(replacements).map(([how, replace]) => ({ step, how, replace })),
)

/** Expects that all wanted records are readable, and that no unlisted segment remains. */
async function expectWhole(storage: StorageFixture, owner: TestOwner): Promise<void> {
  const [extent] = await owner.open(SLOT)
  expect(extent!.tail).toBe(4)
  expect(await owner.values(SLOT, 4, extent!.trimHorizon)).toEqual(ALL.slice(extent!.trimHorizon))
  expect(await segmentsIn(storage.ownerDirectory())).toEqual(owner.list.segments.toSorted())
}

describe('an interrupted replacement leaves a whole directory', () => {
  test.for(cases)('after a kill at $step, $how', async ({ step, replace }, { storage }) => {
    const copyDir = await mkdtemp(join(tmpdir(), 'millrace-replace-'))
    let isArmed = false
    const at = async (reached: FaultStep) => {
      if (!isArmed || reached !== step) return
      isArmed = false
      await copyOf(storage.dataDir, copyDir)
    }
    const owner = await fill(storage, { faults: { at } })
    isArmed = true
    await replace(storage, owner)
    await storage.closeOwners()
    expect(isArmed).toBe(false)
    const left = new StorageFixture(copyDir)
    try {
      expect((await left.check()).problems).toEqual([])
      await expectWhole(left, await left.openOwner())
      await left.closeOwners()
      expect((await left.check()).problems).toEqual([])
    } finally {
      await left.closeOwners()
      await rm(copyDir, { recursive: true })
    }
  })

  test.for(cases)('after a failure at $step, $how', async ({ step, replace }, { storage }) => {
    let isArmed = false
    const at = (reached: FaultStep) => {
      if (!isArmed || reached !== step) return
      isArmed = false
      throw Object.assign(new Error(`EIO: failed at ${step}`), { code: 'EIO' })
    }
    const owner = await fill(storage, { faults: { at } })
    isArmed = true
    const outcome = await replace(storage, owner).then(
      () => 'done',
      (error: { code: string }) => error.code,
    )
    expect(outcome).toBe(step === 'removalRenamed' ? 'done' : 'outcomeUnknown')
    await storage.closeOwners()
    expect(isArmed).toBe(false)
    await expectWhole(storage, await storage.openOwner())
  })
})

describe('storage on a disk that is full to the last block', () => {
  /** Fails every manifest while there is no room for it: only the ballast can make room. */
  const fullDisk = (storage: StorageFixture, isFull: () => boolean) => ({
    at: (step: FaultStep) => {
      if (step !== 'manifestWritten' || !isFull()) return
      if (existsSync(join(storage.ownerDirectory(), 'ballast'))) {
        throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
      }
    },
  })

  test('drops segments, and writes the ballast again', async ({ storage }) => {
    let isFull = false
    const owner = await fill(storage, { faults: fullDisk(storage, () => isFull) })
    await owner.trim(SLOT, 2)
    isFull = true
    await owner.replace([segmentName(1), segmentName(2)], null)
    expect(owner.list.segments).toEqual([segmentName(3), segmentName(4)])
    expect(owner.notices.map(({ notice }) => notice)).not.toContain('reopened')
    await expect.poll(() => existsSync(join(storage.ownerDirectory(), 'ballast'))).toBe(true)
    expect(await owner.values(SLOT, 4, 2)).toEqual(ALL.slice(2))
  })

  test('reopens after a failure, so that segments can be removed', async ({ storage }) => {
    let isFull = false
    const owner = await fill(storage, { faults: fullDisk(storage, () => isFull) })
    isFull = true
    storage.disk.errno = 28
    storage.disk.faults.push('nothing stored')
    expect((await owner.put(SLOT, ['e'])).code).toBe('unavailable') // no room for the next segment
    expect(await owner.open(SLOT)).toMatchObject([{ tail: 4 }])
    expect(owner.notices.map(({ notice }) => notice)).toContain('reopened')
  })

  test('starts without room for the ballast', async ({ storage }) => {
    const owner = await fill(storage)
    await storage.closeOwners()
    const ballast = join(storage.ownerDirectory(), 'ballast')
    await rm(ballast)
    await cp(join(storage.ownerDirectory(), 'manifest.json'), `${ballast}/held`, { recursive: true }) // cannot be written
    expect(owner.list.segments).toHaveLength(4)
    const again = await storage.openOwner()
    await again.open(SLOT)
    expect(await again.values(SLOT, 4)).toEqual(ALL)
  })
})

test('segment names: compacted ones are parsed as they were formatted', () => {
  expect(parseSegmentName(segmentName(5, 12))).toEqual({ number: 5, generation: 12 })
  for (const name of [
    'segment-5',
    'segment-0000000005-0',
    'segment-0000000005-1.temporary',
    'removed-segment-0000000005',
  ])
    expect(parseSegmentName(name)).toBeUndefined()
})
