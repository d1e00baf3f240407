// `millrace query pause|resume|delete`: whether a query is carried out, and its end.
import { Command } from 'commander'
import { confirm } from '../../../confirm.ts'
import { withClient } from '../../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../../connecting/options.ts'
import { Failure } from '../../../failure.ts'
import { jsonOption, withExamples } from '../../../help.ts'
import { print, printJson, type Terminal } from '../../../terminal.ts'
import { doorOf, loadDefinitions, refusing } from './queries-module.ts'

interface Shared extends ConnectionFlags {
  readonly json?: true
}

export function pauseVerb(terminal: Terminal): Command {
  return stateVerb(terminal, 'paused', {
    name: 'pause',
    description: 'Pause a query: nothing more is read or written until it is resumed. Its place stays.',
    done: 'Paused',
  })
}

export function resumeVerb(terminal: Terminal): Command {
  return stateVerb(terminal, 'running', {
    name: 'resume',
    description: 'Resume a paused query: it goes on where it was, if its streams still have the records.',
    done: 'Resumed',
  })
}

function stateVerb(
  terminal: Terminal,
  state: 'running' | 'paused',
  kind: { readonly name: string; readonly description: string; readonly done: string },
): Command {
  const command = new Command(kind.name)
    .description(kind.description)
    .argument('<query>')
    .addOption(jsonOption())
    .action(async (name: string, flags: Shared) => {
      const { setQueryState } = await loadDefinitions()
      const query = await withClient(terminal, flags, (client) =>
        refusing(() => setQueryState(doorOf(client), name, state)),
      )
      if (flags.json === true) printJson(terminal, query, { indent: 2 })
      else print(terminal, `${kind.done} ${name}.`)
    })
  return withExamples(withConnection(command), [
    { line: `millrace query ${kind.name} views`, says: 'wherever it runs' },
  ])
}

export function deleteVerb(terminal: Terminal): Command {
  const command = new Command('delete')
    .description(
      'Delete a query, and its place in its streams. The streams stay, with the results; those of a version that is tried beside another (NAME.next) are deleted. Asks first on a terminal; a script is not asked.',
    )
    .argument('<query>')
    .option('--yes', 'do not ask')
    .action(async (name: string, flags: ConnectionFlags & { readonly yes?: true }) => {
      const { getQuery, deleteQuery } = await loadDefinitions()
      await withClient(terminal, flags, (client) =>
        refusing(async () => {
          const { beside } = (await getQuery(client, name)).definition
          const question =
            beside === undefined
              ? `Delete the query ${name}? Results of its open windows are not written.`
              : `Delete the query ${name}, and its streams ${beside.streams.join(', ')}?`
          if (flags.yes !== true && !(await confirm(terminal, question)))
            throw new Failure('Nothing was deleted.', 'interrupted')
          await deleteQuery(doorOf(client), name)
        }),
      )
      print(terminal, `Deleted ${name}.`)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace query delete views', says: 'asks before it deletes' },
    { line: 'millrace query delete views --yes', says: 'does not' },
  ])
}
