// Directories of what apps may lose: one for each process, and none of those that are gone.
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { isProcessAlive, openSpoolDirectory } from '../../../client/app-process/spool-directory.ts'

const delivery = { app: 'delivery', keeps: 'Waiting records' }
let parent: string
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'spool-directory-'))
})
afterAll(() => rm(parent, { recursive: true, force: true }))

it('a directory for spools: is made anew, and what killed processes of this machine have left is removed', async () => {
  const living = new Set([10, 20])
  const of = (host: string, pid: number) =>
    openSpoolDirectory(parent, { ...delivery, host, pid, isAlive: (each) => living.has(each) })
  const killed = await of('a-host', 10)
  await writeFile(join(killed, 'heap-1'), 'records')
  const alive = await of('a-host', 20)
  const elsewhere = await of('b-host', 10)
  await mkdir(join(parent, 'millrace-delivery-somebody-elses'))
  living.delete(10)
  living.add(30)
  const own = await of('a-host', 30)
  expect((await readdir(parent)).sort()).toEqual(
    [alive, elsewhere, own]
      .map((path) => basename(path))
      .concat('millrace-delivery-somebody-elses')
      .sort(),
  )
})

it('a directory for spools that cannot be made: says what cannot be kept, and how to name another', async () => {
  const file = join(parent, 'a-file')
  await writeFile(file, '')
  const owner = { ...delivery, host: 'a', pid: 1, isAlive: () => true }
  await expect(openSpoolDirectory(join(file, 'x'), owner)).rejects.toThrow(
    /^Waiting records cannot be kept in .*--delivery-spool-dir/,
  )
})

it('isProcessAlive: knows this process', () => {
  expect(isProcessAlive(process.pid)).toBe(true)
})
