// `millrace access-key create|list|revoke`: pairs of id and secret that sign requests to the endpoint of Kinesis.
import { Command } from 'commander'
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
  readonly expires?: string
  readonly description: string
  readonly out?: string
  readonly replace?: true
}

export function accessKeyVerb(terminal: Terminal): Command {
  return withExamples(
    new Command('access-key')
      .description('Make, list and revoke access keys, by which programs sign requests.')
      .addCommand(createVerb(terminal))
      .addCommand(listVerb(terminal))
      .addCommand(revokeVerb(terminal)),
    [
      { line: 'millrace access-key create shop --out shop.env', says: 'in a file of its own' },
      { line: 'millrace access-key list', says: 'whose they are, and when each was used' },
    ],
  )
}

function createVerb(terminal: Terminal): Command {
  const command = new Command('create')
    .description(
      'Make an access key for a principal. Its id and its secret are written to standard output as variables that programs of ' +
        'AWS read, or to a file with --out; the secret is not shown again.',
    )
    .argument('<principal>')
    .option('--expires <when>', expiresHelp)
    .option('--description <text>', 'what it is for', '')
    .option('--out <path>', 'write them to this file, for you alone to read')
    .option('--replace', 'with --out, in the place of a file that is there')
    .addOption(jsonOption())
    .action((principal: string, options: CreateFlags) => create(terminal, principal, options))
  return withExamples(withConnection(command), [
    { line: 'millrace access-key create shop --out shop.env', says: 'as AWS_ACCESS_KEY_ID and its secret' },
    { line: 'millrace access-key create shop --expires 90d --json', says: 'for a script' },
  ])
}

async function create(terminal: Terminal, principal: string, options: CreateFlags): Promise<void> {
  const { description, out } = options
  const expiresAt = parseExpiry(options.expires, Date.now())
  await using file =
    out === undefined ? undefined : await SecretFile.open(out, { replace: options.replace === true })
  const { id, secret } = await withClient(terminal, options, (client) =>
    client.access.createAccessKey(principal, {
      description,
      ...(expiresAt === undefined ? {} : { expiresAt }),
    }),
  )
  const variables = `AWS_ACCESS_KEY_ID=${id}\nAWS_SECRET_ACCESS_KEY=${secret}`
  await file?.keep(`${variables}\n`)
  if (options.json === true) {
    const shown = out === undefined ? { secret } : { file: out }
    return printJson(terminal, { id, principal, description, expiresAt, ...shown }, { indent: 2 })
  }
  if (out === undefined) print(terminal, variables)
  tell(
    terminal,
    `Made the access key ${id} for ${principal}. ` +
      (out === undefined ? 'Its secret is shown this once.' : `It is in ${out}, and nowhere else.`),
  )
}

function listVerb(terminal: Terminal): Command {
  const command = new Command('list')
    .description('List access keys: whose they are, what for, when they end, and when each was last used.')
    .option('--principal <principal>', 'those of this principal')
    .addOption(jsonOption())
    .action(async (options: Shared & { principal?: string }) => {
      const { principal } = options
      const keys = await withClient(terminal, options, (client) =>
        collect(client.access.listAccessKeys(principal === undefined ? {} : { principal })),
      )
      if (options.json === true) return printJson(terminal, keys, { indent: 2 })
      if (keys.length === 0) return tell(terminal, 'There is no such access key that you may see.')
      print(terminal, credentialTable(keys, { now: Date.now(), room: { columns: screenColumns(terminal) } }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace access-key list', says: 'a table' },
    { line: 'millrace access-key list --principal shop', says: 'those of one principal' },
  ])
}

function revokeVerb(terminal: Terminal): Command {
  const command = new Command('revoke')
    .description('Revoke an access key. Asks first on a terminal; a script is not asked.')
    .argument('<access-key>', 'its id, as `millrace access-key list` shows it')
    .option('--yes', 'do not ask')
    .action(async (id: string, options: ConnectionFlags & { yes?: true }) => {
      await withClient(terminal, options, async (client) => {
        if (options.yes !== true && !(await confirm(terminal, `Revoke the access key ${id}?`))) {
          throw new Failure('Nothing was revoked.', 'interrupted')
        }
        await client.access.revokeAccessKey(id)
      })
      print(terminal, `Revoked ${id}.`)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace access-key revoke MRKGFM63BULKRPWXTED5', says: 'asks before it does' },
    { line: 'millrace access-key revoke MRKGFM63BULKRPWXTED5 --yes', says: 'does not' },
  ])
}
