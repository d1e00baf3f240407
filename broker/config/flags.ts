// The option table as flags of the command line. Runs in the command line; pure.
import type { AppName } from './apps/app-table.ts'
import { kinds } from './kinds.ts'
import {
  environmentNameOf,
  flagOf,
  optionsOf,
  type BrokerOptionName,
  type ClientOptionName,
  type Option,
} from './options.ts'

export interface ConfigFlag<N extends string = BrokerOptionName> {
  /** Key of the value in the flags that `loadConfig` takes. */
  readonly name: N
  /** `--data-dir <path>` */
  readonly flag: string
  /** The option's line of `--help`. */
  readonly help: string
  /** The app whose option it is. */
  readonly app?: AppName
  /** The words that can be its value, where only some can. */
  readonly choices: readonly string[]
}

/** Returns a flag for each option of the daemon, in the order of the table. `loadConfig` parses and checks the values. */
export function configFlags(): readonly ConfigFlag[] {
  return optionsOf('broker').map(([name, option]) => {
    const auto = option.auto === undefined ? '' : `: ${option.auto}`
    const value = option.default === null ? [] : [`default ${option.default}${auto}`]
    return flagFor(name, option, value)
  })
}

/** Returns a flag for each option of programs that connect, in the order of the table. A secret has none. */
export function clientFlags(): readonly ConfigFlag<ClientOptionName>[] {
  return optionsOf('client')
    .filter(([, option]) => option.isSecret !== true)
    .map(([name, option]) => flagFor(name, option, []))
}

function flagFor<N extends BrokerOptionName | ClientOptionName>(
  name: N,
  option: Option,
  notes: readonly string[],
): ConfigFlag<N> {
  const choices = option.values === undefined ? '' : ` One of ${option.values.join(', ')}.`
  return {
    name,
    ...(option.app !== undefined && { app: option.app }),
    choices: [...(option.values ?? []), ...(option.auto === undefined ? [] : ['auto'])],
    flag: `${flagOf(name)} ${kinds[option.kind].placeholder}`.trim(),
    help: `${option.doc}${choices} (${[...notes, `env ${environmentNameOf(name)}`].join('; ')})`,
  }
}
