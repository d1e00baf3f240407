// Calls npm for a test: in a separate folder, without install scripts, from npm's cache where possible.
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The folder of this repository. */
export const repository = fileURLToPath(new URL('../../', import.meta.url))

/** Installs `packages` into `folder` as a new project. Returns the reason of a failure, or undefined. */
export async function installInto(folder: string, packages: readonly string[]): Promise<string | undefined> {
  await writeFile(join(folder, 'package.json'), '{ "type": "module", "private": true }\n')
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts']
  return run('npm', ['install', ...packages, ...options], { cwd: folder }).then(
    () => undefined,
    (error: Error) => error.message,
  )
}

/** Compiles `program.ts` in `folder` against the installed types. Throws the compiler's output. */
export async function compileProgram(folder: string): Promise<void> {
  const tsconfig = {
    compilerOptions: {
      target: 'es2023',
      lib: ['es2023', 'esnext.disposable'],
      module: 'nodenext',
      strict: true,
      types: ['node'],
      typeRoots: [join(repository, 'node_modules', '@types')],
    },
    files: ['program.ts'],
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
  const compiler = join(repository, 'node_modules/typescript/bin/tsc')
  await run(process.execPath, [compiler, '--project', folder]).catch((error: { stdout: string }) => {
    throw new Error(error.stdout)
  })
}
