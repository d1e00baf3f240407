// The first call in a clone that was never compiled, as after an install with scripts disabled. Real processes; it compiles.
import { execFile, spawnSync } from 'node:child_process'
import { cp, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/disk/temporary.ts'
import { repository } from '../support/npm.ts'

const sources = [
  'apps',
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
  // What was compiled or installed here is no part of a clone.
  const filter = (path: string): boolean => !['dist', 'node_modules'].includes(basename(path))
  for (const name of sources) {
    await cp(join(repository, name), join(clone.path, name), { recursive: true, filter })
  }
  await symlink(join(repository, 'node_modules'), join(clone.path, 'node_modules'))
  return clone
}

function run({ path }: { readonly path: string }): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, [join(path, 'cli/millrace.js'), '--version'])
}

async function version(clone: { readonly path: string }): Promise<string> {
  return (await run(clone)).stdout
}

test('first use: commands that are started together all run, and leave one compilation', async () => {
  await using clone = await temporaryClone()
  const runs = await Promise.all(Array.from({ length: 5 }, () => run(clone)))
  expect(runs[0]!.stdout).toMatch(/^\d+\./)
  expect(new Set(runs.map(({ stdout }) => stdout)).size).toBe(1)
  // Another compilation would change files that the other commands load.
  expect(runs.filter(({ stderr }) => stderr.includes('Compiling'))).toHaveLength(1)
  expect(await readdir(clone.path)).not.toContain('.compiling')
  for (const app of await readdir(join(clone.path, 'apps'))) {
    expect(await readdir(join(clone.path, 'apps', app, 'dist'))).toContain('index.js')
  }
})

const ended = () => String(spawnSync(process.execPath, ['--version']).pid)

test.each([
  ['names a process that is gone', ended, 0],
  ['is old, although its process number is in use', () => String(process.pid), 3600],
  ['has been empty for longer than it takes to write it', () => '', 60],
])(
  'first use: what was compiled in part is compiled again, where the lock %s',
  async (_, holder, ageSeconds) => {
    await using clone = await temporaryClone()
    const lock = join(clone.path, '.compiling')
    await mkdir(join(clone.path, 'dist/cli'), { recursive: true })
    await writeFile(join(clone.path, 'dist/cli/main.js'), 'half of')
    await writeFile(lock, holder())
    const writtenAt = Date.now() / 1000 - ageSeconds
    await utimes(lock, writtenAt, writtenAt)
    await expect(version(clone)).resolves.toMatch(/^\d+\./)
  },
)
