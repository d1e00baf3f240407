// Packs the client alone: `npm run pack-client -- [folder]` writes millrace-client-<version>.tgz, which holds the compiled
// client and protocol and needs no other package. Runs after the build, in its own process.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

interface PackageJson {
  readonly version: string
  readonly license: string
  readonly engines: Readonly<Record<string, string>>
}

// This file runs as dist/scripts/pack-client.js.
const root = fileURLToPath(new URL('../../', import.meta.url))
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

const staging = mkdtempSync(join(tmpdir(), 'millrace-client-'))
try {
  for (const folder of ['client', 'protocol']) {
    // Source maps are left out, since they point to sources that are not packed.
    cpSync(join(root, 'dist', folder), join(staging, folder), {
      recursive: true,
      filter: (path) => !path.endsWith('.map'),
    })
  }
  cpSync(join(root, 'LICENSE'), join(staging, 'LICENSE'))
  writeFileSync(join(staging, 'README.md'), readme)
  writeFileSync(join(staging, 'package.json'), `${JSON.stringify(clientPackage, undefined, 2)}\n`)
  mkdirSync(destination, { recursive: true })
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', destination], {
    cwd: staging,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }]
  process.stdout.write(`${join(destination, filename)}\n`)
} finally {
  rmSync(staging, { recursive: true, force: true })
}
