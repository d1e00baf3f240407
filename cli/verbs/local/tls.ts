// `millrace tls`: makes an authority and certificates for a broker and its clients, for development and small set-ups.
import { Command, InvalidArgumentError } from 'commander'
import { withExamples } from '../../help.ts'
import { hostOf, isHostName } from '../../tls/host-name.ts'
import { print, type Terminal } from '../../terminal.ts'

interface InitOptions {
  readonly dir: string
  readonly name: readonly string[]
}

interface ClientOptions {
  readonly dir: string
  readonly name: string
}

export function tlsVerb(terminal: Terminal): Command {
  const command = new Command('tls').description(
    'Make certificates for TLS: an authority, a broker, its clients.',
  )
  command.addCommand(initVerb(terminal))
  command.addCommand(clientVerb(terminal))
  return command
}

function initVerb(terminal: Terminal): Command {
  const command = new Command('init')
    .description("Make a broker's certificate, and a development authority where the directory has none.")
    .option('--dir <path>', 'where to write', './tls')
    .option('--name <name>', 'a name or address of the broker; may be given several times', collectNames, [])
    .action(async ({ dir, name }: InitOptions) => {
      const { initDirectory } = await import('../../tls/files.ts')
      const { authority, cert, key, madeAuthority, until } = await initDirectory(dir, name, new Date())
      const lines = [
        ...(madeAuthority
          ? [`${authority}: the authority; give it to clients (its key stays beside it)`]
          : []),
        `${cert}: the broker's certificate, valid until ${dayOf(until)}`,
        `${key}: its key, for this user alone`,
        '',
        `Start the broker:  millrace serve --host 0.0.0.0 --tls-dir ${dir}`,
        `Connect to it:     connect('millraces://${hostOf(name)}:7400', { tls: { ca: readFileSync('${authority}') } })`,
      ]
      for (const line of lines) print(terminal, line)
    })
  return withExamples(command, [
    { line: 'millrace tls init', says: 'for a broker on this machine: localhost, 127.0.0.1, ::1' },
    { line: 'millrace tls init --dir ./tls --name broker.example.org', says: 'for other machines, too' },
  ])
}

function clientVerb(terminal: Terminal): Command {
  const command = new Command('client')
    .description("Make a client's certificate by the authority of the directory.")
    .option('--dir <path>', 'the directory of `millrace tls init`', './tls')
    .requiredOption(
      '--name <name>',
      'who the client is: shop, shop@example.org, spiffe://example.org/shop',
      oneName,
    )
    .action(async ({ dir, name }: ClientOptions) => {
      const { addClient } = await import('../../tls/files.ts')
      const { cert, key, until, knownAs } = await addClient(dir, name, new Date())
      const lines = [
        `${cert}: the client's certificate, valid until ${dayOf(until)}`,
        `${key}: its key, for this user alone`,
        '',
        `Start the broker:  millrace serve --tls-dir ${dir} --tls-clients optional`,
        `Say who that is:   millrace principal certificate PRINCIPAL ${shellWord(knownAs)}`,
        `In the client:     connect(url, { tls: { ca, cert: readFileSync('${cert}'), key: readFileSync('${key}') } })`,
      ]
      for (const line of lines) print(terminal, line)
    })
  return withExamples(command, [
    {
      line: 'millrace tls client --dir ./tls --name shop',
      says: 'for a client that the broker knows as shop',
    },
  ])
}

/** `IP Address:10.1.2.3` has a blank. */
function shellWord(text: string): string {
  return text.includes(' ') ? `'${text}'` : text
}

function collectNames(name: string, before: readonly string[]): readonly string[] {
  return [...before, hostName(name)]
}

/** Refuses what no client finds in a url. */
function hostName(name: string): string {
  if (isHostName(name)) return name
  throw new InvalidArgumentError(
    'Expected a host name in ASCII, such as broker.example.org or *.example.org, or an IP address: no port, no brackets.',
  )
}

/** Refuses what no certificate can have as a name: what is not ASCII must be written as in a url. */
function oneName(name: string): string {
  if (/^[\x21-\x7e]{1,253}$/.test(name) && !name.includes(',')) return name
  throw new InvalidArgumentError('Expected a name of printable ASCII, without spaces and commas.')
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10)
}
