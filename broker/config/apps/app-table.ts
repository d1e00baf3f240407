// The table of apps: what `--with` may name. Runs anywhere; pure data. An app's options are a section of the one table of options,
// under its name: `kinesisPort` is the option `port` of the app kinesis. `verb` runs the app by itself.

export const appTable = {
  kinesis: {
    package: '@millrace/kinesis',
    verb: 'kinesis',
    doc: 'The Kinesis API, for unchanged AWS clients.',
  },
  agent: {
    package: '@millrace/agent',
    verb: 'agent',
    doc: 'Sends what is appended to files to streams.',
  },
  delivery: {
    package: '@millrace/delivery',
    verb: 'delivery serve',
    doc: 'Delivers streams to files, S3, HTTP endpoints and streams.',
  },
  functions: {
    package: '@millrace/functions',
    verb: 'function serve',
    doc: 'Runs functions on the records of streams.',
  },
  analytics: {
    package: '@millrace/analytics',
    verb: 'query serve',
    doc: 'Answers questions over streams continuously, in SQL.',
  },
} as const

export type AppName = keyof typeof appTable

export const appNames = Object.keys(appTable) as AppName[]
