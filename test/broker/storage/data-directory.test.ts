// The data directory and everything in it: closed to other users, and without links that lead out of it.
import { lstatSync, readdirSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createBroker } from '../../../broker/broker.ts'
import { openCatalogStore } from '../../../broker/storage/catalog-store.ts'
import { prepareDataDirectory } from '../../../broker/storage/data-directory.ts'
import { lockDirectory } from '../../../broker/storage/directory-lock.ts'
import { openLmdb } from '../../../broker/storage/environment.ts'
import { openOwner } from '../../../broker/storage/owner.ts'
import { connect } from '../../../client/index.ts'

let root: string
let dataDir: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-data-'))
  dataDir = join(root, 'data')
})
afterEach(async () => {
  await rm(root, { recursive: true })
})

/** Path */
function modesIn(path: string, from = path): [string, string][] {
  const stats = lstatSync(path)
  const own: [string, string] = [relative(from, path), (stats.mode & 0o777).toString(8)]
  return stats.isDirectory()
    ? [own, ...readdirSync(path).flatMap((name) => modesIn(join(path, name), from))]
    : [own]
}

const isPrivate = ([, mode]: [string, string]) => mode === '700' || mode === '600'
const openOnes = (path: string) => modesIn(path).filter((each) => !isPrivate(each))

/** Runs a broker that writes, rolls and compacts; calls `look` while it runs. */
async function useBroker(look: () => void | Promise<void>): Promise<void> {
  const config = { segmentSize: '1MiB', freeSpaceFloor: '1MiB' } as const
  await using broker = await createBroker({ dataDir, listen: false, config })
  await using client = await connect(broker.url, broker)
  await client.createStream('clicks').catch(() => {}) // may exist from an earlier call
  const data = new Uint8Array(64 * 1024)
  for (let i = 0; i < 40; i++) await client.put('clicks', { partitionKey: `k${i}`, data })
  await look()
}

describe.skipIf(process.platform === 'win32')('a data directory', () => {
  for (const umask of [0o000, 0o022, 0o077]) {
    test(`is open to its owner alone with the umask ${umask.toString(8)}, while it is used and afterwards`, async () => {
      const before = process.umask(umask)
      try {
        await useBroker(() => expect(openOnes(dataDir)).toEqual([]))
      } finally {
        process.umask(before)
      }
      expect(openOnes(dataDir)).toEqual([])
      expect(modesIn(dataDir).length).toBeGreaterThan(10)
    })
  }

  test('is closed by the next start if it was open to others, and the start says so', async () => {
    await useBroker(() => {})
    for (const [path] of modesIn(dataDir)) await chmod(join(dataDir, path), 0o755)
    const { notice } = await prepareDataDirectory(dataDir)
    expect(notice).toContain(`${dataDir} was open to other users`)
    expect(openOnes(dataDir)).toEqual([])
    expect((await prepareDataDirectory(dataDir)).notice).toBeUndefined()
  })

  test('stays open if it holds foreign files, and only its stored parts are closed', async () => {
    await mkdir(dataDir)
    await chmod(dataDir, 0o755)
    await writeFile(join(dataDir, 'notes.txt'), 'mine')
    await chmod(join(dataDir, 'notes.txt'), 0o644)
    await useBroker(() => {})
    expect(openOnes(dataDir)).toEqual([
      ['', '755'],
      ['notes.txt', '644'],
    ])
    expect((await prepareDataDirectory(dataDir)).notice).toContain('holds other things such as notes.txt')
  })
})

describe.skipIf(process.platform === 'win32')('a link', () => {
  /** Moves a part away and puts a link in its place. The moved part must not change. */
  async function leadOut(part: string): Promise<() => Promise<void>> {
    const path = join(dataDir, part)
    const elsewhere = join(root, 'elsewhere')
    await rename(path, elsewhere)
    await symlink(elsewhere, path)
    const content = async () => {
      if (!lstatSync(elsewhere).isDirectory()) return await readFile(elsewhere, 'hex')
      return (await readdir(elsewhere, { recursive: true })).toSorted()
    }
    const before = await content()
    return async () => expect(await content()).toEqual(before)
  }

  test('to the data directory is resolved once at start: a later change of the link makes no difference', async () => {
    await mkdir(join(root, 'real'))
    await symlink(join(root, 'real'), dataDir)
    await useBroker(async () => {
      await rm(dataDir)
      await mkdir(dataDir)
    })
    expect(await readdir(dataDir)).toEqual([])
    expect((await readdir(join(root, 'real'))).toSorted()).toEqual([
      'catalog',
      'clock.json',
      'lock',
      'owners',
      'small',
    ])
  })

  const segment = join('owners', '0000', 'segment-0000000003')
  for (const part of [
    'lock',
    'catalog',
    'owners',
    join('owners', '0000'),
    join('owners', '0000', 'manifest.json'),
  ]) {
    test(`in the place of ${part} keeps the broker from starting, by name`, async () => {
      await useBroker(() => {})
      if (part === 'lock') await writeFile(join(dataDir, 'lock', 'x.claim-probe-1'), '')
      const expectUnchanged = await leadOut(part)
      await expect(createBroker({ dataDir, listen: false })).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining(`${join(dataDir, part)} is a symbolic link`) as string,
      })
      await expectUnchanged()
    })
  }

  for (const part of [segment, join(segment, 'data.mdb'), join(segment, 'lock.mdb')]) {
    test(`in the place of ${part} is not opened`, async () => {
      await useBroker(() => {})
      const expectUnchanged = await leadOut(part)
      for (const readOnly of [true, false]) {
        await expect(
          openLmdb({ path: join(dataDir, segment), mapBytes: 1 << 24, readOnly }),
        ).rejects.toMatchObject({ code: 'unavailable' })
      }
      await expectUnchanged()
    })
  }

  for (const name of ['ballast', 'manifest.json.temporary', 'reopening', 'removed-segment-0000000001']) {
    test(`that is called ${name} is never written or removed through`, async () => {
      await useBroker(() => {})
      const victim = join(root, 'victim')
      if (name.startsWith('removed-')) {
        await mkdir(victim)
        await writeFile(join(victim, 'kept'), 'kept')
      } else await writeFile(victim, 'kept')
      const link = join(dataDir, 'owners', '0000', name)
      await rm(link, { force: true })
      await symlink(victim, link)
      await useBroker(() => {})
      const kept = name.startsWith('removed-') ? join(victim, 'kept') : victim
      expect(await readFile(kept, 'utf8')).toBe('kept')
    })
  }

  test('in place of a lock is refused by every part that locks or opens', async () => {
    const directory = join(root, 'owner')
    await mkdir(join(root, 'target'))
    await mkdir(directory)
    await symlink(join(root, 'target'), join(directory, 'lock'))
    const refused = { code: 'unavailable', message: expect.stringContaining('is a symbolic link') as string }
    await expect(lockDirectory(directory)).rejects.toMatchObject(refused)
    await symlink(join(root, 'target'), join(root, 'linked'))
    const place = { ownerId: 0, segmentBytes: 1 << 20, freeSpaceFloorBytes: 0 }
    await expect(openOwner({ ...place, directory: join(root, 'linked') })).rejects.toMatchObject(refused)
    await expect(openCatalogStore(join(root, 'linked'))).rejects.toMatchObject(refused)
    expect(await readdir(join(root, 'target'))).toEqual([])
  })
})
