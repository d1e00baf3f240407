// What `npm run pack-app` writes: apps that are installed beside the package, without a path of this repository in them. Needs npm,
// and its cache or the registry.
import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { temporaryDirectory } from '../../support/disk/temporary.ts'
import { installInto, repository } from '../../support/npm.ts'
import { apps, dependenciesOf, sources } from '../tree.ts'

const run = promisify(execFile)

interface AppPackage {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly exports: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const readPackage = async (path: string) =>
  JSON.parse(await readFile(join(repository, path, 'package.json'), 'utf8')) as AppPackage

const script = join(repository, 'dist/scripts/pack-app.js')
const names = apps.map((app) => posix.basename(app))

let folder: Awaited<ReturnType<typeof temporaryDirectory>>
const tarballs = new Map<string, string>()

beforeAll(async () => {
  folder = await temporaryDirectory()
  for (const name of names) {
    const { stdout } = await run(process.execPath, [script, name, folder.path])
    tarballs.set(name, stdout.trim())
  }
})

afterAll(() => rm(folder.path, { recursive: true, force: true }))

it.each(apps)('%s, packed, holds its compiled product, and names the package by its version', async (app) => {
  const tarball = tarballs.get(posix.basename(app))!
  const listed = (await run('tar', ['--list', '--file', tarball])).stdout.trim().split('\n')
  const product = sources
    .filter(({ path }) => path.startsWith(`${app}/src/`))
    .map(({ path }) => path.replace(`${app}/src/`, 'package/dist/').replace(/\.ts$/, ''))
    .flatMap((path) => [`${path}.js`, `${path}.d.ts`])
  const beside = ['package/package.json', 'package/README.md', 'package/LICENSE']
  expect(listed.toSorted()).toEqual([...product, ...beside].toSorted())

  const unpacked = (await run('tar', ['--extract', '--to-stdout', '--file', tarball, 'package/package.json']))
    .stdout
  const own = JSON.parse(unpacked) as AppPackage
  expect(own.private).toBeUndefined()
  expect(Object.keys({ ...own.dependencies, ...own.optionalDependencies })).toEqual(dependenciesOf(app))
  expect(own.dependencies['millrace']).toBe((await readPackage('.')).version)
  // Nothing of it may lead out of the package.
  const exact = /^\d+\.\d+\.\d+(-[\w.-]+)?$/
  const needed = { ...own.dependencies, ...own.optionalDependencies }
  expect(Object.values(needed).filter((version) => !exact.test(version))).toEqual([])
  const entries = Object.values(own.exports).flatMap((conditions) => Object.values(conditions))
  expect(entries.filter((path) => !listed.includes(posix.join('package', path)))).toEqual([])
})

// One install for all, since it takes long: that each app names all that it imports is one of the floors.
it('apps are installed beside the package, and import it', async ({ skip }) => {
  const options = ['--json', '--ignore-scripts', '--pack-destination', folder.path]
  const { stdout } = await run('npm', ['pack', ...options], { cwd: repository })
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]
  const project = join(folder.path, 'project')
  await mkdir(project)
  const failure = await installInto(project, [join(folder.path, filename), ...tarballs.values()])
  skip(failure !== undefined, `npm cannot install the dependencies here: ${failure ?? ''}`)
  await Promise.all(
    names.map(async (name) => {
      const program = join(project, `${name}.js`)
      await writeFile(program, `import '@millrace/${name}'\nimport 'millrace'\n`)
      await run(process.execPath, [program], { cwd: project })
    }),
  )
})

it('an app that there is not is refused, with the names of those that there are', async () => {
  const refused = await run(process.execPath, [script, 'kinesys']).then(
    () => undefined,
    (error: { code: number; stderr: string }) => error,
  )
  expect(refused).toMatchObject({ code: 2 })
  expect(refused!.stderr).toContain(names.join(', '))
})
