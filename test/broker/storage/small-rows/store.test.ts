// Promises of the small rows: fulfilled changes are stored, refused ones are not, and many changes share a flush.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { smallFamilies } from '../../../../broker/catalog/small-families.ts'
import type { SmallOutcome, SmallRowsStore, SmallWrite } from '../../../../broker/small-rows-contract.ts'
import { NoRoomForCommit, openLmdb, type OpenEnvironment } from '../../../../broker/storage/environment.ts'
import { checkDataDirectory } from '../../../../broker/storage/integrity.ts'
import { encodeKey, encodeRow, keyFamilies } from '../../../../broker/storage/rows/key-space.ts'
import { encodeSmallKey } from '../../../../broker/storage/small-rows/row-bytes.ts'
import { openSmallRows, smallRowsPath } from '../../../../broker/storage/small-rows/store.ts'
import { openCatalogStore } from '../../../../broker/storage/catalog-store.ts'
import { outcomeOf } from '../../../support/rejection.ts'
import { FaultyDisk, flipped } from '../../../support/disk/storage.ts'

let dataDir: string
let broken: Error[]
const opened: SmallRowsStore[] = []
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'millrace-small-'))
  broken = []
  await (await openCatalogStore(join(dataDir, 'catalog'))).close()
})
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
  await rm(dataDir, { recursive: true })
})

async function open(openEnvironment: OpenEnvironment = openLmdb): Promise<SmallRowsStore> {
  const onBroken = (error: Error): unknown => broken.push(error)
  const store = await openSmallRows(smallRowsPath(dataDir), { openEnvironment, onBroken })
  opened.push(store)
  return store
}

const put = (key: string, content: string, expected?: number): SmallWrite => ({
  family: 'document',
  key,
  value: { content, updatedAt: 7 },
  expected,
})
const removal = (key: string, expected?: number): SmallWrite => ({
  family: 'document',
  key,
  value: undefined,
  expected,
})
const contentOf = (store: SmallRowsStore, key: string): string | undefined =>
  store.get('document', key)?.value.content
const problems = async (): Promise<string[]> =>
  (await checkDataDirectory(dataDir)).problems.map(({ what }) => what)

describe('a change of small rows', () => {
  test('is stored when it fulfils, and after the store is opened again', async () => {
    const store = await open()
    expect(await store.change([put('a', 'one'), put('b', 'two')])).toEqual({ is: 'stored', version: 1 })
    expect(await store.change([removal('b', 1), put('c', 'three', 0)])).toEqual({ is: 'stored', version: 2 })
    const rows = [
      { family: 'document', key: 'a', version: 1, value: { content: 'one', updatedAt: 7 } },
      { family: 'document', key: 'c', version: 2, value: { content: 'three', updatedAt: 7 } },
    ]
    expect(store.list('document', { limit: 10 })).toEqual(rows)
    await store.close()
    expect((await open()).list('document', { limit: 10 })).toEqual(rows)
    expect(opened.at(-1)!.get('document', 'b')).toBeUndefined()
  })

  test('stores nothing if one of its rows has another version, and names the row', async () => {
    const store = await open()
    await store.change([put('a', 'one')])
    const at = { family: 'document', key: 'a' }
    const late = [put('b', 'two'), put('a', 'new', 9)]
    expect(await store.change(late)).toEqual({ is: 'conflict', at, version: 1 })
    expect(await store.change([put('a', 'new', 0)])).toEqual({ is: 'conflict', at, version: 1 })
    expect([contentOf(store, 'a'), contentOf(store, 'b')]).toEqual(['one', undefined])
  })

  test('never gets a version that another row had: a row that was removed and put again has a new version', async () => {
    const store = await open()
    await store.change([put('a', 'first')])
    await store.change([removal('a')])
    await store.close()
    const again = await open()
    expect(await again.change([put('a', 'second', 0)])).toEqual({ is: 'stored', version: 3 })
    expect(await again.change([put('a', 'late', 1)])).toMatchObject({ is: 'conflict', version: 3 })
  })

  const long = 'x'.repeat(smallFamilies.document.valueBytesMax)
  test.for<[string, () => SmallWrite[]]>([
    ['a value that is none', () => [{ ...put('a', ''), value: { content: 'x', updatedAt: -1 } }]],
    ['a value that is too long', () => [put('a', long)]],
    ['a key that is empty', () => [put('', 'x')]],
    ['a key that is too long', () => [put('k'.repeat(smallFamilies.document.keyBytesMax + 1), 'x')]],
    ['a key that is no text', () => [put('a\ud800', 'x')]],
    ['a row that is named twice', () => [put('a', 'x'), put('a', 'y')]],
    ['no rows', () => []],
    ['too many rows', () => Array.from({ length: 257 }, (_, place) => put(`k${place}`, 'x'))],
    ['too much in all', () => Array.from({ length: 40 }, (_, place) => put(`k${place}`, long.slice(100)))],
  ])('is refused where it has %s, and stores nothing', async ([, writes]) => {
    const store = await open()
    expect(await outcomeOf(store.change(writes()))).toBe('invalidArgument')
    expect(store.list('document', { limit: 10 })).toEqual([])
    expect(await store.change([put('b', 'next')])).toEqual({ is: 'stored', version: 1 })
  })
})

