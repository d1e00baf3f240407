// Which segments a reader keeps open, and for how long. A removed segment occupies disk space while any reader has it
// open.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Environment } from '../../../../broker/storage/environment.ts'
import { SegmentCache, type SegmentRef } from '../../../../broker/storage/segments/segment-cache.ts'

let directory: string
let cache: SegmentCache
const open = new Set<string>()

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-cache-'))
  open.clear()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  cache = new SegmentCache({ openEnvironment: async ({ path }) => environmentAt(path), environmentsMax: 10 })
})

afterEach(async () => {
  await cache.close()
  expect(open).toEqual(new Set())
  vi.useRealTimers()
  await rm(directory, { recursive: true })
})

function environmentAt(path: string): Environment {
  open.add(path)
  const close = async () => void open.delete(path)
  return { refresh: () => undefined, close } as unknown as Environment
}

async function segment(name: string, { isActive = false } = {}): Promise<SegmentRef> {
  await mkdir(join(directory, name))
  return { directory, name, isActive }
}

const read = (ref: SegmentRef) => cache.use(ref, () => undefined)

test('SegmentCache: closes a removed segment within two seconds, even while others are read', async () => {
  const removed = await segment('segment-0000000001')
  const kept = await segment('segment-0000000002')
  await read(removed)
  await read(kept)
  await rm(join(directory, removed.name), { recursive: true })
  for (let i = 0; i < 20; i++) {
    await read(kept)
    await vi.advanceTimersByTimeAsync(100)
  }
  expect([...open]).toEqual([join(directory, kept.name)])
})

test('SegmentCache: keeps a sealed segment open between occasional reads, and not for ever', async () => {
  const ref = await segment('segment-0000000001')
  for (let i = 0; i < 5; i++) {
    await read(ref)
    await vi.advanceTimersByTimeAsync(8000)
    expect(open.size).toBe(1)
  }
  await vi.advanceTimersByTimeAsync(4000)
  expect(open.size).toBe(0)
  await read(ref)
  expect(open.size).toBe(1)
})

test('SegmentCache: closes the active segment soon, whatever else is open', async () => {
  const sealed = await segment('segment-0000000001')
  const active = await segment('segment-0000000002', { isActive: true })
  await read(sealed)
  await read(active)
  await vi.advanceTimersByTimeAsync(300)
  expect([...open]).toEqual([join(directory, sealed.name)])
})

test('SegmentCache: runs no timer when nothing is open', async () => {
  await read(await segment('segment-0000000001'))
  await vi.advanceTimersByTimeAsync(20_000)
  expect(vi.getTimerCount()).toBe(0)
})
