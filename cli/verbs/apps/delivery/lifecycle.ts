// `millrace delivery list|describe|pause|resume|delete`: what deliveries there are, how far they are and why, and their ends.
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { confirm } from '../../../confirm.ts'
import { withClient } from '../../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../../connecting/options.ts'
import { Failure } from '../../../failure.ts'
import { jsonOption, withExamples } from '../../../help.ts'
import { print, printJson, screenColumns, tell, type Terminal } from '../../../terminal.ts'
import { withDefinitions } from './definitions-module.ts'
import { deliveryReport, deliveryTable, shownJson, withoutSecrets } from './report.ts'

interface Shared extends ConnectionFlags {
  readonly json?: true
}

/** How long apps may take to leave a delivery, before their work is left to them. */
const LEAVE_MS = 30_000
const POLL_MS = 200

export function listVerb(terminal: Terminal): Command {
  const command = new Command('list')
    .description('List all deliveries by name: state, stream, place, format and version.')
    .addOption(jsonOption())
    .action(async (flags: Shared) => {
      const deliveries = await withDefinitions((definitions) =>
        withClient(terminal, flags, (client) => definitions.listDeliveries(client)),
      )
      if (flags.json === true) {
        const shown = deliveries.map(({ name, definition }) => ({
          name,
          definition: withoutSecrets(definition),
        }))
        return printJson(terminal, shown, { indent: 2 })
      }
      if (deliveries.length === 0) {
        return tell(
          terminal,
          'There is no delivery. Make one with `millrace delivery create <name> --stream <stream> --to <place>`.',
        )
      }
      print(terminal, deliveryTable(deliveries, { columns: screenColumns(terminal) }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace delivery list', says: 'a table' },
    { line: "millrace delivery list --json | jq -r '.[].name'", says: 'the names alone' },
  ])
}

export function describeVerb(terminal: Terminal): Command {
  const command = new Command('describe')
    .description(
      'Describe a delivery: what it is to do, what the app says of it, what is delivered, and for each shard how far it is ' +
        'behind, and the reason.',
    )
    .argument('<name>')
    .addOption(jsonOption())
    .action(async (name: string, flags: Shared) => {
      const shown = await withDefinitions((definitions) =>
        withClient(terminal, flags, (client) => definitions.describeDelivery(client, name)),
      )
      if (flags.json === true) printJson(terminal, shownJson(shown), { indent: 2 })
      else print(terminal, deliveryReport(shown, { columns: screenColumns(terminal) }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace delivery describe lake', says: 'tables' },
    {
      line: "millrace delivery describe lake --json | jq '.group.totals.recordsBehind'",
      says: 'how many records are behind',
    },
  ])
}

export function pauseVerb(terminal: Terminal): Command {
  return stateVerb(terminal, 'paused', {
    verb: 'pause',
    about: 'Pause a delivery: what was read is written, and nothing more is read until it is resumed.',
    said: (name) => `Paused ${name}.`,
  })
}

export function resumeVerb(terminal: Terminal): Command {
  return stateVerb(terminal, 'active', {
    verb: 'resume',
    about: 'Resume a delivery that was paused: it goes on where it was.',
    said: (name) => `Resumed ${name}.`,
  })
}

function stateVerb(
  terminal: Terminal,
  state: 'active' | 'paused',
  {
    verb,
    about,
    said,
  }: { readonly verb: string; readonly about: string; readonly said: (name: string) => string },
): Command {
  const command = new Command(verb)
    .description(about)
    .argument('<name>')
    .addOption(jsonOption())
    .action(async (name: string, flags: Shared) => {
      const definition = await withDefinitions((definitions) =>
        withClient(terminal, flags, (client) => definitions.setDeliveryState(client, name, state)),
      )
      if (flags.json === true)
        printJson(terminal, { name, definition: withoutSecrets(definition) }, { indent: 2 })
      else print(terminal, said(name))
    })
  return withExamples(withConnection(command), [
    { line: `millrace delivery ${verb} lake`, says: 'for all copies of the app' },
  ])
}

export function deleteVerb(terminal: Terminal): Command {
  const command = new Command('delete')
    .description(
      'Delete a delivery, with its progress, and with its stream where that is its own. What is written stays. Asks first on a terminal; ' +
        'a script is not asked.',
    )
    .argument('<name>')
    .option('--yes', 'do not ask')
    .action(async (name: string, flags: Shared & { readonly yes?: true }) => {
      const isOver = await withDefinitions((definitions) =>
        withClient(terminal, flags, async (client) => {
          const { definition } = await definitions.describeDelivery(client, name)
          const also = definition.source.isOwn ? ` Its stream ${definition.source.stream} goes with it.` : ''
          const question = `Delete the delivery ${name}? What it has not delivered yet is not delivered.${also}`
          if (flags.yes !== true && !(await confirm(terminal, question))) {
            throw new Failure('Nothing was changed.', 'interrupted')
          }
          await definitions.markDeleting(client, name)
          for (let waited = 0; waited < LEAVE_MS; waited += POLL_MS) {
            if (!(await definitions.isInUse(client, name))) {
              await definitions.removeDelivery(client, name)
              return true
            }
            await sleep(POLL_MS)
          }
          return false
        }),
      )
      print(
        terminal,
        isOver ? `Deleted ${name}.` : `${name} is being deleted: an app still writes what it has begun.`,
      )
    })
  return withExamples(withConnection(command), [
    { line: 'millrace delivery delete lake', says: 'asks before it does' },
    { line: 'millrace delivery delete lake --yes', says: 'does not' },
  ])
}
