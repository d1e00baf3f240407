// `millrace token create|list|revoke`: tokens, by which the broker knows its clients. A token is shown once, when it is made.
import { Command } from 'commander'
import { parseGrant } from '../../../protocol/access/grant-text.ts'
import { expiresHelp, parseExpiry } from '../../access/expiry.ts'
import { credentialTable } from '../../access/reports.ts'
import { SecretFile } from '../../access/secret-file.ts'
import { confirm } from '../../confirm.ts'
import { collect, withClient } from '../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../connecting/options.ts'
import { Failure } from '../../failure.ts'
import { jsonOption, withExamples } from '../../help.ts'
import { print, printJson, screenColumns, tell, type Terminal } from '../../terminal.ts'

interface Shared extends ConnectionFlags {
  readonly json?: true
}

interface CreateFlags extends Shared {
  readonly grant: readonly string[]
  readonly expires?: string
  readonly description: string
  readonly out?: string
  readonly replace?: true
}

export function tokenVerb(terminal: Terminal): Command {
  return withExamples(
    new Command('token')
      .description('Make, list and revoke tokens, by which the broker knows its clients.')
      .addCommand(createVerb(terminal))
      .addCommand(listVerb(terminal))
      .addCommand(revokeVerb(terminal)),
    [
      {
        line: "millrace token create shop --grant 'orders-*:read,write' --expires 30d",
        says: 'prints the token, once',
      },
      { line: 'millrace token list', says: 'whose they are, and when each was used' },
    ],
  )
}

function createVerb(terminal: Terminal): Command {
  const command = new Command('create')
    .description(
      'Make a token for a principal, which is made where there is none, and give grants to that principal. The token alone is ' +
        'written to standard output, or to a file with --out; the broker keeps no more than its hash.',
    )
    .argument('<principal>', 'who shows the token: 1 to 128 letters, digits, _ . -')
    .option(
      '--grant <grant>',
      "[kind:]pattern:actions, such as 'orders-*:read,write' or 'group:billing:read'; may be repeated",
      addGrant,
      [],
    )
    .option('--expires <when>', expiresHelp)
    .option('--description <text>', 'what it is for', '')
    .option('--out <path>', 'write the token to this file, for you alone to read')
    .option('--replace', 'with --out, in the place of a file that is there')
    .addOption(jsonOption())
    .action((principal: string, options: CreateFlags) => create(terminal, principal, options))
  return withExamples(withConnection(command), [
    {
      line: "millrace token create shop --grant 'orders-*:read,write' --expires 30d --out shop.token",
      says: 'in a file of its own',
    },
    { line: 'millrace token create shop --out shop.token --replace', says: 'another with the same grants' },
    {
      line: "millrace token create ops --grant '*:*:admin' --description 'on call'",
      says: 'one that may do everything',
    },
  ])
}

async function create(terminal: Terminal, principal: string, options: CreateFlags): Promise<void> {
  const { grant: grants, description, out } = options
  const expiresAt = parseExpiry(options.expires, Date.now())
  // Before the token is made, so that none is made which cannot be kept.
  await using file =
    out === undefined ? undefined : await SecretFile.open(out, { replace: options.replace === true })
  const { id, token } = await withClient(terminal, options, (client) =>
    client.access.createToken(principal, {
      grants,
      description,
      ...(expiresAt === undefined ? {} : { expiresAt }),
    }),
  )
  await file?.keep(`${token}\n`)
  if (options.json === true) {
    const secret = out === undefined ? { token } : { file: out }
    return printJson(terminal, { id, principal, description, expiresAt, ...secret }, { indent: 2 })
  }
  if (out === undefined) print(terminal, token)
  tell(
    terminal,
    `Made the token ${id} for ${principal}, ${expiresAt === undefined ? 'without an end' : `until ${expiresAt.toISOString()}`}. ` +
      (out === undefined ? 'It is shown this once.' : `It is in ${out}, and nowhere else.`),
  )
}

function listVerb(terminal: Terminal): Command {
  const command = new Command('list')
    .description('List tokens: whose they are, what for, when they end, and when each was last used.')
    .option('--principal <principal>', 'those of this principal')
    .addOption(jsonOption())
    .action(async (options: Shared & { principal?: string }) => {
      const { principal } = options
      const tokens = await withClient(terminal, options, (client) =>
        collect(client.access.listTokens(principal === undefined ? {} : { principal })),
      )
      if (options.json === true) return printJson(terminal, tokens, { indent: 2 })
      if (tokens.length === 0) return tell(terminal, 'There is no such token that you may see.')
      const room = { columns: screenColumns(terminal) }
      print(terminal, credentialTable(tokens, { now: Date.now(), room }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace token list', says: 'a table' },
    { line: 'millrace token list --principal shop', says: 'those of one principal' },
    {
      line: "millrace token list --json | jq -r '.[] | select(.lastUsedAt == null).id'",
      says: 'those that nobody uses',
    },
  ])
}

function revokeVerb(terminal: Terminal): Command {
  const command = new Command('revoke')
    .description(
      'Revoke a token: sessions that began with it end at once. Asks first on a terminal; a script is not asked.',
    )
    .argument('<token>', 'its id, as `millrace token list` shows it')
    .option('--yes', 'do not ask')
    .action(async (id: string, options: ConnectionFlags & { yes?: true }) => {
      refuseSecret(id)
      await withClient(terminal, options, async (client) => {
        if (options.yes !== true && !(await confirm(terminal, `Revoke the token ${id}? Its sessions end.`))) {
          throw new Failure('Nothing was revoked.', 'interrupted')
        }
        await client.access.revokeToken(id)
      })
      print(terminal, `Revoked ${id}.`)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace token revoke 4pWm1cXb7RtK9sQe', says: 'asks before it does' },
    { line: 'millrace token revoke 4pWm1cXb7RtK9sQe --yes', says: 'does not' },
  ])
}

/** Checks a grant before anything is asked. */
function addGrant(text: string, grants: readonly string[]): readonly string[] {
  parseGrant(text)
  return [...grants, text]
}

/** Other users of this machine, and the shell's history, have seen it by now. */
function refuseSecret(id: string): void {
  const match = /^mr_([0-9A-Za-z]+)_./.exec(id)
  if (match === null) return
  throw new Failure(
    `That is the token itself, which does not belong on a command line. Its id is ${match[1]}: revoke that.`,
    'usage',
  )
}
