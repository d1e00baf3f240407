// The interface to LMDB: what a commit means, how failures look, and the states in which lmdb-js would end the process.
import { statSync } from 'node:fs'
import { copyFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { dataFileOf } from '../../../broker/storage/disk/lmdb-files.ts'
import { releaseReserved } from '../../../broker/storage/disk/reserved-room.ts'
import { isDamage, openLmdb, type Environment } from '../../../broker/storage/environment.ts'
import { InvariantError } from '../../../protocol/invariant.ts'

let path: string
const opened: Environment[] = []
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'millrace.environment-'))
})
afterEach(async () => {
  for (const environment of opened.splice(0)) await environment.close()
  await rm(path, { recursive: true })
})

async function open(readOnly = false): Promise<Environment> {
  const environment = await openLmdb({ path, mapBytes: 64 * 1024 * 1024, readOnly })
  opened.push(environment)
  return environment
}

const key = (...bytes: number[]) => Uint8Array.from(bytes)
const put = (environment: Environment, ...rows: [Uint8Array, Uint8Array][]) =>
  environment.commit((writer) => {
    for (const [name, value] of rows) writer.put(name, value)
  })

describe('an environment', () => {
  test('shows a fulfilled commit to its own and to other readers', async () => {
    const writer = await open()
    await put(writer, [key(1), key(0)])
    const reader = await open(true)
    expect(reader.get(key(1))).toEqual(Buffer.from([0]))
    await put(writer, [key(1), key(7)], [key(2), key(8)])
    reader.refresh()
    expect([reader.get(key(1)), reader.get(key(2))]).toEqual([Buffer.from([7]), Buffer.from([8])])
  })

  test('reserves room behind its pages, does not count it as used, and keeps it for the next opening', async () => {
    const size = () => statSync(dataFileOf(path)).size
    const environment = await open()
    await put(environment, [key(1), new Uint8Array(100)])
    const used = environment.bytesUsed()
    expect(size()).toBeGreaterThan(used)
    expect(environment.reserve({ rows: 1, bytes: 3_000_000 })).toBe(true)
    expect(environment.bytesUsed()).toBe(used)
    const reserved = statSync(dataFileOf(path))
    expect(reserved.size).toBeGreaterThan(used + 3_000_000)
    expect(reserved.blocks * 512).toBeGreaterThanOrEqual(reserved.size)
    await environment.commit((writer) => writer.put(key(2), new Uint8Array(3_000_000)), {
      rows: 1,
      bytes: 3_000_000,
    })
    expect(size()).toBe(reserved.size)
    const reader = await open(true)
    expect(reader.bytesUsed()).toBe(environment.bytesUsed())
    expect(environment.reserve({ rows: 1, bytes: 500_000 })).toBe(true)
    const kept = size()
    await environment.close()
    expect(size()).toBe(kept)
    const again = await open()
    expect(again.bytesUsed()).toBe(reader.bytesUsed())
    await put(again, [key(3), key(3)])
    expect(size()).toBe(kept)
    await again.close()
    releaseReserved(dataFileOf(path))
    expect(size()).toBe(again.bytesUsed())
    reader.refresh()
    expect(reader.get(key(2))).toHaveLength(3_000_000)
    expect(reader.get(key(3))).toHaveLength(1)
  })

  test('continues from its last page after a kill with reserved room', async () => {
    const environment = await open()
    await put(environment, [key(1), key(1)])
    const killed = await mkdtemp(join(tmpdir(), 'millrace.environment-'))
    await copyFile(dataFileOf(path), dataFileOf(killed))
    const again = await openLmdb({ path: killed, mapBytes: 64 * 1024 * 1024, readOnly: false })
    expect(again.bytesUsed()).toBe(environment.bytesUsed())
    await put(again, [key(2), key(2)])
    expect([again.get(key(1)), again.get(key(2))]).toEqual([Buffer.from([1]), Buffer.from([2])])
    await again.close()
    await rm(killed, { recursive: true })
  })

  test('copies a key at `put`, so that its memory can be used for the next', async () => {
    const environment = await open()
    const scratch = key(1, 0)
    await environment.commit((writer) => {
      for (let i = 0; i < 500; i++) {
        scratch[1] = i
        scratch[0] = 1 + (i >> 8)
        writer.put(scratch, key(i))
      }
    })
    expect(environment.keys({ start: key(0), end: key(9) }, 1000)).toHaveLength(500)
  })

  test('returns ranges in order and up to a limit, and the key at or before another', async () => {
    const environment = await open()
    await put(environment, ...[2, 4, 6].map((n): [Uint8Array, Uint8Array] => [key(5, n), key(n)]))
    const range = { start: key(5, 3), end: key(6) }
    expect(environment.rows(range, 10).map(({ value }) => value[0])).toEqual([4, 6])
    expect(environment.rows(range, 1).map(({ value }) => value[0])).toEqual([4])
    expect(environment.keys({ start: key(5, 2), end: key(5, 6) }, 10).map((found) => found[1])).toEqual([
      2, 4,
    ])
    expect(environment.keyAtOrBefore(key(5, 5), key(5, 0))?.[1]).toBe(4)
    expect(environment.keyAtOrBefore(key(5, 4), key(5, 4))?.[1]).toBe(4)
    expect(environment.keyAtOrBefore(key(5, 1), key(5, 0))).toBeUndefined()
    expect(environment.keyAtOrBefore(key(9), key(5, 0))?.[1]).toBe(6)
  })

  test('returns a private copy from get, and from peek a view that the next call may overwrite', async () => {
    const environment = await open()
    await put(environment, [key(1), key(1, 1)], [key(2), key(2, 2, 2)])
    const copy = environment.get(key(1))!
    const view = environment.peek(key(2))!
    expect([...view]).toEqual([2, 2, 2])
    environment.peek(key(1))
    expect([...copy]).toEqual([1, 1])
  })

  test('keeps values of twelve MiB', async () => {
    const environment = await open()
    const large = new Uint8Array(12 * 1024 * 1024).fill(3)
    await put(environment, [key(1), large])
    expect(Buffer.compare(environment.peek(key(1))!, large)).toBe(0)
    expect(environment.bytesUsed()).toBeGreaterThan(large.length)
  })

  test('reports a throwing writer as a defect', async () => {
    const environment = await open()
    const commit = environment.commit((writer) => {
      writer.put(key(1), key(1))
      throw new Error('in the middle')
    })
    await expect(commit).rejects.toBeInstanceOf(InvariantError)
  })

  test('throws at every call after its close', async () => {
    const environment = await open()
    await environment.close()
    await environment.close()
    expect(() => environment.get(key(1))).toThrow(InvariantError)
    await expect(environment.commit(() => undefined)).rejects.toBeInstanceOf(InvariantError)
  })
})

