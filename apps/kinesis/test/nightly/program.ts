// Programs of other languages: built in a temporary folder by their own tools, started, and listened to line by line.
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Whether a tool is on this machine. */
export function hasTool(name: string, argument: string): boolean {
  return spawnSync(name, [argument], { stdio: 'ignore' }).status === 0
}

/** A copy of a folder beside this file, outside of the repository, since tools write into what they build. */
export async function workingCopy(folder: string): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `millrace-${folder}-`))
  await cp(fileURLToPath(new URL(folder, import.meta.url)), path, { recursive: true })
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** Compiles the Java programs, and returns the class path with which they run. */
export async function buildJava(directory: string): Promise<string> {
  const goals = ['compile', 'dependency:build-classpath', '-Dmdep.outputFile=target/classpath']
  await run('mvn', ['-q', '-B', ...goals], { cwd: directory })
  return `${join(directory, 'target/classes')}:${await readFile(join(directory, 'target/classpath'), 'utf8')}`
}

/** Compiles the Go program, and returns its path. */
export async function buildGo(directory: string): Promise<string> {
  await run('go', ['build', '-o', 'program', '.'], { cwd: directory })
  return join(directory, 'program')
}

/** A running program whose output is lines of words, parted by tabs. */
export class Program implements AsyncDisposable {
  readonly lines: (readonly string[])[] = []
  readonly #child: ChildProcess
  readonly #log: string[] = []

  private constructor(child: ChildProcess) {
    this.#child = child
    createInterface({ input: child.stdout! }).on('line', (line) => this.lines.push(line.split('\t')))
    createInterface({ input: child.stderr! }).on('line', (line) => {
      this.#log.push(line)
      if (this.#log.length > 200) this.#log.shift()
    })
  }

  static start(command: string, words: readonly string[], environment: NodeJS.ProcessEnv = {}): Program {
    const env = { ...process.env, ...environment }
    return new Program(spawn(command, [...words], { env, stdio: ['pipe', 'pipe', 'pipe'] }))
  }

  /** Starts a Java class with system properties. */
  static java(
    classPath: string,
    name: string,
    properties: Readonly<Record<string, string | number>>,
  ): Program {
    const given = Object.entries(properties).map(([key, value]) => `-D${key}=${value}`)
    const log = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'
    return Program.start('java', ['-Xmx512m', log, ...given, '-cp', classPath, name])
  }

  /** The last lines that it logged. */
  log(): string {
    return this.#log.join('\n')
  }

  has(word: string, ...more: readonly string[]): boolean {
    return this.lines.some((line) => [word, ...more].every((each, at) => line[at] === each))
  }

  /** Ends its input, and waits until it has ended by itself. */
  async finished(): Promise<number | null> {
    this.#child.stdin!.end()
    return this.#ended()
  }

  /** Kills it, as a machine does that loses its power. */
  async kill(): Promise<void> {
    const ended = this.#ended()
    this.#child.kill('SIGKILL')
    await ended
  }

  /** True when it has ended, by itself or not. */
  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async #ended(): Promise<number | null> {
    if (!this.hasEnded) await once(this.#child, 'close')
    return this.#child.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasEnded) await this.kill()
  }
}
