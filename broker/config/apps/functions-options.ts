// The section of the app functions in the one table of options. Runs anywhere; pure data. What they mean to the app is said again by
// its own types: a test holds both together.

export const functionsOptions = {
  functionsHost: {
    kind: 'string',
    default: '127.0.0.1',
    example: '0.0.0.0',
    doc: 'Address where functions are called by HTTP.',
    audience: 'operator',
    scope: 'broker',
    app: 'functions',
  },
  functionsPort: {
    kind: 'port',
    default: '0',
    min: '0',
    max: '65535',
    example: '9001',
    doc: 'Port where functions are called by HTTP, with the secret that the app gives out. 0 takes any free one.',
    audience: 'operator',
    scope: 'broker',
    app: 'functions',
  },
  functionsThreads: {
    kind: 'count',
    default: null,
    min: '1',
    max: '256',
    example: '4',
    doc: 'Threads of each function that is a module, at most. Left out: as many as there are cores.',
    audience: 'operator',
    scope: 'broker',
    app: 'functions',
  },
} as const
