// What `npm pack` would put into the package: the compiled product, and nothing else of ours. Asks npm itself, over a copy of
// the repository in which what the compiler would write are empty files: a stale `dist`, or none, changes nothing.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { files, sources } from '../tree.ts'

const run = promisify(execFile)

interface PackageJson {
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, Readonly<Record<string, string>>>>
}

const packageJson = JSON.parse(files.find(({ path }) => path === 'package.json')!.text) as PackageJson

/** Compiled files of the sources in these folders. */
function compiled(folders: readonly string[], suffixes: readonly string[]): string[] {
  return sources
    .filter(({ path }) => folders.some((folder) => path.startsWith(`${folder}/`)))
    .flatMap(({ path }) => suffixes.map((suffix) => `dist/${path.replace(/\.ts$/, suffix)}`))
}

let folder: string
let packed: readonly string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-pack-'))
  const everything = ['protocol', 'client', 'broker', 'cli', 'bench', 'scripts', 'examples', 'test']
  const written = compiled(everything, ['.js', '.js.map', '.d.ts']).map((path) => ({ path, text: '' }))
  for (const { path, text } of [...files, ...written, { path: 'dist/.tsbuildinfo', text: '' }]) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  const options = ['--dry-run', '--json', '--ignore-scripts', '--offline', '--no-update-notifier']
  const { stdout } = await run('npm', ['pack', ...options], { cwd: folder })
  const [pack] = JSON.parse(stdout) as { files: readonly { path: string }[] }[]
  packed = pack!.files.map(({ path }) => path).toSorted()
})

afterAll(() => rm(folder, { recursive: true, force: true }))

it('the package holds all of the compiled product with its types, and no test, bench, script or source map', () => {
  const product = compiled(['protocol', 'client', 'broker', 'cli'], ['.js', '.d.ts'])
  const beside = ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'cli/millrace.js']
  expect(packed).toEqual([...product, ...beside].toSorted())
})

it('whatever package.json names as a command or an entry is in the package', () => {
  const entries = Object.values(packageJson.exports).flatMap((conditions) => Object.values(conditions))
  const named = [...Object.values(packageJson.bin), ...entries].map((path) => posix.normalize(path))
  expect(named).not.toEqual([])
  expect(named.filter((path) => !packed.includes(path))).toEqual([])
})
