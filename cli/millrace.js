#!/usr/bin/env node
// The command's first step, in plain JavaScript so that it runs from a bare clone. `npm ci` compiles the sources, but not
// where install scripts are disabled: then the first call compiles them, once, and says so. Everything else is in main.ts.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('../', import.meta.url)
const main = new URL('dist/cli/main.js', root)

if (!existsSync(main)) {
  const compiler = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root))
  if (!existsSync(compiler)) {
    process.stderr.write('millrace is not installed here: run `npm ci` in its folder first.\n')
    process.exit(1)
  }
  process.stderr.write('Compiling millrace, once …\n')
  const project = fileURLToPath(new URL('tsconfig.json', root))
  const { status } = spawnSync(process.execPath, [compiler, '--project', project], {
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) {
    process.stderr.write('millrace could not be compiled: see above.\n')
    process.exit(1)
  }
}

await import(main.href)
