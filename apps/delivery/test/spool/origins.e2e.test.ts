// Origins of lines: found in memory and in files, and gone when they are released.
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Origins } from '../../src/spool/origins.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'origins-test-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

let files = 0
const place = { directory: '', fileName: () => `origins-${files++}` }

const recordOf = (i: number) => ({
  shardId: `shardId-00000000000${Math.floor(i / 700)}`,
  sequenceNumber: 1000 + i + Math.floor(i / 50),
  partitionKey: `key "${i}"\n ü`,
  arrivedAt: 5000 + Math.floor(i / 30),
  ...(i % 40 === 0 && { subSequence: i }),
})

it('origins: tell of lines which records they come from, also where records have several, or none', async () => {
  const origins = new Origins({ ...place, directory })
  const records: number[] = []
  for (let i = 0; i < 3000; i++) {
    const lines = i % 20 < 4 ? i % 4 : 1
    origins.add(recordOf(i), lines)
    for (let line = 0; line < lines; line++) records.push(i)
    if (i === 1000 || i === 2000) await origins.spill()
  }
  const lines = records.flatMap((_, line) => (line % 7 < 3 ? [line] : []))
  expect(await origins.of(lines)).toEqual(lines.map((line) => recordOf(records[line]!)))
  expect(await origins.of([records.length - 1])).toEqual([recordOf(2999)])
  await expect(origins.of([records.length])).rejects.toThrow('comes from no record')
  expect(await readdir(directory)).toHaveLength(1)
  await origins.release()
  expect(await readdir(directory)).toEqual([])
  expect(origins.memoryBytes).toBe(0)
})