describe('the queue of small rows', () => {
  test('takes changes during a flush into the next one, and decides them in the order of arrival', async () => {
    const disk = new FaultyDisk()
    let flushes = 0
    disk.onCommit = () => {
      flushes++
      return undefined
    }
    const store = await open(disk.open)
    flushes = 0
    disk.hold()
    const first = store.change([put('a', 'first')])
    await new Promise(setImmediate)
    const asked = Array.from({ length: 50 }, (_, place) =>
      store.change([put('counter', String(place), place === 0 ? 0 : 1 + place)]),
    )
    // No outcome is reported before it is durable, nor is a conflict with a write that is not yet durable.
    const conflicting = store.change([put('a', 'late', 0)])
    let told = 0
    for (const change of [first, ...asked, conflicting]) void change.then(() => told++)
    await new Promise(setImmediate)
    expect(told).toBe(0)
    expect(contentOf(store, 'a')).toBeUndefined()
    disk.release()
    expect(await first).toEqual({ is: 'stored', version: 1 })
    expect((await Promise.all(asked)).map((outcome) => outcome.is)).toEqual(Array(50).fill('stored'))
    expect(await conflicting).toMatchObject({ is: 'conflict', version: 1 })
    expect(contentOf(store, 'counter')).toBe('49')
    expect(flushes).toBe(2)
  })

  test('refuses more than it holds, and accepts changes when there is room again', async () => {
    const disk = new FaultyDisk()
    const store = await open(disk.open)
    disk.hold()
    const running = store.change([put('a', 'x')])
    await new Promise(setImmediate)
    const waiting = Array.from({ length: 10_000 }, () => store.change([put('b', 'x', 0)]))
    expect(await outcomeOf(store.change([put('c', 'x')]))).toBe('overloaded')
    disk.release()
    expect((await Promise.all([running, ...waiting])).filter(({ is }) => is === 'stored')).toHaveLength(2)
    expect(await store.change([put('c', 'x', 0)])).toMatchObject({ is: 'stored' })
  })

  test('decides any simultaneous changes as it would one after the other', async () => {
    const write = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      expected: fc.option(fc.nat(8), { nil: undefined }),
      isRemoved: fc.boolean(),
    })
    const change = fc.uniqueArray(write, { minLength: 1, maxLength: 3, selector: ({ key }) => key })
    let round = 0
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(change, fc.boolean()), { maxLength: 20 }), async (asked) => {
        // A new store for each case; versions in expectations are counted from its first.
        const path = join(dataDir, `case-${round++}`)
        const store = await openSmallRows(path, { onBroken: (error) => broken.push(error) })
        const model = new Map<string, number>()
        let nextVersion = 1
        const outcomes: Promise<SmallOutcome>[] = []
        const expected: string[] = []
        for (const [writes, isAwaited] of asked) {
          const conflict = writes.find(
            ({ key, expected: version }) => version !== undefined && version !== (model.get(key) ?? 0),
          )
          if (conflict === undefined) {
            for (const { key, isRemoved } of writes) {
              if (isRemoved) model.delete(key)
              else model.set(key, nextVersion)
            }
            expected.push(`stored ${nextVersion++}`)
          } else expected.push(`conflict ${model.get(conflict.key) ?? 0}`)
          const rows = writes.map(({ key, expected: version, isRemoved }) =>
            isRemoved ? removal(key, version) : put(key, 'x', version),
          )
          outcomes.push(store.change(rows))
          if (isAwaited) await outcomes.at(-1)
        }
        const told = (await Promise.all(outcomes)) as { is: string; version: number }[]
        expect(told.map(({ is, version }) => `${is} ${version}`)).toEqual(expected)
        await store.close()
        const again = await openSmallRows(path, { onBroken: (error) => broken.push(error) })
        const rows = again.list('document', { limit: 10 }).map(({ key, version }) => [key, version])
        await again.close()
        expect(rows).toEqual([...model].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      }),
      { numRuns: 60 },
    )
    expect(broken).toEqual([])
  })
})

