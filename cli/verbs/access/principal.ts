// `millrace principal list|describe|grant|ungrant|certificate|delete`: who there is, and what each may do.
import { Command } from 'commander'
import { parseGrant } from '../../../protocol/access/grant-text.ts'
import { expiresHelp, parseExpiry } from '../../access/expiry.ts'
import { principalReport, principalTable } from '../../access/reports.ts'
import { confirm } from '../../confirm.ts'
import { collect, withClient } from '../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../connecting/options.ts'
import { Failure } from '../../failure.ts'
import { jsonOption, withExamples } from '../../help.ts'
import type { Principal } from '../../../client/index.ts'
import { print, printJson, screenColumns, tell, type Terminal } from '../../terminal.ts'

interface Shared extends ConnectionFlags {
  readonly json?: true
}

export function principalVerb(terminal: Terminal): Command {
  return withExamples(
    new Command('principal')
      .description('List and describe principals, give them grants, and take grants from them.')
      .addCommand(listVerb(terminal))
      .addCommand(describeVerb(terminal))
      .addCommand(grantVerb(terminal))
      .addCommand(ungrantVerb(terminal))
      .addCommand(certificateVerb(terminal))
      .addCommand(deleteVerb(terminal)),
    [
      { line: 'millrace principal describe', says: 'who you are, and what you may do' },
      { line: "millrace principal grant shop 'orders-*:read'", says: 'at once, in open sessions too' },
    ],
  )
}

function listVerb(terminal: Terminal): Command {
  const command = new Command('list')
    .description('List the principals that you may give grants to, and yourself.')
    .addOption(jsonOption())
    .action(async (options: Shared) => {
      const principals = await withClient(terminal, options, (client) =>
        collect(client.access.listPrincipals()),
      )
      if (options.json === true) return printJson(terminal, principals, { indent: 2 })
      if (principals.length === 0) return tell(terminal, 'There is no principal that you may see.')
      print(terminal, principalTable(principals, { columns: screenColumns(terminal) }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace principal list', says: 'a table' },
    { line: "millrace principal list --json | jq -r '.[].name'", says: 'the names alone' },
  ])
}

function describeVerb(terminal: Terminal): Command {
  const command = new Command('describe')
    .description('Describe a principal; without a name, the one that you are.')
    .argument('[principal]')
    .addOption(jsonOption())
    .action(async (name: string | undefined, options: Shared) => {
      const principal = await withClient(terminal, options, (client) => client.access.describePrincipal(name))
      show(terminal, principal, options)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace principal describe', says: 'who you are' },
    { line: 'millrace principal describe shop', says: 'what it may do, and until when' },
  ])
}

function grantVerb(terminal: Terminal): Command {
  const command = new Command('grant')
    .description(
      'Give grants to a principal, which is made where there is none. Open sessions follow at once.',
    )
    .argument('<principal>')
    .argument('<grant...>', "[kind:]pattern:actions, such as 'orders-*:read,write' or 'group:billing:read'")
    .option('--expires <when>', expiresHelp)
    .addOption(jsonOption())
    .action(async (name: string, texts: readonly string[], options: Shared & { expires?: string }) => {
      const expiresAt = parseExpiry(options.expires, Date.now())
      const add = texts.map((text) => ({
        ...parseGrant(text),
        ...(expiresAt === undefined ? {} : { expiresAt }),
      }))
      const principal = await withClient(terminal, options, (client) =>
        client.access.updatePrincipal(name, { add }),
      )
      show(terminal, principal, options)
    })
  return withExamples(withConnection(command), [
    { line: "millrace principal grant shop 'orders-*:read,write'", says: 'all streams of that prefix' },
    { line: 'millrace principal grant shop group:billing:read --expires 8h', says: 'for a working day' },
  ])
}

function ungrantVerb(terminal: Terminal): Command {
  const command = new Command('ungrant')
    .description(
      'Take grants from a principal: those of that kind and pattern lose the actions. Open sessions follow at once.',
    )
    .argument('<principal>')
    .argument('<grant...>', 'as `millrace principal describe` shows them')
    .addOption(jsonOption())
    .action(async (name: string, texts: readonly string[], options: Shared) => {
      const remove = texts.map(parseGrant)
      const principal = await withClient(terminal, options, async (client) => {
        // It would be made, with nothing to take from it.
        await client.access.describePrincipal(name)
        return client.access.updatePrincipal(name, { remove })
      })
      show(terminal, principal, options)
    })
  return withExamples(withConnection(command), [
    { line: "millrace principal ungrant shop 'orders-*:write'", says: 'may read them still' },
  ])
}

function certificateVerb(terminal: Terminal): Command {
  const command = new Command('certificate')
    .description(
      'Say which client certificates stand for a principal: those with one of these subject alternative names, compared ' +
        'exactly. The names take the place of those before.',
    )
    .argument('<principal>')
    .argument('[names...]', 'such as DNS:shop.example.org or URI:spiffe://example.org/shop')
    .option('--none', 'no certificate stands for it any more')
    .addOption(jsonOption())
    .action(async (name: string, names: readonly string[], options: Shared & { none?: true }) => {
      if ((names.length === 0) !== (options.none === true)) {
        throw new Failure('Give names of certificates, or ask for --none: one of the two.', 'usage')
      }
      const principal = await withClient(terminal, options, (client) =>
        client.access.updatePrincipal(name, { certificateNames: names }),
      )
      show(terminal, principal, options)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace principal certificate shop DNS:shop.example.org', says: 'needs no token then' },
    { line: 'millrace principal certificate shop --none', says: 'as before' },
  ])
}

function deleteVerb(terminal: Terminal): Command {
  const command = new Command('delete')
    .description(
      'Delete a principal with its grants, tokens and access keys: its sessions end. What it made stays. Asks first on a ' +
        'terminal; a script is not asked.',
    )
    .argument('<principal>')
    .option('--yes', 'do not ask')
    .action(async (name: string, options: ConnectionFlags & { yes?: true }) => {
      await withClient(terminal, options, async (client) => {
        await client.access.describePrincipal(name)
        const question = `Delete ${name} with all its tokens? Its sessions end.`
        if (options.yes !== true && !(await confirm(terminal, question))) {
          throw new Failure('Nothing was deleted.', 'interrupted')
        }
        await client.access.deletePrincipal(name)
      })
      print(terminal, `Deleted ${name}.`)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace principal delete shop', says: 'asks before it deletes' },
    { line: 'millrace principal delete shop --yes', says: 'does not' },
  ])
}

function show(terminal: Terminal, principal: Principal, { json }: Shared): void {
  if (json === true) printJson(terminal, principal, { indent: 2 })
  else print(terminal, principalReport(principal, { columns: screenColumns(terminal) }))
}
