// Directories with durable names: created with their missing parents, also concurrently, or refused with a reason.
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ensureDirectory } from '../../../../broker/storage/disk/durable-files.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-files-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('ensureDirectory', () => {
  test('creates missing parents, also when others create them at the same time', async () => {
    const path = join(folder, 'a', 'b', 'c')
    await Promise.all(Array.from({ length: 5 }, () => ensureDirectory(path)))
    expect((await stat(path)).isDirectory()).toBe(true)
    await ensureDirectory(path)
  })

  test('refuses a path through a file, and names the file', async () => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    for (const path of [file, join(file, 'below')]) {
      await expect(ensureDirectory(path)).rejects.toMatchObject({ code: 'EEXIST', path: file })
    }
  })

  test.runIf(process.platform === 'linux')('refuses a place that takes no directories', async () => {
    await expect(ensureDirectory('/proc/millrace/data')).rejects.toMatchObject({
      code: 'ENOENT',
      path: '/proc/millrace',
    })
  })
})
