// Segments that fill up and are sealed: nothing is lost between them, and a start opens only the last one.
import { describe, expect } from 'vitest'
import { openFilesUnder } from '../../../support/disk/disk-use.ts'
import { segmentName, test } from '../../../support/disk/storage.ts'

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `${i}=v${i}`)

describe('rolling', () => {
  test('is invisible to reads, which cross segments', async ({ storage }) => {
    const owner = await storage.openOwner({ segmentBytes: 1 })
    await owner.open(1, 2)
    for (let i = 0; i < 12; i++) {
      await owner.put(1, [`v${i}`])
      if (i % 3 === 0) await owner.put(2, [`w${i}`])
    }
    expect(owner.list.segments.length).toBeGreaterThan(10)
    expect(await owner.values(1, 12)).toEqual(numbered(12))
    expect(await owner.values(2, 4)).toEqual(['0=w0', '1=w3', '2=w6', '3=w9'])
    for (let from = 0; from < 12; from++) {
      expect(await owner.values(1, 12, from)).toEqual(numbered(12).slice(from))
    }
  })

  test('happens when a segment reaches its size, and not far beyond', async ({ storage }) => {
    const segmentBytes = 1024 * 1024
    const owner = await storage.openOwner({ segmentBytes })
    await owner.open(1)
    for (let i = 0; i < 40; i++) await owner.put(1, ['x'.repeat(100_000)])
    expect(owner.list.segments.length).toBeGreaterThanOrEqual(4)
    expect(owner.list.segments.length).toBeLessThanOrEqual(6)
  })

  test('gives a batch larger than a segment its own segment', async ({ storage }) => {
    const owner = await storage.openOwner({ segmentBytes: 100_000 })
    await owner.open(1)
    for (let i = 0; i < 3; i++) expect((await owner.put(1, ['x'.repeat(300_000)])).code).toBe('stored')
    expect(await owner.values(1, 3)).toHaveLength(3)
  })

  test('sends the new list before it answers what was stored in the new segment', async ({ storage }) => {
    const owner = await storage.openOwner({ segmentBytes: 1 })
    await owner.open(1)
    await owner.put(1, ['a'])
    const before = owner.list.segments
    await owner.put(1, ['b'])
    expect(owner.list.segments).toEqual([...before, segmentName(before.length + 1)])
  })
})

describe('a start', () => {
  test('opens one environment, however many segments are sealed', async ({ storage }) => {
    const owner = await storage.openOwner({ segmentBytes: 1 })
    await owner.open(1)
    for (let i = 0; i < 201; i++) await owner.put(1, [`v${i}`])
    expect(owner.list.segments.length).toBeGreaterThan(200)
    await storage.closeOwners()
    storage.disk.opened.length = 0
    const again = await storage.openOwner({ segmentBytes: 16 * 1024 * 1024 })
    const [extent] = await again.open(1)
    expect(storage.disk.opened).toHaveLength(1)
    expect(extent).toMatchObject({ trimHorizon: 0, tail: 201 })
    expect(await again.put(1, ['v201'])).toMatchObject({ base: 201 })
    expect(storage.disk.opened).toHaveLength(1)
    storage.disk.opened.length = 0
    expect(await again.values(1, 101, 100)).toEqual(['100=v100'])
    expect(storage.disk.opened.length).toBeLessThan(12)
    expect(await again.values(1, 202)).toEqual(numbered(202))
  })

  test('leaves no open file behind after closing', async ({ storage }) => {
    const owner = await storage.openOwner({ segmentBytes: 1 })
    await owner.open(1)
    for (let i = 0; i < 10; i++) await owner.put(1, [`v${i}`])
    await owner.values(1, 10)
    expect(openFilesUnder(storage.dataDir)).not.toEqual([])
    await storage.closeOwners()
    expect(openFilesUnder(storage.dataDir)).toEqual([])
  })
})

describe('idle shards', () => {
  test('cost little memory, a thousand of them', async ({ storage }) => {
    const owner = await storage.openOwner()
    const before = process.memoryUsage().heapUsed
    await owner.open(...Array.from({ length: 1000 }, (_, slot) => slot))
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 * 1024 * 1024)
  })
})
