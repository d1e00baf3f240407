// Compiles the sources. npm runs this after an install in this folder, and before it packs the package. Plain JavaScript,
// since it runs before the first compilation. `npm ci --omit=dev` leaves the compiler out: then earlier compiled files are
// kept, and a checkout that was never compiled is refused, because nothing in it could run.
import { existsSync } from 'node:fs'
import { canCompile, compile } from './compile.js'

if (canCompile()) {
  process.exitCode = compile()
} else if (!existsSync(new URL('../dist/cli/main.js', import.meta.url))) {
  process.stderr.write(
    'millrace is not compiled yet, and --omit=dev leaves its compiler out. ' +
      'Run `npm ci && npm prune --omit=dev` instead, or install the package that `npm pack` writes.\n',
  )
  process.exitCode = 1
}
