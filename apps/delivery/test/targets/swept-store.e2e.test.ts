// What a crash has left half written: the next lease of the shard removes it where it writes, however young, and nothing of others.
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { DirectoryStore, TEMPORARY } from '../../src/destinations/directory/directory-store.ts'
import type { ObjectStore } from '../../src/destinations/object-store.ts'
import { writerOf, type NamedShard } from '../../src/naming/object-key.ts'
import { sweptStore } from '../../src/targets/swept-store.ts'
import { contentOf } from '../../src/targets/object-targets.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'swept-test-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

const { signal } = new AbortController()
const shard = { delivery: 'lake', streamId: 7, shardIndex: 1 }
const nameOf = (range: string) => `lake-3-2026-01-02-03-04-05-${range}`
const content = contentOf(Buffer.from('text'))

/** Leaves a file as a write that was cut off does. */
let count = 0
async function leave(hour: string, of: NamedShard, by = 'dead'): Promise<string> {
  const left = `.${writerOf(of)}.${by}-${count++}${TEMPORARY}`
  await mkdir(join(root, hour), { recursive: true })
  await writeFile(join(root, hour, left), 'half')
  return left
}

it('a lease removes what earlier ones of its shard have left, in each directory that it comes to', async () => {
  const store = new DirectoryStore(root, { unique: () => 'alive', now: Date.now })
  // Another shard has made the directory known to the store, before the copy that had this one is killed.
  await store.write(`03/${nameOf('7-2-0-9')}`, content, signal)
  await leave('03', shard)
  await leave('03', shard)
  await leave('04', shard)
  const notes = `.notes.dead-7${TEMPORARY}`
  await writeFile(join(root, '03', notes), '')
  const others = [
    await leave('03', { ...shard, shardIndex: 2 }),
    await leave('03', { ...shard, streamId: 8 }),
    await leave('03', { ...shard, delivery: 'a-lake' }),
    await leave('03', shard, 'alive'),
    notes,
  ]
  const lease = sweptStore(store, shard)
  await lease.write(`03/${nameOf('7-1-10-18')}`, content, signal)
  expect((await readdir(join(root, '03'))).sort()).toEqual(
    [...others, nameOf('7-1-10-18'), nameOf('7-2-0-9')].sort(),
  )
  expect(await readdir(join(root, '04'))).toHaveLength(1)
  await lease.write(`04/${nameOf('7-1-19-30')}`, content, signal)
  expect(await readdir(join(root, '04'))).toEqual([nameOf('7-1-19-30')])
})

it('a write that is swept while it goes on fails, and can be tried again', async () => {
  const dead = new DirectoryStore(root, { unique: () => 'dead', now: Date.now })
  const store = new DirectoryStore(root, { unique: () => 'alive', now: Date.now })
  let prepare = (): void => {}
  const prepared = new Promise<void>((resolve) => (prepare = resolve))
  const name = nameOf('7-1-0-9')
  const writing = dead.write(`05/${name}`, content, signal, { prepared, writer: writerOf(shard) })
  await expect.poll(() => readdir(join(root, '05')).catch(() => [])).toHaveLength(1)
  await sweptStore(store, shard).write(`05/${nameOf('7-1-0-4')}`, content, signal)
  prepare()
  await expect(writing).rejects.toMatchObject({ name: 'DeliveryFault', code: 'missing', retry: true })
  await dead.write(`05/${name}`, content, signal, { writer: writerOf(shard) })
  expect((await readdir(join(root, '05'))).sort()).toEqual([nameOf('7-1-0-4'), name].sort())
})

it('a lease looks once into a directory, and writes also where that fails', async () => {
  const swept: string[] = []
  const written: string[] = []
  const store: ObjectStore = {
    writesMax: 1,
    sweep: (key) => {
      swept.push(key)
      return Promise.reject(new Error('it may not be read'))
    },
    write: async (key) => void written.push(key),
    remove: () => Promise.resolve(),
    list: (): never => {
      throw new Error('nobody lists')
    },
    read: (): never => {
      throw new Error('nobody reads')
    },
    close: () => Promise.resolve(),
  }
  const lease = sweptStore(store, shard)
  await Promise.all(['a/1', 'a/2', 'b/1'].map((key) => lease.write(key, content, signal)))
  await lease.write('a/3', content, signal)
  expect(swept).toEqual(['a/1', 'b/1'])
  expect(written.sort()).toEqual(['a/1', 'a/2', 'a/3', 'b/1'])
})

it('a write into a name as long as names can be: two deliveries whose names end alike leave each other’s alone', async () => {
  const copy = '0123456789ab'
  const stores = ['a-b', 'b'].map((delivery, i) =>
    sweptStore(new DirectoryStore(root, { unique: () => `${copy.slice(1)}${i}`, now: Date.now }), {
      ...shard,
      delivery,
    }),
  )
  let prepare = (): void => {}
  const prepared = new Promise<void>((resolve) => (prepare = resolve))
  const longest = `06/${'x'.repeat(255)}`
  const writing = stores[0]!.write(longest, content, signal, { prepared })
  await expect.poll(() => readdir(join(root, '06')).catch(() => [])).toHaveLength(1)
  await stores[1]!.write(`06/b-1-2026-01-02-03-04-05-7-1-0-9`, content, signal)
  prepare()
  await writing
  expect(await readdir(join(root, '06'))).toContain('x'.repeat(255))
})
