// Packs the client alone: `npm run pack-client -- [folder]` writes millrace-client-<version>.tgz, which holds the compiled
// client and protocol and needs no other package. Runs after the build, in its own process.
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { copyCompiled, pack, root } from './packing.ts'

interface PackageJson {
  readonly version: string
  readonly license: string
  readonly engines: Readonly<Record<string, string>>
}

const destination = resolve(process.argv[2] ?? root)

const { version, license, engines } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
) as PackageJson

const door = (folder: string) => ({ types: `./${folder}/index.d.ts`, default: `./${folder}/index.js` })
const clientPackage = {
  name: 'millrace-client',
  version,
  description: 'Typed client for Millrace, a durable, ordered, replayable stream broker.',
  license,
  type: 'module',
  engines,
  exports: { '.': door('client'), './protocol': door('protocol') },
  files: ['client', 'protocol', 'LICENSE', 'README.md'],
}

const readme = `# millrace-client

The TypeScript client of Millrace, alone: streams, producers, readers and subscriptions over TCP.

\`\`\`ts
import { connect } from 'millrace-client'

await using client = await connect('millrace://127.0.0.1:7400')
await client.put('clicks', { partitionKey: 'ada', data: 'hello' })
\`\`\`
`

const path = pack((staging) => {
  for (const folder of ['client', 'protocol']) copyCompiled(join(root, 'dist', folder), join(staging, folder))
  writeFileSync(join(staging, 'README.md'), readme)
  writeFileSync(join(staging, 'package.json'), `${JSON.stringify(clientPackage, undefined, 2)}\n`)
}, destination)
process.stdout.write(`${path}\n`)