describe('a list of small rows', () => {
  test('returns a page of the keys with a prefix, in the order of their bytes', async () => {
    const store = await open()
    const keys = ['a', 'a/1', 'a/2', 'a/é', 'a/𐍈', 'b', 'a0']
    await store.change(keys.map((key) => put(key, key)))
    const listed = (page: { prefix?: string; after?: string; limit: number }): string[] =>
      store.list('document', page).map(({ key }) => key)
    expect(listed({ limit: 10 })).toEqual(['a', 'a/1', 'a/2', 'a/é', 'a/𐍈', 'a0', 'b'])
    expect(listed({ prefix: 'a/', limit: 10 })).toEqual(['a/1', 'a/2', 'a/é', 'a/𐍈'])
    expect(listed({ prefix: 'a/', after: 'a/1', limit: 2 })).toEqual(['a/2', 'a/é'])
    expect(listed({ prefix: 'a/', after: 'Z', limit: 1 })).toEqual(['a/1'])
    expect(listed({ after: 'b', limit: 1 })).toEqual([])
  })
})

describe('a failed flush of small rows', () => {
  test.for(['nothing stored', 'stored unnoticed'] as const)(
    'leaves it unknown what is stored (%s); no more is accepted, and the next start shows it',
    async (fault) => {
      const disk = new FaultyDisk()
      const store = await open(disk.open)
      await store.change([put('a', 'one')])
      disk.hold()
      disk.faults.push(fault)
      const running = [store.change([put('a', 'two', 1)]), store.change([put('b', 'new')])]
      await new Promise(setImmediate)
      const waiting = store.change([put('c', 'waits')])
      disk.release()
      const codes = [...running, waiting].map(outcomeOf)
      expect(await Promise.all(codes)).toEqual(['outcomeUnknown', 'outcomeUnknown', 'outcomeUnknown'])
      expect(broken).toHaveLength(1)
      expect(await outcomeOf(store.change([put('d', 'late')]))).toBe('outcomeUnknown')
      await store.close()
      const again = await open()
      const isStored = fault === 'stored unnoticed'
      expect([contentOf(again, 'a'), contentOf(again, 'b')]).toEqual(
        isStored ? ['two', 'new'] : ['one', undefined],
      )
      expect([contentOf(again, 'c'), contentOf(again, 'd')]).toEqual([undefined, undefined])
      expect(await again.change([put('e', 'on')])).toMatchObject({ is: 'stored' })
    },
  )

  test('for want of room refuses all of its changes, and nothing else', async () => {
    let full = 0
    const environments: OpenEnvironment = async (options) => {
      const inner = await openLmdb(options)
      return {
        commit: async (write, size) => {
          if (full-- > 0) throw new NoRoomForCommit(0)
          await inner.commit(write, size)
        },
        reserve: (size) => inner.reserve(size),
        get: (key) => inner.get(key),
        peek: (key) => inner.peek(key),
        rows: (range, limit) => inner.rows(range, limit),
        keys: (range, limit) => inner.keys(range, limit),
        keyAtOrBefore: (key, lowest) => inner.keyAtOrBefore(key, lowest),
        refresh: () => inner.refresh(),
        bytesUsed: () => inner.bytesUsed(),
        close: () => inner.close(),
      }
    }
    const store = await open(environments)
    await store.change([put('a', 'one', 0)])
    full = 1
    const refused = [store.change([put('a', 'two')]), store.change([put('b', 'three', 0)])]
    expect(await Promise.all(refused)).toEqual([{ is: 'noRoom' }, { is: 'noRoom' }])
    expect([contentOf(store, 'a'), contentOf(store, 'b')]).toEqual(['one', undefined])
    expect(await store.change([put('b', 'now', 0)])).toEqual({ is: 'stored', version: 2 })
    expect(broken).toEqual([])
  })
})

test('openSmallRows: continues a first start that was interrupted before the format was written', async () => {
  const environment = await openLmdb({ path: smallRowsPath(dataDir), mapBytes: 1 << 28, readOnly: false })
  await environment.close()
  expect(await problems()).toEqual([])
  const store = await open()
  expect(await store.change([put('a', 'x', 0)])).toEqual({ is: 'stored', version: 1 })
})

