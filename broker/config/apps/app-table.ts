// The table of apps: what `--with` may name. Runs anywhere; pure data. An app's options are a section of the one table of options,
// under its name: `kinesisPort` is the option `port` of the app kinesis.

export const appTable = {
  kinesis: {
    package: '@millrace/kinesis',
    doc: 'The Kinesis API, for unchanged AWS clients.',
  },
} as const

export type AppName = keyof typeof appTable

export const appNames = Object.keys(appTable) as AppName[]
