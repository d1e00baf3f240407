// The app analytics as its verbs use it: modules of its package, found where it is installed and loaded when a verb is chosen. The types are
// the app's promise to the command line; a test holds the app to them.
import type { Client } from '../../../../client/index.ts'
import { importAppModule } from '../../../apps/app-module.ts'
import { Failure } from '../../../failure.ts'

/** A row of an answer: JSON values by column. */
export type AnswerRow = Readonly<Record<string, unknown>>

/** Records of streams that are no rows of an answer. */
export interface Refusals {
  readonly refused: number
  readonly firstRefused:
    | {
        readonly stream: string
        readonly row: { readonly shard: number; readonly sequenceNumber: number; readonly reason: string }
      }
    | undefined
}

export interface AskOptions {
  readonly columns?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly signal?: AbortSignal
  readonly onRead?: (records: number, total: number) => void
}

export interface Questions {
  ask(
    sql: string,
    options?: AskOptions,
  ): Promise<
    Refusals & {
      readonly columns: readonly string[]
      rows(): AsyncGenerator<readonly AnswerRow[], void, undefined>
    }
  >
  save(
    sql: string,
    file: { readonly path: string; readonly format: 'parquet' | 'csv' | 'json' },
    options?: AskOptions,
  ): Promise<Refusals & { readonly rows: number }>
  close(): Promise<void>
}

/** The module `adhoc` of the app's package. */
export interface AdhocModule {
  readonly Questions: {
    open(options: {
      readonly client: Client
      readonly memory: number
      readonly threads?: number | undefined
      readonly directory: string
    }): Promise<Questions>
  }
  isQuestionFault(error: unknown): boolean
}

/** Loads the module. Throws Failure with what to do where the app is not installed. */
export function loadAdhoc(): Promise<AdhocModule> {
  return importAppModule<AdhocModule>('analytics', 'adhoc')
}

/** Returns the failure of the verb for what is wrong with a question; other errors as they are. */
export function asQuestionFailure(error: unknown, { isQuestionFault }: AdhocModule): unknown {
  if (!(error instanceof Error) || !isQuestionFault(error)) return error
  return new Failure(error.message, 'usage', { cause: error })
}
