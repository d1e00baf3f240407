// The options about who may use the broker: a part of the one table in options.ts. Runs anywhere; pure data.

export const accessOptions = {
  access: {
    kind: 'choice',
    default: 'auto',
    auto: 'open',
    values: ['open', 'required'],
    example: 'required',
    doc: 'required: everyone must say who he is, by a token, and may do what his principal is granted.',
    audience: 'operator',
    scope: 'broker',
  },
  accessKeyFile: {
    kind: 'path',
    default: null,
    example: '/etc/millrace/access.key',
    doc: 'File with the key that encrypts the secrets of access keys. Left out: access.key in the data directory.',
    audience: 'operator',
    scope: 'broker',
  },
} as const
