// What a start does with the files it finds: half-made ones are removed, data stays, and a damaged directory is refused
// unchanged.
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { segmentPath } from '../../../../broker/storage/segments/segment-name.ts'
import { segmentName, test, type StorageFixture } from '../../../support/disk/storage.ts'

/** A closed owner's directory with some sealed segments. */
async function fill(storage: StorageFixture): Promise<readonly string[]> {
  const owner = await storage.openOwner({ segmentBytes: 1 })
  await owner.open(1)
  for (const value of ['a', 'b', 'c']) await owner.put(1, [value])
  const { segments } = owner.list
  await storage.closeOwners()
  return segments
}

async function everything(storage: StorageFixture): Promise<string[]> {
  const owner = await storage.openOwner()
  const [extent] = await owner.open(1)
  const values = await owner.values(1, extent!.tail)
  await storage.closeOwners()
  return values
}

const ALL = ['0=a', '1=b', '2=c']

describe('recovery at a start', () => {
  test('creates an owner in a directory that does not exist', async ({ storage }) => {
    const owner = await storage.openOwner()
    expect(owner.list.segments).toEqual([segmentName(1)])
  })

  test('removes half-made segments and leftovers, and nothing else', async ({ storage }) => {
    const segments = await fill(storage)
    const directory = storage.ownerDirectory()
    const [next, afterNext] = [segments.length + 1, segments.length + 2].map((number) => segmentName(number))
    await mkdir(segmentPath(directory, next!))
    await mkdir(segmentPath(directory, afterNext!))
    await writeFile(join(segmentPath(directory, afterNext!), 'data.mdb'), '')
    await mkdir(join(directory, 'removed-segment-0000000099'))
    await mkdir(join(directory, `${segmentName(2, 1)}.temporary`))
    await mkdir(join(directory, segmentName(2, 1)))
    await writeFile(join(directory, 'manifest.json.temporary'), '{"half":')
    await writeFile(join(directory, 'notes.txt'), 'not ours')
    expect(await everything(storage)).toEqual(ALL)
    expect((await readdir(directory)).toSorted()).toEqual([
      'ballast',
      'lock',
      'manifest.json',
      'notes.txt',
      ...segments,
    ])
  })

  test('truncates the reserved room of the newest sealed segment if its process was killed', async ({
    storage,
  }) => {
    const segments = await fill(storage)
    const sealed = join(segmentPath(storage.ownerDirectory(), segments.at(-2)!), 'data.mdb')
    const { size } = await stat(sealed)
    await truncate(sealed, size + 300_000)
    expect(await everything(storage)).toEqual(ALL)
    expect((await stat(sealed)).size).toBe(size)
  })

  test('removes a segment that the manifest no longer lists', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    await owner.put(1, ['a'])
    await storage.closeOwners()
    const directory = storage.ownerDirectory()
    const [given, kept] = [segmentName(0), segmentName(1)].map((name) => segmentPath(directory, name))
    await cp(kept!, given!, { recursive: true })
    expect(await everything(storage)).toEqual(['0=a'])
    expect(existsSync(given!)).toBe(false)
  })

  test('removes nothing while a listed segment is missing: an unlisted one may be what it was replaced by', async ({
    storage,
  }) => {
    const [first] = await fill(storage)
    const directory = storage.ownerDirectory()
    const compacted = segmentPath(directory, segmentName(1, 1))
    await rename(segmentPath(directory, first!), compacted)
    await (await storage.openOwner()).close()
    expect(existsSync(compacted)).toBe(true)
    await rename(compacted, segmentPath(directory, first!))
    expect(await everything(storage)).toEqual(ALL)
  })

  test('renames a half-made segment that cannot be read', async ({ storage }) => {
    const segments = await fill(storage)
    const unreadable = segmentPath(storage.ownerDirectory(), segmentName(segments.length + 1))
    await mkdir(unreadable)
    await writeFile(join(unreadable, 'data.mdb'), new Uint8Array(8192))
    expect(await everything(storage)).toEqual(ALL)
    expect(existsSync(unreadable)).toBe(false)
    expect(existsSync(`${unreadable}-unreadable`)).toBe(true)
  })

  test('renames a second one of the same number, too', async ({ storage }) => {
    const segments = await fill(storage)
    const unreadable = segmentPath(storage.ownerDirectory(), segmentName(segments.length + 1))
    for (const fill of [1, 2]) {
      await mkdir(unreadable)
      await writeFile(join(unreadable, 'data.mdb'), new Uint8Array(8192).fill(fill))
      expect(await everything(storage)).toEqual(ALL)
    }
    expect(existsSync(`${unreadable}-unreadable`)).toBe(true)
    expect(existsSync(`${unreadable}-unreadable-2`)).toBe(true)
  })

  test('refuses if the manifest is lost, and removes nothing', async ({ storage }) => {
    await fill(storage)
    const manifest = join(storage.ownerDirectory(), 'manifest.json')
    await rename(manifest, `${manifest}.aside`)
    const before = await readdir(storage.ownerDirectory())
    await expect(storage.openOwner()).rejects.toThrow('the manifest is lost or was replaced by an older one')
    expect(await readdir(storage.ownerDirectory())).toEqual(before)
    await rename(`${manifest}.aside`, manifest)
    expect(await everything(storage)).toEqual(ALL)
  })

  test('refuses if the manifest is older than the data, and removes nothing', async ({ storage }) => {
    const owner = await storage.openOwner({ segmentBytes: 1 })
    await owner.open(1)
    await owner.put(1, ['a'])
    const manifest = join(storage.ownerDirectory(), 'manifest.json')
    await cp(manifest, `${manifest}.old`)
    for (const value of ['b', 'c']) await owner.put(1, [value])
    await storage.closeOwners()
    await rename(manifest, `${manifest}.new`)
    await cp(`${manifest}.old`, manifest)
    await expect(storage.openOwner()).rejects.toThrow('nothing was changed')
    await rename(`${manifest}.new`, manifest)
    expect(await everything(storage)).toEqual(ALL)
  })

  test('refuses a damaged manifest, and names it', async ({ storage }) => {
    await fill(storage)
    const manifest = join(storage.ownerDirectory(), 'manifest.json')
    await cp(manifest, `${manifest}.aside`)
    await writeFile(manifest, '{}')
    await expect(storage.openOwner()).rejects.toThrow(`${manifest}: it has format undefined`)
    await rename(`${manifest}.aside`, manifest)
  })

  test('refuses if the active segment is missing or another one, and changes nothing', async ({
    storage,
  }) => {
    const segments = await fill(storage)
    const [first, active] = [segments[0]!, segments.at(-1)!].map((name) =>
      segmentPath(storage.ownerDirectory(), name),
    )
    await rename(active!, `${active}-aside`)
    await mkdir(segmentPath(storage.ownerDirectory(), segmentName(segments.length + 1))) // would be removed
    const before = await readdir(storage.ownerDirectory())
    await expect(storage.openOwner()).rejects.toThrow(`${active} is not there, and the manifest names it`)
    expect(await readdir(storage.ownerDirectory())).toEqual(before)
    await cp(first!, active!, { recursive: true })
    await expect(storage.openOwner()).rejects.toThrow(`it is ${segments[0]} of owner 0`)
    await rm(active!, { recursive: true })
    await rename(`${active}-aside`, active!)
    expect(await everything(storage)).toEqual(ALL)
  })
})
