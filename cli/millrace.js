#!/usr/bin/env node
// The command's first step, in plain JavaScript so that it runs from a bare clone. `npm ci` compiles the sources, but not
// where install scripts are disabled: then the first call compiles them, once, and says so. Everything else is in main.ts.
import { execFileSync } from 'node:child_process'
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
  execFileSync(process.execPath, [compiler, '--project', fileURLToPath(new URL('tsconfig.json', root))], {
    stdio: ['ignore', 2, 2],
  })
}

await import(main.href)
