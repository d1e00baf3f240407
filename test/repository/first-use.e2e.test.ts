// The first call in a clone that was never compiled, as after an install with scripts disabled. Real processes; it compiles.
import { execFile, spawnSync } from 'node:child_process'
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/disk/temporary.ts'
import { repository } from '../support/npm.ts'

const sources = [
  'protocol',
  'client',
  'broker',
  'cli',
  'bench',
  'scripts',
  'examples',
  'package.json',
  'tsconfig.json',
]

async function temporaryClone(): Promise<AsyncDisposable & { readonly path: string }> {
  const clone = await temporaryDirectory()
  for (const name of sources) await cp(join(repository, name), join(clone.path, name), { recursive: true })
  await symlink(join(repository, 'node_modules'), join(clone.path, 'node_modules'))
  return clone
}

async function version({ path }: { readonly path: string }): Promise<string> {
  return (await promisify(execFile)(process.execPath, [join(path, 'cli/millrace.js'), '--version'])).stdout
}

test('first use: commands that are started together all run, and leave one compilation', async () => {
  await using clone = await temporaryClone()
  const [first, second] = await Promise.all([version(clone), version(clone)])
  expect(first).toMatch(/^\d+\./)
  expect(second).toBe(first)
  expect(await readdir(clone.path)).not.toContain('.compiling')
})

test('first use: what a process that was killed had compiled in part is compiled again', async () => {
  await using clone = await temporaryClone()
  await mkdir(join(clone.path, 'dist/cli'), { recursive: true })
  await writeFile(join(clone.path, 'dist/cli/main.js'), 'half of')
  const { pid } = spawnSync(process.execPath, ['--version'])
  await writeFile(join(clone.path, '.compiling'), String(pid))
  await expect(version(clone)).resolves.toMatch(/^\d+\./)
})
