// The section of the app analytics in the one table of options. Runs anywhere; pure data. What they mean to the app is said again by
// its own types: a test holds both together.

export const analyticsOptions = {
  analyticsSpoolDir: {
    kind: 'path',
    default: null,
    example: '/var/lib/millrace-analytics',
    doc: 'Directory for rows of open windows that do not fit into memory. It may be lost: they are read again. Left out: a temporary one.',
    audience: 'operator',
    scope: 'broker',
    app: 'analytics',
  },
  analyticsMemory: {
    kind: 'bytes',
    default: '1GiB',
    min: '256MiB',
    max: '1TiB',
    example: '8GiB',
    doc: 'Memory that the rows of all queries together may take; beyond it, they go to the spool directory.',
    audience: 'operator',
    scope: 'broker',
    app: 'analytics',
  },
  analyticsThreads: {
    kind: 'count',
    default: '1',
    min: '1',
    max: '256',
    example: '4',
    doc: 'Threads that compute one statement of a query together; queries are computed beside each other in any case. More of them cost processor time in each statement, and pay where windows hold millions of rows.',
    audience: 'operator',
    scope: 'broker',
    app: 'analytics',
  },
} as const
