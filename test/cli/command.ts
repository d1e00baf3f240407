// Runs the command line as a shell does: a process of its own, with pipes. Used by the end-to-end tests of this folder.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export const launcher = fileURLToPath(new URL('../../cli/millrace.js', import.meta.url))

export interface CommandResult {
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

export interface CommandOptions {
  /** The broker, as MILLRACE_URL. */
  readonly url?: string
  /** Further variables. */
  readonly env?: Readonly<Record<string, string>>
  /** Where it runs. */
  readonly cwd?: string
  readonly input?: string | Uint8Array
}

export function startCommand(
  args: readonly string[],
  { url, env, cwd }: Omit<CommandOptions, 'input'> = {},
): ChildProcess {
  return spawn(process.execPath, [launcher, ...args], {
    env: { ...cleanEnvironment(), ...(url === undefined ? {} : { MILLRACE_URL: url }), ...env },
    cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

/** Runs one command line to its end. */
export async function command(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const child = startCommand(args, options)
  // A command may end before it has read all input, and then closes its end of the pipe.
  child.stdin!.on('error', () => {})
  child.stdin!.end(options.input ?? '')
  const [stdout, stderr, [code]] = await Promise.all([
    buffer(child.stdout!),
    buffer(child.stderr!),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code, stdout, stderr: stderr.toString() }
}

/** The environment without the machine's own Millrace settings, and without its user's profiles. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_'))
  return {
    ...Object.fromEntries(others),
    XDG_CONFIG_HOME: '/nonexistent',
  }
}
