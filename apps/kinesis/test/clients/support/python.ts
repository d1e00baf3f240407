// Checks that are written in Python, since boto3 and the AWS CLI are: each function of a file is one check, its first line
// of text its promise. A machine without Python or without the package skips them, and says so.
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ENOUGH_BYTES = 64 * 1024 * 1024

export interface PythonCheck {
  readonly name: string
  readonly promise: string
}

const pathOf = (file: string): string => fileURLToPath(new URL(`../python/${file}`, import.meta.url))

/** Whether this machine's Python has a package. */
export function hasPython(packageName: string): boolean {
  return spawnSync('python3', ['-c', `import ${packageName}`], { stdio: 'ignore' }).status === 0
}

/** Whether this machine has the AWS CLI. */
export function hasAwsCli(): boolean {
  return spawnSync('aws', ['--version'], { stdio: 'ignore' }).status === 0
}

/** The checks of a file, by their definitions. */
export function checksOf(file: string): readonly PythonCheck[] {
  const text = readFileSync(pathOf(file), 'utf8')
  const definition = /^def (check_\w+)\(.*\):\n {4}"""(.+?)"""/gm
  return [...text.matchAll(definition)].map((found) => ({ name: found[1]!, promise: found[2]! }))
}

/** Runs one check against an endpoint; rejects with what Python printed if it fails. */
export async function runCheck(
  file: string,
  check: PythonCheck,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const main = `import runpy, sys; runpy.run_path(sys.argv[1])[sys.argv[2]]()`
  await run('python3', ['-W', 'ignore', '-c', main, pathOf(file), check.name], {
    env: environmentOf(environment),
    maxBuffer: ENOUGH_BYTES,
  })
}

/** What AWS clients read from the environment: credentials that any endpoint takes, and no settings of this machine. */
export function environmentOf(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'))
  return {
    ...Object.fromEntries(inherited),
    AWS_ACCESS_KEY_ID: 'any',
    AWS_SECRET_ACCESS_KEY: 'any',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
    ...more,
  }
}
