// The broker's options as flags of a verb, derived from the option table. Values stay text: the configuration reads and
// checks them, so that flags, variables and files are checked by the same rules. Pure.
import { Option, type Command } from 'commander'
import { configFlags, type ConfigFlag } from '../broker/config/flags.ts'

/** Adds a flag for every option, such as `--data-dir <path>`, or only for the options in `names`. */
export function addConfigFlags(command: Command, names?: readonly ConfigFlag['name'][]): Command {
  for (const flag of configFlags()) {
    if (names === undefined || names.includes(flag.name)) {
      const option = new Option(flag.flag, flag.help)
      command.addOption(flag.app === undefined ? option : option.helpGroup(`Options of the app ${flag.app}:`))
    }
  }
  return command
}

/** The given flags by option name, as `loadConfig` takes them. */
export function configFlagValues(command: Command): Readonly<Record<string, unknown>> {
  const given = command.opts<Record<string, unknown>>()
  return Object.fromEntries(
    configFlags().flatMap(({ name }) => (given[name] === undefined ? [] : [[name, given[name]]])),
  )
}
