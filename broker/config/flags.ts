// The option table as flags of the command line. Runs in the command line; pure.
import { kinds } from './kinds.ts'
import { environmentNameOf, flagOf, optionsOf, type BrokerOptionName } from './options.ts'

export interface ConfigFlag {
  /** Key of the value in the flags that `loadConfig` takes. */
  readonly name: BrokerOptionName
  /** `--data-dir <path>` */
  readonly flag: string
  /** The option's line of `--help`. */
  readonly help: string
}

/** Returns a flag for each option of the daemon, in the order of the table. `loadConfig` parses and checks the values. */
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