describe('openLmdb', () => {
  test('fails for writing what is open read-only, leaks nothing, and works after that is closed', async () => {
    const first = await open()
    await put(first, [key(1), key(1)])
    await first.close()
    const reader = await open(true)
    for (let i = 0; i < 5; i++) await expect(open()).rejects.toThrow('Invalid argument')
    await reader.close()
    const writer = await open()
    await put(writer, [key(2), key(2)])
    expect(writer.get(key(2))).toBeDefined()
  })

  test('creates nothing if it opens read-only where nothing is', async () => {
    await expect(open(true)).rejects.toThrow('holds no environment')
    await open()
  })

  test.for([
    ['no LMDB file', (file: string) => writeFile(file, 'anything at all'.repeat(1000))],
    ['zeros', (file: string) => writeFile(file, new Uint8Array(100_000))],
    ['cut within its header', (file: string) => truncate(file, 5000)],
  ] as const)('a file that is %s is refused as damaged, for reading and writing', async ([, damage]) => {
    await (await open()).close()
    await damage(join(path, 'data.mdb'))
    for (const readOnly of [true, false]) {
      const error: unknown = await open(readOnly).catch((cause: unknown) => cause)
      expect(isDamage(error)).toBe(true)
      expect(String(error)).toContain(path)
    }
  })

  test('refuses a truncated file for reading; for writing, what is lost reads as damage', async () => {
    const first = await open()
    await put(
      first,
      ...Array.from({ length: 200 }, (_, i): [Uint8Array, Uint8Array] => [key(1, i), new Uint8Array(3000)]),
    )
    await first.close()
    await truncate(join(path, 'data.mdb'), 300_000)
    expect(isDamage(await open(true).catch((cause: unknown) => cause))).toBe(true)
    const again = await open()
    const read = () => again.rows({ start: key(0), end: key(9) }, 1000)
    expect(isDamage(thrownBy(read))).toBe(true)
  })
})

function thrownBy(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}
