// The options by which a verb finds its broker, from the option table. Every verb that uses a broker has all of them. Pure.
import { Option, type Command } from 'commander'
import { clientFlags } from '../../broker/config/flags.ts'
import type { ClientOptionName } from '../../broker/config/options.ts'

/** What a command line says of the broker. A token is not among it: it would show in the list of processes. */
export type ConnectionFlags = {
  readonly [N in Exclude<ClientOptionName, 'token'>]?: string
}

/** Names of values that completion knows, where the kind of the option does not say it. */
const placeholders: Partial<Record<ClientOptionName, string>> = { url: '<url>', profile: '<profile>' }

/** Adds the connection options to a verb, under a heading of their own. */
export function withConnection(command: Command): Command {
  for (const { name, flag, help } of clientFlags()) {
    const placeholder = placeholders[name]
    const shown = placeholder === undefined ? flag : flag.replace(/<.*>/, placeholder)
    command.addOption(new Option(shown, help).helpGroup('Connection options:'))
  }
  return command
}
