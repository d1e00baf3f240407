// The first call in a clone that was never compiled, as after an install with scripts disabled. Real processes, and the compiler,
// over a program that is as small as can be: .ci/without-install-scripts does the same with the whole of a clone.
import { execFile, spawnSync } from 'node:child_process'
import { cp, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/disk/temporary.ts'
import { repository } from '../support/npm.ts'

const own = [
  'cli/millrace.js',
  'scripts/compile.js',
  'package.json',
  'tsconfig.json',
  'apps/agent/tsconfig.json',
]

const program = {
  'cli/main.ts': `import { version } from './version.ts'\nprocess.stdout.write(version)\n`,
  'cli/version.ts': `export const version: string = '1.2.3'\n`,
  'apps/agent/src/index.ts': `export const name: string = 'agent'\n`,
}

async function temporaryClone(): Promise<AsyncDisposable & { readonly path: string }> {
  const clone = await temporaryDirectory()
  for (const name of own) await cp(join(repository, name), join(clone.path, name))
  for (const [name, text] of Object.entries(program)) {
    await mkdir(dirname(join(clone.path, name)), { recursive: true })
    await writeFile(join(clone.path, name), text)
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
  expect(runs.map(({ stdout }) => stdout)).toEqual(runs.map(() => '1.2.3'))
  // Another compilation would change files that the other commands load.
  expect(runs.filter(({ stderr }) => stderr.includes('Compiling'))).toHaveLength(1)
  expect(await readdir(clone.path)).not.toContain('.compiling')
  expect(await readdir(join(clone.path, 'apps/agent/dist'))).toContain('index.js')
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
    await expect(version(clone)).resolves.toBe('1.2.3')
  },
)
