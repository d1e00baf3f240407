// Compiles the sources: the package, then each app, which sees the package as any program does. Plain JavaScript, since it
// runs before the first compilation. `npm run build`, the install, and the command's first use in a bare clone run it.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const fromRoot = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const compiler = fromRoot('node_modules/typescript/bin/tsc')

/** True if the compiler is installed: `npm ci --omit=dev` leaves it out. */
export const canCompile = () => existsSync(compiler)

/** Compiles everything, up to the first part that does not compile. Returns the exit code. `stdio`: where the compiler writes. */
export function compile({ stdio = 'inherit' } = {}) {
  const apps = existsSync(fromRoot('apps')) ? readdirSync(fromRoot('apps')).toSorted() : []
  for (const project of ['.', ...apps.map((app) => `apps/${app}`)]) {
    const config = fromRoot(`${project}/tsconfig.json`)
    if (!existsSync(config)) continue
    const { status } = spawnSync(process.execPath, [compiler, '--project', config], { stdio })
    if (status !== 0) return status ?? 1
  }
  return 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = compile()
