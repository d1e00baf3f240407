// Packs an app: `npm run pack-app -- kinesis [folder]` writes millrace-kinesis-<version>.tgz, to be installed beside the package
// millrace of the same version. Runs after the build, in its own process.
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { copyCompiled, pack, root } from './packing.ts'

interface AppPackage {
  readonly private?: true
  readonly dependencies: Readonly<Record<string, string>>
}

const [, , app, folder = root] = process.argv
const apps = readdirSync(join(root, 'apps')).filter((name) =>
  existsSync(join(root, 'apps', name, 'package.json')),
)
if (app === undefined || !apps.includes(app)) {
  process.stderr.write(`Usage: npm run pack-app -- APP [FOLDER], where APP is one of ${apps.join(', ')}.\n`)
  process.exit(2)
}

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
const source = join(root, 'apps', app)
const { private: _, ...own } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as AppPackage
const packed = {
  ...own,
  files: ['dist'],
  // In the repository the app finds the package beside it; elsewhere by its version.
  dependencies: { ...own.dependencies, millrace: version },
}

const path = pack((staging) => {
  copyCompiled(join(source, 'dist'), join(staging, 'dist'))
  copyFileSync(join(source, 'README.md'), join(staging, 'README.md'))
  writeFileSync(join(staging, 'package.json'), `${JSON.stringify(packed, undefined, 2)}\n`)
}, resolve(folder))
process.stdout.write(`${path}\n`)
