// The option table as the command line shows it. Runs in the command line; pure.
import { kinds } from './kinds.ts'
import { environmentNameOf, flagOf, optionsOf, type BrokerOptionName } from './options.ts'

export interface ConfigFlag {
  /** Key of the value in what `loadConfig` takes. */
  readonly name: BrokerOptionName
  /** `--data-dir <path>` */
  readonly flag: string
  /** Everything in one line of `--help`. */
  readonly help: string
}

/** The daemon's options in the order of the table. Values stay text: `loadConfig` reads and checks them. */
export function configFlags(): readonly ConfigFlag[] {
  return optionsOf('broker').map(([name, option]) => {
    const choices = option.values === undefined ? '' : ` One of ${option.values.join(', ')}.`
    const auto = option.auto === undefined ? '' : `: ${option.auto}`
    const notes = [
      ...(option.default === null ? [] : [`default ${option.default}${auto}`]),
      `env ${environmentNameOf(name)}`,
    ]
    return {
      name,
      flag: `${flagOf(name)} ${kinds[option.kind].placeholder}`.trim(),
      help: `${option.doc}${choices} (${notes.join('; ')})`,
    }
  })
}
