// A file for a secret: for its owner alone, whole or not there, and never in the place of another by accident.
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { SecretFile } from '../../../cli/access/secret-file.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-secret-'))
})
afterEach(() => rm(folder, { recursive: true }))

it('keeps the secret for its owner alone, also in the place of a file that others may read', async () => {
  const path = join(folder, 'shop.token')
  await writeFile(path, 'old')
  await chmod(path, 0o644)
  {
    await using file = await SecretFile.open(path, { replace: true })
    await file.keep('secret\n')
  }
  expect(await readFile(path, 'utf8')).toBe('secret\n')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await readdir(folder)).toEqual(['shop.token'])
})

it('leaves nothing, and the file that was there, where no secret came', async () => {
  const path = join(folder, 'shop.token')
  await writeFile(path, 'old')
  {
    await using file = await SecretFile.open(path, { replace: true })
    expect(file).toBeDefined()
  }
  expect(await readdir(folder)).toEqual(['shop.token'])
  expect(await readFile(path, 'utf8')).toBe('old')
})

it('refuses a path that is taken, and a folder that is not there, before anything is made', async () => {
  const path = join(folder, 'shop.token')
  await writeFile(path, 'old')
  await expect(SecretFile.open(path, { replace: false })).rejects.toMatchObject({
    exit: 'usage',
    message: `${path} is there already. With --replace the new one takes its place.`,
  })
  await expect(SecretFile.open(join(folder, 'none', 'x'), { replace: false })).rejects.toThrow('ENOENT')
})
