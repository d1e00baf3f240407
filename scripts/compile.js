// Compiles the sources: the package, then each app, which sees the package as any program does. Plain JavaScript, since it
// runs before the first compilation. `npm run build` and the install run it.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const fromRoot = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const compiler = fromRoot('node_modules/typescript/bin/tsc')

/** True if the compiler is installed: `npm ci --omit=dev` leaves it out. */
export const canCompile = () => existsSync(compiler)

/** Compiles everything, up to the first part that does not compile. Returns the exit code. */
export function compile() {
  const apps = readdirSync(fromRoot('apps')).map((app) => `apps/${app}/tsconfig.json`)
  for (const project of ['tsconfig.json', ...apps]) {
    if (!existsSync(fromRoot(project))) continue
    const { status } = spawnSync(process.execPath, [compiler, '--project', fromRoot(project)], {
      stdio: 'inherit',
    })
    if (status !== 0) return status ?? 1
  }
  return 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = compile()
