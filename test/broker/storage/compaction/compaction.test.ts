// Single surveys and compactions: their results, and that a failed compaction changes no source and leaves nothing
// behind.
import { mkdir, readdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { faultSteps, type FaultStep } from '../../../../broker/storage/disk/faults.ts'
import { CommitFailed, openLmdb, type OpenEnvironment } from '../../../../broker/storage/environment.ts'
import {
  decodeKey,
  decodeRow,
  encodeKey,
  encodeRow,
  familyOf,
} from '../../../../broker/storage/rows/key-space.ts'
import {
  inlineSegmentMaintenance,
  type MaintenanceParts,
} from '../../../../broker/storage/segment-maintenance.ts'
import { createProgress, progressOf, stopCompaction } from '../../../../broker/threads/compaction-progress.ts'
import type { CompactTask } from '../../../../broker/threads/maintenance-contract.ts'
import { test, type StorageFixture, type TestOwner } from '../../../support/disk/storage.ts'

const SLOTS = [1, 2]

/** Two shards in two sealed segments, with batches of 60 kB; the first shard is trimmed into its third batch. */
async function filledOwner(storage: StorageFixture): Promise<TestOwner> {
  let now = 1000
  const owner = await storage.openOwner({ now: () => (now += 700) })
  await owner.open(...SLOTS)
  for (let batch = 0; batch < 12; batch++) {
    for (const slot of SLOTS) {
      await owner.put(slot, [
        `${slot}:${batch}a`.padEnd(30_000, '.'),
        `${slot}:${batch}b`.padEnd(30_000, '.'),
      ])
    }
    if (batch % 6 === 5) await owner.roll()
  }
  await owner.trim(1, 5)
  return owner
}

/** A compaction of all sealed segments. */
async function taskFor(owner: TestOwner, change: Partial<CompactTask> = {}) {
  const { shards, list } = await owner.wanted()
  const { directory, segments } = list
  const sources = segments.slice(0, -1)
  return {
    directory,
    ownerId: 0,
    sources,
    shards,
    bytesPerSecond: 1e12,
    progress: createProgress(),
    ...change,
  }
}

/** Fails the commits from number `commit` on, in environments open for writing. */
function failingFrom(commit: number, errno: number): OpenEnvironment {
  let commits = 0
  return async (options) => {
    const environment = await openLmdb(options)
    const commitNow = environment.commit.bind(environment)
    environment.commit = async (write) => {
      if (++commits >= commit) throw new CommitFailed('LMDB could not write: it was made to fail', errno)
      await commitNow(write)
    }
    return environment
  }
}

/** Runs a compaction that must fail, and expects the owner's directory to be unchanged. */
async function failure(
  owner: TestOwner,
  parts: MaintenanceParts,
  change: Partial<CompactTask> = {},
): Promise<unknown> {
  const { directory } = owner.list
  const before = await readdir(directory)
  const task = await taskFor(owner, change)
  const error = await inlineSegmentMaintenance(parts)
    .compact(task)
    .catch((thrown: unknown) => thrown)
  expect(await readdir(directory)).toEqual(before)
  return error
}

describe('survey', () => {
  test("returns each shard's extent in a segment", async ({ storage }) => {
    const owner = await filledOwner(storage)
    const { directory, segments } = owner.list
    const survey = await inlineSegmentMaintenance().survey({ directory, segment: segments[1]! })
    expect(survey.segment).toBe(segments[1])
    expect(survey.fileBytes).toBeGreaterThan(12 * 60_000)
    expect(survey.spans).toMatchObject(SLOTS.map((slot) => ({ slot, first: 12, next: 24 })))
    for (const { bytes, firstArrival, lastArrival } of survey.spans) {
      expect(bytes).toBeGreaterThan(6 * 60_000)
      expect(lastArrival - firstArrival).toBe(5 * 2 * 700)
    }
  })

  test('reads the batches if a head is damaged, and refuses if they are damaged, too', async ({
    storage,
  }) => {
    const owner = await filledOwner(storage)
    const { directory, segments } = owner.list
    const maintenance = inlineSegmentMaintenance({ openEnvironment: storage.disk.open })
    const task = { directory, segment: segments[0]! }
    const whole = await maintenance.survey(task)
    await owner.close()
    await storage.tamper(segments[0]!, (environment) => {
      const key = encodeKey('head', 2)
      const value = environment.get(key)!
      value[3]! ^= 1
      return { key, value }
    })
    expect((await maintenance.survey(task)).spans).toEqual(whole.spans)
    storage.disk.onRead = (key, value) => {
      if (familyOf(key) === 'batch' && decodeKey('batch', key).slot === 2) value[200]! ^= 1
      return value
    }
    await expect(maintenance.survey(task)).rejects.toMatchObject({ code: 'corruptData' })
    storage.disk.onRead = undefined
    storage.expectedProblems = ({ problems }) => expect(problems).not.toEqual([])
  })

  test('rejects with `unavailable` for a missing segment', async ({ storage }) => {
    const owner = await filledOwner(storage)
    const survey = inlineSegmentMaintenance().survey({
      directory: owner.list.directory,
      segment: 'segment-0000000099',
    })
    await expect(survey).rejects.toMatchObject({ code: 'unavailable' })
  })
})

describe('compact', () => {
  test('keeps the whole batch that holds the trim horizon, and everything above it', async ({ storage }) => {
    const owner = await filledOwner(storage)
    const maintenance = inlineSegmentMaintenance()
    const task = await taskFor(owner)
    const { target, batches } = await maintenance.compact(task)
    // Batches have two records: number 5 is the second of its batch.
    expect({ target, batches }).toEqual({ target: 'segment-0000000002-1', batches: 10 + 12 })
    await owner.replace(task.sources, target)
    const { spans } = await maintenance.survey({ directory: task.directory, segment: target })
    expect(spans).toMatchObject([
      { slot: 1, first: 4, next: 24 },
      { slot: 2, first: 0, next: 24 },
    ])
    expect(await owner.values(1, 24, 5)).toHaveLength(19)
    expect(await owner.values(2, 24)).toHaveLength(24)
    expect(progressOf(task.progress).bytesWritten).toBeGreaterThan(22 * 60_000)
  })

  test('leaves out unwanted shards, and keeps an empty head of shards without kept batches', async ({
    storage,
  }) => {
    const owner = await filledOwner(storage)
    await owner.trim(1, 24)
    await owner.forget(2)
    const maintenance = inlineSegmentMaintenance()
    const task = await taskFor(owner)
    const { target, batches, fileBytes } = await maintenance.compact(task)
    expect(batches).toBe(0)
    expect(fileBytes).toBeLessThan(100_000)
    await owner.replace(task.sources, target)
    const { spans } = await maintenance.survey({ directory: task.directory, segment: target })
    expect(spans).toMatchObject([{ slot: 1, first: 24, next: 24, bytes: 0 }])
    await owner.put(1, ['next'])
    expect(await owner.values(1, 25, 24)).toEqual(['24=next'])
  })

  test('compacts a compacted segment again, with its neighbours, under another name', async ({ storage }) => {
    const owner = await filledOwner(storage)
    const maintenance = inlineSegmentMaintenance()
    const first = await taskFor(owner)
    await owner.replace(first.sources, (await maintenance.compact(first)).target)
    await owner.put(1, ['more'])
    await owner.roll()
    const second = await taskFor(owner)
    const { target } = await maintenance.compact(second)
    expect(target).toBe('segment-0000000003-2')
    await owner.replace(second.sources, target)
    expect(await owner.values(1, 25, 5)).toHaveLength(20)
  })

  test('replaces what an earlier attempt left under the same name', async ({ storage }) => {
    const owner = await filledOwner(storage)
    const task = await taskFor(owner)
    for (const name of ['segment-0000000002-1', 'segment-0000000002-1.temporary']) {
      await mkdir(join(task.directory, name))
      await writeFile(join(task.directory, name, 'data.mdb'), 'half of a segment')
    }
    const { target } = await inlineSegmentMaintenance().compact(task)
    await owner.replace(task.sources, target)
    expect(await owner.values(2, 24)).toHaveLength(24)
  })

  test('refuses sources that are no neighbours in the manifest, and changes nothing', async ({ storage }) => {
    const owner = await filledOwner(storage)
    const [first, second, active] = owner.list.segments
    for (const sources of [
      [second!, first!],
      [second!, active!],
      ['segment-0000000009'],
      [first!, first!],
      [],
    ]) {
      expect(await failure(owner, {}, { sources })).toMatchObject({ code: 'invalidArgument' })
    }
    // Requested again, it must not overwrite the target, which is in use.
    const task = await taskFor(owner)
    const { target } = await inlineSegmentMaintenance().compact(task)
    await owner.replace(task.sources, target)
    await expect(inlineSegmentMaintenance().compact(task)).rejects.toMatchObject({ code: 'invalidArgument' })
    expect(await owner.values(2, 24)).toHaveLength(24)
  })
})

describe('a failed compaction leaves nothing behind', () => {
  const steps = Object.keys(faultSteps).filter((step) => step.startsWith('compaction')) as FaultStep[]

  test.for(steps)('at the step %s', async (step, { storage }) => {
    const owner = await filledOwner(storage)
    const at = (reached: FaultStep) => {
      if (reached === step) throw new Error('made to fail')
    }
    expect(await failure(owner, { faults: { at } })).toMatchObject({ code: 'unavailable' })
  })

  test('when the disk is full, at any commit and with any error code', async ({ storage }) => {
    const owner = await filledOwner(storage)
    for (const commit of [1, 2, 3]) {
      const openEnvironment = failingFrom(commit, 28)
      expect(await failure(owner, { openEnvironment })).toMatchObject({ code: 'storageFull' })
    }
    const openEnvironment = failingFrom(2, 5)
    const full = { openEnvironment, freeBytesOf: async () => 4096 }
    expect(await failure(owner, full)).toMatchObject({ code: 'storageFull' })
    const broken = { openEnvironment, freeBytesOf: async () => 1e12 }
    expect(await failure(owner, broken)).toMatchObject({ code: 'unavailable' })
  })

  test('when it is stopped, by its host or by closing', async ({ storage }) => {
    const owner = await filledOwner(storage)
    const progress = createProgress()
    let now = 0
    const sleep = async (ms: number) => {
      now += ms
      if (progressOf(progress).bytesWritten > 0) stopCompaction(progress)
    }
    const slow = { progress, bytesPerSecond: 1_000_000 }
    expect(await failure(owner, { elapsed: () => now, sleep }, slow)).toMatchObject({ code: 'aborted' })
    expect(progressOf(progress).bytesWritten).toBeLessThan(22 * 60_000)

    const maintenance = inlineSegmentMaintenance()
    const task = await taskFor(owner, { bytesPerSecond: 1024 })
    const compaction = maintenance.compact(task)
    await Promise.all([expect(compaction).rejects.toMatchObject({ code: 'aborted' }), maintenance.close()])
    await expect(maintenance.compact(task)).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('when any wanted batch or head of a source is damaged or gone', async ({ storage }) => {
    const owner = await filledOwner(storage)
    const parts = { openEnvironment: storage.disk.open }
    const damage = (isMeant: (key: Uint8Array) => boolean) => {
      storage.disk.onRead = (key, value) => {
        if (isMeant(key)) value[value.length >> 1]! ^= 1
        return value
      }
    }
    for (const base of [4, 10, 12, 22]) {
      damage((key) => familyOf(key) === 'batch' && decodeKey('batch', key).base === base)
      expect(await failure(owner, parts)).toMatchObject({ code: 'corruptData' })
    }
    for (const family of ['head', 'segmentMeta'] as const) {
      damage((key) => familyOf(key) === family)
      expect(await failure(owner, parts)).toMatchObject({ code: 'corruptData' })
    }
    // Unwanted batches are not read.
    damage(
      (key) =>
        familyOf(key) === 'batch' && decodeKey('batch', key).slot === 1 && decodeKey('batch', key).base < 4,
    )
    await inlineSegmentMaintenance(parts).compact(await taskFor(owner))
    storage.disk.onRead = undefined
  })

  test('when a source misses a batch, ends before its head says, or is truncated', async ({ storage }) => {
    const owner = await filledOwner(storage)
    const [first] = owner.list.segments
    const task = await taskFor(owner)
    await owner.close()
    await storage.tamper(first!, () => ({ key: encodeKey('batch', 2, 6) }))
    const maintenance = inlineSegmentMaintenance()
    await expect(maintenance.compact(task)).rejects.toMatchObject({ code: 'corruptData' })
    await storage.tamper(first!, (environment) => {
      const key = encodeKey('head', 1)
      const head = decodeRow('head', key, environment.get(key)!)!
      return { key, value: encodeRow('head', key, { ...head, next: head.next + 1 }) }
    })
    const shards = task.shards.filter(({ slot }) => slot === 1)
    await expect(maintenance.compact({ ...task, shards })).rejects.toMatchObject({ code: 'corruptData' })
    await truncate(join(task.directory, first!, 'data.mdb'), 200_000)
    await expect(maintenance.compact(task)).rejects.toMatchObject({ code: 'corruptData' })
    storage.expectedProblems = ({ problems }) => expect(problems).not.toEqual([])
  })

  test('when the disk returns other bytes than were written', async ({ storage }) => {
    const owner = await filledOwner(storage)
    for (const family of ['batch', 'head', 'time'] as const) {
      const openEnvironment: OpenEnvironment = async (options) => {
        const environment = await openLmdb(options)
        if (!options.path.endsWith('.temporary') || !options.readOnly) return environment
        const keysNow = environment.keys.bind(environment)
        environment.keys = (range, limit) =>
          keysNow(range, limit).filter((key) => familyOf(key) !== family || limit === 1)
        const rowsNow = environment.rows.bind(environment)
        environment.rows = (range, limit) =>
          rowsNow(range, limit).filter(({ key }) => familyOf(key) !== family)
        return environment
      }
      expect(await failure(owner, { openEnvironment })).toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('what is on disk is something else') as unknown,
      })
    }
  })
})
