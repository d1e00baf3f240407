// `millrace config`: the value and origin of every option, as `serve` would use them now.
import { Command } from 'commander'
import { loadConfig } from '../../../broker/config/load.ts'
import { formatValue } from '../../../broker/config/kinds.ts'
import { optionsOf } from '../../../broker/config/options.ts'
import { configSchema } from '../../../broker/config/schema.ts'
import { addConfigFlags, configFlagValues } from '../../config-flags.ts'
import { jsonOption, withExamples } from '../../help.ts'
import { formatTable } from '../../output/table.ts'
import { print, printJson, screenColumns, type Terminal } from '../../terminal.ts'

export function configVerb(terminal: Terminal): Command {
  const command = new Command('config')
    .description('Show every option of the daemon, its value, and where the value came from.')
    .addOption(jsonOption())
    .option('--schema', 'print the JSON Schema of a configuration file instead')
    .action((options: { json?: true; schema?: true }) => {
      if (options.schema === true) {
        printJson(terminal, configSchema(), { indent: 2 })
        return
      }
      const { values, origins } = loadConfig(configFlagValues(command))
      const entries = optionsOf('broker').map(([name, { kind }]) => ({
        name,
        value: values[name],
        shown: formatValue(kind, values[name] ?? '') || '-',
        origin: origins[name],
      }))
      if (options.json === true) {
        const byName = entries.map(({ name, value, origin }) => [name, { value: value ?? null, origin }])
        printJson(terminal, Object.fromEntries(byName), { indent: 2 })
        return
      }
      const rows = entries.map(({ name, shown, origin }) => [name, shown, origin.name])
      print(terminal, formatTable(['option', 'value', 'from'], rows, { columns: screenColumns(terminal) }))
    })
  return withExamples(addConfigFlags(command), [
    { line: 'millrace config', says: 'what `millrace serve` would run with here' },
    { line: 'millrace config --data-dir /srv/millrace', says: 'the same, with a flag added' },
    { line: 'millrace config --schema > millrace.schema.json', says: 'lets an editor complete a file' },
  ])
}