describe('closing the small rows', () => {
  test('waits for requested changes, and accepts no more', async () => {
    const store = await open()
    const asked = [store.change([put('a', 'x')]), store.change([put('b', 'x')])]
    await store.close()
    expect((await Promise.all(asked)).map(({ is }) => is)).toEqual(['stored', 'stored'])
    expect(await outcomeOf(store.change([put('c', 'x')]))).toBe('unavailable')
    expect(() => store.get('document', 'a')).toThrow('closed')
  })
})

describe('integrity check of the small rows', () => {
  async function tampered(change: (path: string) => Promise<void>): Promise<void> {
    const store = await open()
    await store.change([put('a', 'one'), put('b', 'two')])
    await store.close()
    await change(smallRowsPath(dataDir))
  }

  const changing =
    (row: (environment: Awaited<ReturnType<OpenEnvironment>>) => { key: Uint8Array; value?: Uint8Array }) =>
    async (path: string): Promise<void> => {
      const environment = await openLmdb({ path, mapBytes: 1 << 28, readOnly: false })
      const { key, value } = row(environment)
      await environment.commit((writer) => (value ? writer.put(key, value) : writer.remove(key)))
      await environment.close()
    }

  test('finds nothing wrong in stored rows, or without any', async () => {
    expect(await problems()).toEqual([])
    await tampered(() => Promise.resolve())
    expect(await problems()).toEqual([])
  })

  test('finds a damaged row; that row is refused, the others are served', async () => {
    await tampered(changing((environment) => flipped(environment, encodeSmallKey('document', 'a'), 99)))
    expect(await problems()).toEqual([expect.stringContaining('does not match its checksum')])
    const store = await open()
    expect(() => store.get('document', 'a')).toThrow('does not match its checksum')
    expect(await outcomeOf(store.change([put('a', 'new', 1), put('c', 'x')]))).toBe('corruptData')
    expect([contentOf(store, 'b'), contentOf(store, 'c')]).toEqual(['two', undefined])
    expect(await store.change([put('a', 'new')])).toMatchObject({ is: 'stored' })
    expect(contentOf(store, 'a')).toBe('new')
    await store.close()
    expect(await problems()).toEqual([])
  })

  test("finds a row under another row's key, one of no family, and a version that was never assigned", async () => {
    const moved = Buffer.from('c')
    await tampered(async (path) => {
      await changing((environment) => ({
        key: Buffer.concat([Buffer.of(0x20), moved]),
        value: environment.get(encodeSmallKey('document', 'a'))!,
      }))(path)
      await changing(() => ({ key: Buffer.of(0x7f, 1), value: Buffer.of(1) }))(path)
      const key = encodeKey('smallMeta')
      const value = encodeRow('smallMeta', key, { format: 1, nextVersion: 1 })
      await changing(() => ({ key, value }))(path)
    })
    expect(await problems()).toEqual([
      'document a has version 1, which was not given yet',
      'document b has version 1, which was not given yet',
      expect.stringContaining('does not match its checksum'),
      expect.stringContaining('no known family'),
    ])
  })

  test('another format, a missing and a damaged first row are refused at start, with errors that name them', async () => {
    const key = encodeKey('smallMeta')
    const other = encodeRow('smallMeta', key, { format: 9, nextVersion: 1 })
    for (const [row, words] of [
      [changing((environment) => flipped(environment, key)), 'does not match its checksum'],
      [changing(() => ({ key, value: other })), 'it has format 9; this version reads 1'],
      [changing(() => ({ key })), 'is missing'],
    ] as const) {
      await rm(smallRowsPath(dataDir), { recursive: true, force: true })
      await tampered(row)
      await expect(open()).rejects.toThrow(words)
      expect(await problems()).toEqual([expect.stringContaining(words)])
    }
  })
})

test('encodeSmallValue: writes rows as these bytes', async () => {
  const store = await open()
  await store.change([put('a', 'one')])
  await store.close()
  const environment = await openLmdb({ path: smallRowsPath(dataDir), mapBytes: 1 << 28, readOnly: true })
  const [meta, row] = environment.rows({ start: Buffer.of(0), end: Buffer.of(0xff) }, 9)
  await environment.close()
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  expect([hex(meta!.key), hex(meta!.value).slice(0, 20)]).toEqual(['1f', '00010000000000000002'])
  expect(hex(row!.key)).toBe('2061')
  expect(hex(row!.value).slice(8, 24)).toBe('0000000000000001')
  expect(Buffer.from(row!.value).toString('utf8', 12)).toBe('{"content":"one","updatedAt":7}')
})

test('small families: no tag is also used in another table', () => {
  const tags = [...Object.values(keyFamilies), ...Object.values(smallFamilies)].map(({ tag }) => tag)
  expect(new Set(tags).size).toBe(tags.length)
})
