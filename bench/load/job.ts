// The messages to and from a load process: types only, shared by both ends of the IPC channel.
import type { jobs } from './jobs.ts'

/** How a job speaks to the bench while it runs. */
export interface LoadControl {
  /** Reports that the job is set up. `detail` is a number that the bench needs, such as a port. */
  ready(detail?: number): void
  /** Prints a line of progress. */
  say(text: string): void
  /** Fires when the bench wants the result; jobs that run for a given time may ignore it. */
  readonly stopped: AbortSignal
}

export type Job<S, R> = (settings: S, control: LoadControl) => Promise<R>

export type JobName = keyof typeof jobs
export type JobSettings<J extends JobName> = Parameters<(typeof jobs)[J]>[0]
export type JobResult<J extends JobName> = Awaited<ReturnType<(typeof jobs)[J]>>

export type ToLoad =
  { readonly type: 'start'; readonly job: JobName; readonly settings: unknown } | { readonly type: 'stop' }

export type FromLoad =
  | { readonly type: 'ready'; readonly detail: number | undefined }
  | { readonly type: 'say'; readonly text: string }
  | { readonly type: 'result'; readonly result: unknown }
  | { readonly type: 'failed'; readonly reason: string }
