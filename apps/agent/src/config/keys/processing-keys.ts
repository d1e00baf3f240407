// Options of processing, and the keys of each. Pure data: the one place that says them.
import type { Key, Keys, KeySupport } from './key.ts'

const jsonFormat = {
  kind: 'choice',
  values: ['COMPACT', 'PRETTYPRINT'],
  default: 'COMPACT',
  doc: 'How JSON is laid out.',
  support: 'yes',
} as const satisfies Key

const customFieldNames = { kind: 'texts', doc: 'Names of the fields.', support: 'yes' } as const satisfies Key

export const logFormats = [
  'COMMONAPACHELOG',
  'COMBINEDAPACHELOG',
  'APACHEERRORLOG',
  'SYSLOG',
  'RFC3339SYSLOG',
] as const

interface ProcessingFacts {
  readonly doc: string
  readonly support: KeySupport
  readonly note?: string
  readonly keys: Keys
}

export const processingOptions = {
  SINGLELINE: {
    doc: 'Takes line feeds out of a record, and space around each of its lines.',
    support: 'yes',
    keys: {},
  },
  CSVTOJSON: {
    doc: 'Makes a JSON object of a line of separated values. A value that is missing is null, one too many is dropped.',
    support: 'yes',
    keys: {
      customFieldNames,
      delimiter: {
        kind: 'pattern',
        doc: 'What separates values: a regular expression. Left out: a comma. Quotes have no meaning.',
        support: 'yes',
      },
      jsonFormat,
    },
  },
  LOGTOJSON: {
    doc: 'Makes a JSON object of a line of a log. A line that does not match is skipped and counted.',
    support: 'yes',
    keys: {
      logFormat: { kind: 'choice', values: logFormats, doc: 'The format of the log.', support: 'yes' },
      matchPattern: {
        kind: 'pattern',
        doc: 'A regular expression for the whole record, in place of that of the format. Its groups are the fields.',
        support: 'in part',
        note: 'Java’s syntax, except for what JavaScript does not have: that is refused. Patterns are matched in linear time, except for those with references, lookaround, `(?i)` or many counted repetitions, which are warned of.',
      },
      customFieldNames,
      jsonFormat,
    },
  },
  ADDMETADATA: {
    doc: 'Wraps a record as `data`, beside `metadata`.',
    support: 'yes',
    keys: {
      metadata: { kind: 'json', doc: 'What stands beside each record.', support: 'yes' },
      jsonFormat,
    },
  },
  ADDEC2METADATA: {
    doc: 'Adds what EC2 says of the instance.',
    support: 'no',
    note: 'EC2 is not asked. Records pass unchanged, as with AWS’ agent outside of EC2.',
    keys: {
      metadataTTL: {
        kind: 'whole',
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
        doc: 'How long it is kept.',
        support: 'no',
      },
      jsonFormat,
    },
  },
  ADDBRACKETS: { doc: 'Puts a record between `{` and `}`.', support: 'yes', keys: {} },
} as const satisfies Readonly<Record<string, ProcessingFacts>>

/** Options that AWS' agent has in some versions, and that cannot be had here: a flow that names one is refused. */
export const refusedProcessingOptions: Readonly<Record<string, string>> = {
  USINGPLUGGIN: 'it runs a class of Java. Let a function of the broker do it: `millrace function create`',
  GZIPCOMPRESSION: 'records stay as they are. A delivery compresses its objects, by its setting compression',
}

export type ProcessingName = keyof typeof processingOptions
