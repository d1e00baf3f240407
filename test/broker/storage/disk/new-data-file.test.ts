// The header that is written for LMDB is the one that LMDB writes.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'lmdb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createDataFile, headerOf, PAGE_BYTES } from '../../../../broker/storage/disk/new-data-file.ts'

const MIB = 1024 * 1024

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace.new-data-file-'))
})
afterEach(() => rm(directory, { recursive: true }))

test.for([1 * MIB, 33 * MIB + PAGE_BYTES, 4096 * MIB])(
  'headerOf: is what LMDB writes into a new file of at most %i bytes',
  async (mapBytes) => {
    const store = open({
      path: directory,
      noSubdir: false,
      pageSize: PAGE_BYTES,
      mapSize: mapBytes,
      maxDbs: 1,
    })
    const written = await readFile(join(directory, 'data.mdb'))
    await store.close()
    expect(Buffer.from(headerOf(mapBytes))).toEqual(written)
  },
)

describe('createDataFile', () => {
  test('takes the place of an empty file, closed to other users', async () => {
    const path = join(directory, 'data.mdb')
    await writeFile(path, '', { mode: 0o644 })
    createDataFile(path, MIB)
    expect(Buffer.from(headerOf(MIB))).toEqual(await readFile(path))
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })
})
