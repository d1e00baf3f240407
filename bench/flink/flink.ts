// Flink SQL in a process of Java, as a peer: Maven fetches it, which checks what it fetches, and keeps it in its own repository. Runs in the bench's
// main process, and in nightly tests; ends only what it started.
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

/** A question of Flink SQL, which a mini cluster of its own answers. */
export interface FlinkQuestion {
  /** Options of Flink by their names. */
  readonly options: Readonly<Record<string, string>>
  /** Statements before it: its tables. */
  readonly setup: readonly string[]
  /** A SELECT, or an INSERT, which gives no rows when it is done. */
  readonly sql: string
}

/** A field of a row: times are in ISO 8601, decimal numbers are texts. */
export type FlinkValue = string | number | boolean | null

export interface FlinkAnswer {
  readonly rows: readonly Readonly<Record<string, FlinkValue>>[]
  /** From the question to the last row: planning, the start of the cluster, and its work. */
  readonly seconds: number
  /** Of an INSERT: its work alone. */
  readonly jobSeconds?: number
}

/** What Flink's serializers need of modules of Java. */
const OPENED = ['lang', 'nio', 'util'].map((name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`)
const DAY_MS = 86_400_000
/** Options of questions that go on in event time over files that end. */
const STREAMING = {
  'execution.target': 'local',
  'execution.runtime-mode': 'streaming',
  'table.local-time-zone': 'UTC',
}

/** Whether this machine has what Flink needs. */
export function hasJava(): boolean {
  return ['java', 'mvn'].every((name) => spawnSync(name, ['-version'], { stdio: 'ignore' }).status === 0)
}

/** Compiles the program of a folder in an empty directory, with all that it needs; returns its class path. */
export async function buildFlink(source: string, directory: string): Promise<string> {
  await cp(source, directory, { recursive: true })
  const goals = ['compile', 'dependency:build-classpath', '-Dmdep.outputFile=target/classpath']
  await promisify(execFile)('mvn', ['--quiet', '--batch-mode', '--strict-checksums', ...goals], {
    cwd: directory,
  })
  const needed = await readFile(join(directory, 'target/classpath'), 'utf8')
  return [join(directory, 'target/classes'), needed.trim()].join(delimiter)
}

/** Options of a question in event time, by so many tasks of each kind. */
export function streaming(parallelism: number): FlinkQuestion['options'] {
  return { ...STREAMING, 'parallelism.default': String(parallelism) }
}

/** A statement that makes a table of the lines of JSON of a file, or of all files of a directory. Columns have types of DuckDB. */
export function flinkTable(
  name: string,
  {
    columns,
    path,
    outOfOrderMs,
  }: {
    readonly columns: Readonly<Record<string, string>>
    readonly path: string
    /** By how much rows may come late: the first column that is a TIMESTAMP is the time of the rows then. */
    readonly outOfOrderMs: number
  },
): string {
  const fields = Object.entries(columns).map(([column, type]) => `\`${column}\` ${typeOf(type)}`)
  const time = Object.keys(columns).find((column) => columns[column] === 'TIMESTAMP')
  const days = Math.floor(outOfOrderMs / DAY_MS)
  const bound = `INTERVAL '${days} ${new Date(outOfOrderMs).toISOString().slice(11, 19)}' DAY TO SECOND`
  if (time !== undefined) fields.push(`WATERMARK FOR \`${time}\` AS \`${time}\` - ${bound}`)
  return `CREATE TABLE \`${name}\` (${fields.join(', ')}) WITH ('connector' = 'filesystem', 'path' = '${path}', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601')`
}

/** Texts of times end with Z, which only this type takes; windows of them have bounds in the session's zone, which is UTC. */
function typeOf(type: string): string {
  if (type === 'TIMESTAMP') return 'TIMESTAMP_LTZ(3)'
  return type === 'VARCHAR' ? 'STRING' : type
}

export class Flink implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  }

  /** Starts a process with at most so many MiB of heap. */
  static start(classPath: string, heapMiB: number): Flink {
    const words = [`-Xmx${heapMiB}m`, ...OPENED, '-cp', classPath, 'flink.Questions']
    return new Flink(spawn('java', words, { stdio: ['pipe', 'pipe', 'ignore'] }))
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** One at a time. Rejects with Flink's reason where it does not answer. */
  async ask(question: FlinkQuestion): Promise<FlinkAnswer> {
    this.#child.stdin!.write(`${JSON.stringify(question)}\n`)
    const { value, done } = await this.#answers.next()
    if (done === true) throw new Error('Flink has ended.')
    const answer = JSON.parse(value) as FlinkAnswer | { readonly error: string }
    if ('error' in answer) throw new Error(answer.error)
    return answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await ended
  }
}
