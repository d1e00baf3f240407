// The contract of a scenario: a name, a sentence, a table of settings (from which flags and types derive), and a run.
// Types and one identity function; runs in the bench's main process.
import type { DaemonOptions, RunningDaemon } from './harness/daemon.ts'
import type { RunningLoad } from './harness/load-process.ts'
import type { JobName, JobResult, JobSettings } from './load/job.ts'
import type { Report } from './report/figure.ts'

/** A number, or a list of numbers that are measured in turn. */
export interface Setting {
  readonly default: number | readonly number[]
  readonly doc: string
}

export type Settings = Readonly<Record<string, Setting>>
export type ValuesOf<S extends Settings> = {
  readonly [K in keyof S]: S[K]['default'] extends number ? number : readonly number[]
}

/** The tools of a scenario. Everything that they start is stopped and removed when the run ends. */
export interface Bench {
  /** Length of one measurement, warm-up excluded. */
  readonly seconds: number
  readonly warmUpSeconds: number
  /** The run's own directory, on the disk under test. */
  readonly directory: string
  /** Prints progress on standard error. */
  say(text: string): void
  /** `isSecure` goes before what the command line says: TLS, and clients that show a token. */
  startDaemon(options?: DaemonOptions & { readonly isSecure?: boolean }): Promise<RunningDaemon>
  /** Runs a job in its own process. */
  load<J extends JobName>(job: J, settings: JobSettings<J>): RunningLoad<JobResult<J>>
}

export interface Scenario<S extends Settings = Settings> {
  readonly name: string
  readonly doc: string
  readonly settings: S
  readonly examples: readonly string[]
  run(bench: Bench, values: ValuesOf<S>): Promise<readonly Report[]>
}

/** Returns the entry; gives `run` the types of the settings declared beside it. */
export function scenario<const S extends Settings>(entry: Scenario<S>): Scenario<S> {
  return entry
}
