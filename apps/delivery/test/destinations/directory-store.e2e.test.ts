// Objects as files: whole or not there, replaced, listed, removed, read; and what stands in their way, in the words of faults.
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { DirectoryStore, TEMPORARY } from '../../src/destinations/directory/directory-store.ts'
import type { ObjectContent } from '../../src/destinations/object-store.ts'

let directory: string
let count = 0
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'store-test-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const { signal } = new AbortController()
const rim = { unique: () => 'one', now: Date.now }

function storeHere() {
  const root = join(directory, `store-${count++}`)
  return { root, store: new DirectoryStore(root, rim) }
}

/** Content of texts; an error ends it. */
const contentOf = (...texts: readonly (string | Error)[]): ObjectContent => ({
  bytes: undefined,
  async *chunks() {
    for (const text of texts) {
      if (text instanceof Error) throw text
      yield await Promise.resolve(Buffer.from(text))
    }
  },
})

const namesIn = async (root: string) =>
  (await readdir(root, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort()

async function listed(store: DirectoryStore, prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix, signal)) keys.push(key)
  return keys
}

it('write: makes a file with its directories, and replaces one of the same key', async () => {
  const { root, store } = storeHere()
  await store.write('a/b/c', contentOf('one', ' two'), signal)
  expect(await readFile(join(root, 'a/b/c'), 'utf8')).toBe('one two')
  await store.write('a/b/c', contentOf('three'), signal)
  expect(await readFile(join(root, 'a/b/c'), 'utf8')).toBe('three')
  expect(await namesIn(root)).toEqual(['a/b/c'])
})

it('write: shows nothing before its range is durable, and leaves nothing where that is refused', async () => {
  const { root, store } = storeHere()
  let isPrepared = false
  const prepared = new Promise<void>((resolve) => {
    setImmediate(() => {
      isPrepared = true
      resolve()
    })
  })
  await store.write('a', contentOf('one'), signal, { prepared })
  expect(isPrepared).toBe(true)
  const refused = Promise.reject(new Error('another lease has it'))
  refused.catch(() => {})
  await expect(store.write('b', contentOf('two'), signal, { prepared: refused })).rejects.toThrow(
    'another lease has it',
  )
  const never = new Promise<void>(() => {})
  const ending = new AbortController()
  void store.write('c', contentOf('three'), ending.signal, { prepared: never })
  await store.write('d', contentOf('four'), signal)
  expect((await namesIn(root)).filter((name) => !name.endsWith(TEMPORARY))).toEqual(['a', 'd'])
})

it('write: leaves the file of before and nothing else, where the content ends in an error or is too short', async () => {
  const { root, store } = storeHere()
  await store.write('a', contentOf('before'), signal)
  await expect(store.write('a', contentOf('half', new Error('no more')), signal)).rejects.toThrow('no more')
  await expect(store.write('a', { ...contentOf('half'), bytes: 8 }, signal)).rejects.toThrow('4 of 8 bytes')
  const aborted = AbortSignal.abort(new Error('it is over'))
  await expect(store.write('a', contentOf('late'), aborted)).rejects.toThrow('it is over')
  expect(await namesIn(root)).toEqual(['a'])
  expect(await readFile(join(root, 'a'), 'utf8')).toBe('before')
})

it('write: takes a file as it is, and leaves it to its owner', async () => {
  const { root, store } = storeHere()
  const file = join(directory, 'ready')
  await writeFile(file, 'from a file')
  await store.write('a', { ...contentOf('never read'), bytes: 11, file }, signal)
  await rm(file)
  expect(await readFile(join(root, 'a'), 'utf8')).toBe('from a file')
})

it('list: gives the keys of a prefix in their order, without what is no object yet', async () => {
  const { root, store } = storeHere()
  expect(await listed(store, '')).toEqual([])
  for (const key of ['b', 'a/x', 'a-1', 'a/y/z', 'ab']) await store.write(key, contentOf('1'), signal)
  await writeFile(join(root, `.half${TEMPORARY}`), 'half')
  expect(await listed(store, '')).toEqual(['a-1', 'a/x', 'a/y/z', 'ab', 'b'])
  expect(await listed(store, 'a/')).toEqual(['a/x', 'a/y/z'])
  expect(await listed(store, 'a/y')).toEqual(['a/y/z'])
})

it('remove and read: what is removed is not there, and removing it again is no fault', async () => {
  const { store } = storeHere()
  await store.write('d/a', contentOf('text'), signal)
  const read = async () => {
    const pieces: Uint8Array[] = []
    for await (const piece of store.read('d/a', signal)) pieces.push(piece)
    return Buffer.concat(pieces).toString()
  }
  expect(await read()).toBe('text')
  await store.remove('d/a')
  await store.remove('d/a')
  await store.remove('never/there')
  await expect(read()).rejects.toMatchObject({ name: 'DeliveryFault', code: 'missing' })
})

it('write: a file in the place of a directory is a fault that somebody has to mend', async () => {
  const { root, store } = storeHere()
  await mkdir(dirname(root), { recursive: true })
  await writeFile(root, 'a file')
  await expect(store.write('a', contentOf('x'), signal)).rejects.toMatchObject({
    code: 'refused',
    retry: false,
  })
  await rm(root)
  await store.write('a', contentOf('x'), signal)
  expect(await namesIn(root)).toEqual(['a'])
})

it('write: removes what a crash has left long ago, and nothing that is young', async () => {
  const { root, store } = storeHere()
  await mkdir(root)
  const [old, young] = [join(root, `.old${TEMPORARY}`), join(root, `.young${TEMPORARY}`)]
  for (const path of [old, young]) await writeFile(path, 'half')
  const longAgo = new Date(Date.now() - 7_200_000)
  await utimes(old, longAgo, longAgo)
  await store.write('a', contentOf('x'), signal)
  expect(await namesIn(root)).toEqual([`.young${TEMPORARY}`, 'a'])
})
