// Makes docs/quotas.md from the table of quotas. Runs in the documentation generator; pure.
import { quotaNames, quotas, type Quota, type QuotaDefault } from './quotas.ts'

const counters: Readonly<Record<Quota['countedBy'], string>> = {
  process: 'each process',
  owner: 'each owner',
  broker: 'the controller, for all',
}

const effects: Readonly<Record<Quota['effect'], string>> = {
  limitExceeded: '`limitExceeded`',
  throttled: '`throttled`, with `retryAfterMs`',
  tooManyProducers: '`tooManyProducers`',
  slowConsumer: 'cut as `slowConsumer`',
  held: 'back-pressure, no error',
}

const MiB = 1024 * 1024

/** Returns the page as Markdown. */
export function quotasPage(): string {
  const rows = quotaNames.map((name) => {
    const { perSecond, countedBy, effect, principal, address, doc, unit }: Quota = quotas[name]
    const cells = [
      `\`${name}\`${perSecond ? ' (a second)' : ''}`,
      doc,
      counters[countedBy],
      valueOf(principal, unit),
      valueOf(address, unit),
      effects[effect],
    ]
    return `| ${cells.join(' | ')} |`
  })
  const whys = quotaNames.flatMap((name) => {
    const { principal, address }: Quota = quotas[name]
    const why = (principal ?? address)?.why
    return why === undefined ? [] : [`- \`${name}\`: ${why}`]
  })
  return `# Quotas

What one principal, or one network address, may take of the broker. Set them with one option, in the file, the environment or as a
flag; changing them takes a restart.

\`\`\`
millrace serve --quotas 'requests=5000, address/connections=500, principal/shop/bytesIn=10MiB'
\`\`\`

- \`NAME=VALUE\` holds for each principal but \`root\`, \`address/NAME=VALUE\` for each address, and \`principal/P/NAME=VALUE\` for the
  principal P, before what holds for each. \`unlimited\` takes a default away.
- A request counts for its principal and for its address; the first that is used up decides. Loopback addresses and connections
  within the process have no quotas of addresses; of IPv6, the first 64 bits are the address.
- Processes count for themselves: a principal that uses the controller and two hosts may take each value three times.
- Rates save what is not used for one second, so a burst of a second's worth passes at once. Nothing waits in the broker: what is
  refused is refused at once, with the time after which to try again, and Millrace's clients do so by themselves.
- Streams, shards and groups count for the principal that made them, for as long as they exist. What was made while nobody had to
  say who he is counts for nobody.

| quota | what it bounds | counted by | each principal | each address | beyond it |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

Why the defaults are what they are:

${whys.join('\n')}

## Failed logins

A secret has 256 bits and cannot be guessed, so this quota bounds what wrong ones cost: connections and lines. Many clients may
share an address behind a router, and one with a wrong credential must not lock out the others. A right credential is always
taken, however many wrong ones came before it; where somebody has logged in within ten minutes, no connection is turned away; and
elsewhere a newcomer gets in at latest one second after the last wrong credential.

## Watching

\`millrace_quota_used_ratio\` is, for each quota, the part that the principal or address uses that uses most of its own: alert above 0.8.
\`millrace_quota_refusals_total\` counts refusals and pauses. Neither names a principal; the [audit](audit.md) line \`ACCESS-003\` does.
`
}

function valueOf(given: QuotaDefault | undefined, unit: Quota['unit']): string {
  if (given === undefined) return '–'
  if (given.value === Infinity) return 'unlimited'
  return unit === 'bytes' ? `${given.value / MiB} MiB` : String(given.value)
}
