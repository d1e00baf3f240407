// Steps of processing as plain JSON: what the configuration asks for, and what a plan in the journal keeps, so that records of a chunk
// can be made again as they were made. Types, and nothing that runs.
import type { logFormats } from '../config/keys/processing-keys.ts'

export type LogFormat = (typeof logFormats)[number]

export type ProcessingStep =
  | { readonly type: 'single-line' }
  | {
      readonly type: 'csv-to-json'
      readonly fields: readonly string[]
      /** A regular expression in Java's syntax. */
      readonly delimiter: string
      readonly isPretty: boolean
    }
  | {
      readonly type: 'log-to-json'
      readonly format: LogFormat
      /** In Java's syntax; undefined: that of the format. */
      readonly pattern?: string
      readonly fields: readonly string[]
      readonly isPretty: boolean
    }
  | { readonly type: 'add-metadata'; readonly metadata: unknown; readonly isPretty: boolean }
  | { readonly type: 'add-brackets' }
