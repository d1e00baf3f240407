// The maintenance thread beside an owner and a reader: it surveys and compacts segments that another thread reads,
// stops when asked, and frees the space of removed segments though readers had them open.
import { existsSync, readdirSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { expect } from 'vitest'
import { createMaintenanceThread } from '#dist/broker/threads/maintenance-thread.js'
import { createReaderPool } from '#dist/broker/threads/reader-pool.js'
import { createProgress, progressOf, stopCompaction } from '../../../broker/threads/compaction-progress.ts'
import { deletedButOpen } from '../../support/disk/disk-use.ts'
import { batchOf, test as base, valuesIn, type TestOwner } from '../../support/disk/storage.ts'

const SLOT = 1
const BATCHES = 40
const worker = (file: string) => new URL(import.meta.resolve(`#dist/broker/storage/${file}`))

const test = base.extend<{ maintenance: ReturnType<typeof createMaintenanceThread> }>({
  // eslint-disable-next-line no-empty-pattern -- vitest reads a fixture's dependencies from this pattern
  maintenance: async ({}, use) => {
    const maintenance = createMaintenanceThread({ workerUrl: worker('maintenance-worker.js') })
    await use(maintenance)
    await maintenance.close()
  },
})

/** Three sealed segments, in which the first half of the only shard is trimmed. */
async function fill(owner: TestOwner): Promise<void> {
  await owner.open(SLOT)
  for (let i = 0; i < BATCHES; i++) {
    await owner.put(SLOT, [`${i}`.padEnd(50_000, '.')])
    if (i % 10 === 9 && i < BATCHES - 1) await owner.roll()
  }
  await owner.trim(SLOT, BATCHES / 2)
}

async function compaction(owner: TestOwner, bytesPerSecond: number) {
  const { shards, list } = await owner.wanted()
  const { directory, segments } = list
  return {
    directory,
    ownerId: 0,
    sources: segments.slice(0, -1),
    shards,
    bytesPerSecond,
    progress: createProgress(),
  }
}

test('maintenance thread: surveys, compacts and frees the space', async ({ storage, maintenance }) => {
  const owner = await storage.openOwner()
  await fill(owner)
  const reader = createReaderPool({ threads: 1, workerUrl: worker('reader-worker.js') })
  const read = async () => {
    const from = BATCHES / 2
    const reply = await reader.read({ list: owner.list, slot: SLOT, from, until: BATCHES, bytesMax: 1 << 24 })
    expect(reply.damage).toBeUndefined()
    return valuesIn(reply)
  }
  const before = await read()
  expect(before).toHaveLength(BATCHES / 2)

  const task = await compaction(owner, 1e12)
  const { directory } = task
  const surveys = await Promise.all(task.sources.map((segment) => maintenance.survey({ directory, segment })))
  expect(surveys.map(({ spans }) => spans[0])).toMatchObject([
    { first: 0, next: 10 },
    { first: 10, next: 20 },
    { first: 20, next: 30 },
  ])
  const { target, batches, fileBytes } = await maintenance.compact(task)
  expect(batches).toBe(10)
  expect(fileBytes).toBeLessThan(surveys.reduce((sum, survey) => sum + survey.fileBytes, 0) / 2)
  await owner.replace(task.sources, target)
  expect(await read()).toEqual(before)
  if (existsSync('/proc/self/fd')) await expect.poll(() => deletedButOpen(directory)).toEqual([])
  await reader.close()
})

test('maintenance thread: readers notice nothing while segments are compacted and removed', async ({
  storage,
  maintenance,
}) => {
  const owner = await storage.openOwner()
  await owner.open(SLOT)
  const reader = createReaderPool({ threads: 2, workerUrl: worker('reader-worker.js') })
  let tail = 0
  let horizon = 0
  let isDone = false

  /** Like a host: repeats a read that failed with a list that has changed since. */
  async function readOn(): Promise<void> {
    while (!isDone) {
      const { list } = owner
      const read = { list, slot: SLOT, from: horizon, until: tail, bytesMax: 1 << 24 }
      const reply = await reader.read(read).catch((error: unknown) => {
        if (owner.list === list) throw error
      })
      if (reply === undefined || read.from < horizon) continue
      expect(reply.damage).toBeUndefined()
      const numbers = valuesIn(reply, read.from).map((value) => Number.parseInt(value))
      expect(numbers).toEqual(Array.from({ length: read.until - read.from }, (_, i) => read.from + i))
    }
  }

  async function compactOn(): Promise<void> {
    for (let round = 0; round < 5; round++) {
      for (let segment = 0; segment < 2; segment++) {
        const values = Array.from({ length: 8 }, (_, i) => `${tail + i}`.padEnd(20_000, '.'))
        await owner.append(...values.map((value) => ({ slot: SLOT, batch: batchOf({ values: [value] }) })))
        tail += values.length
        await owner.roll()
      }
      horizon = Math.max(horizon, tail - 30)
      await owner.trim(SLOT, horizon)
      const task = await compaction(owner, 1e12)
      await owner.replace(task.sources, (await maintenance.compact(task)).target)
    }
  }

  const reading = [readOn(), readOn(), readOn()]
  await compactOn().finally(() => (isDone = true))
  await Promise.all(reading)
  await reader.close()
})

test('maintenance thread: answers surveys during a slow compaction, and stops the compaction when asked', async ({
  storage,
  maintenance,
}) => {
  const owner = await storage.openOwner()
  await fill(owner)
  const task = await compaction(owner, 100_000)
  const { directory } = task
  const before = readdirSync(directory)
  const compacted = maintenance.compact(task).catch((error: unknown) => error)
  while (progressOf(task.progress).bytesWritten === 0) await setTimeout(5)
  await maintenance.survey({ directory, segment: task.sources[0]! })
  stopCompaction(task.progress)
  expect(await compacted).toMatchObject({ code: 'aborted' })
  expect(readdirSync(directory)).toEqual(before)
})

test('maintenance thread: closing stops running tasks, and refuses later ones', async ({
  storage,
  maintenance,
}) => {
  const owner = await storage.openOwner()
  await fill(owner)
  const task = await compaction(owner, 1024)
  const compacted = maintenance.compact(task).catch((error: unknown) => error)
  while (progressOf(task.progress).bytesRead === 0) await setTimeout(5)
  await maintenance.close()
  expect(await compacted).toMatchObject({ code: 'aborted' })
  await expect(maintenance.compact(task)).rejects.toMatchObject({ code: 'unavailable' })
})

test('maintenance thread: a refusal keeps its code, and no thread starts before a task', async ({
  maintenance,
}) => {
  const unused = createMaintenanceThread({ workerUrl: new URL('file:///no/such/worker.js') })
  await unused.close()
  const task = { directory: '/nonexistent', segment: 'segment-0000000001' }
  await expect(unused.survey(task)).rejects.toMatchObject({ code: 'unavailable' })
  const compact = { ...task, ownerId: 0, sources: ['segment-0000000001'], shards: [], bytesPerSecond: 1 }
  await expect(maintenance.compact({ ...compact, progress: createProgress() })).rejects.toMatchObject({
    code: 'invalidArgument',
  })
})
