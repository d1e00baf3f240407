// Compiles the sources. npm runs this after an install in this folder, and before it packs the package. Plain JavaScript,
// since it runs before the first compilation. `npm ci --omit=dev` leaves the compiler out: then earlier compiled files are
// kept, and a checkout that was never compiled is refused, because nothing in it could run.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const fromRoot = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const compiler = fromRoot('node_modules/typescript/bin/tsc')

if (existsSync(compiler)) {
  const { status } = spawnSync(process.execPath, [compiler, '--project', fromRoot('tsconfig.json')], {
    stdio: 'inherit',
  })
  process.exitCode = status ?? 1
} else if (!existsSync(fromRoot('dist/cli/main.js'))) {
  process.stderr.write(
    'millrace is not compiled yet, and --omit=dev leaves its compiler out. ' +
      'Run `npm ci && npm prune --omit=dev` instead, or install the package that `npm pack` writes.\n',
  )
  process.exitCode = 1
}
