// The options about who may use the broker, how much of it, and what is written down about it: a part of the one table in options.ts. Runs anywhere; pure data.

export const accessOptions = {
  access: {
    kind: 'choice',
    default: 'auto',
    auto: 'required with a TLS directory, else open',
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
  quotas: {
    kind: 'string',
    default: null,
    example: 'requests=5000, address/connections=500, principal/shop/bytesIn=10MiB',
    doc: 'What each principal, each address, or one principal may take, separated by commas: see docs/quotas.md.',
    audience: 'operator',
    scope: 'broker',
  },
  auditLog: {
    kind: 'path',
    default: null,
    example: '/var/log/millrace/audit.log',
    doc: 'File for audit lines, which its owner alone may read. Without it they stand in the log, marked `log: "audit"`.',
    audience: 'operator',
    scope: 'broker',
  },
} as const

/** Spoken by all ports. */
export const tlsOptions = {
  tlsDir: {
    kind: 'path',
    default: null,
    example: '/etc/millrace/tls',
    doc: 'Directory of cert.pem and key.pem: all ports then speak TLS 1.3 alone. Files that change are read again; see tls init.',
    audience: 'operator',
    scope: 'broker',
  },
  tlsClients: {
    kind: 'choice',
    default: 'none',
    values: ['none', 'optional', 'required'],
    example: 'required',
    doc: 'Whether clients need a certificate, signed by clients-ca.pem of the TLS directory, or by ca.pem where that is missing.',
    audience: 'operator',
    scope: 'broker',
  },
} as const
