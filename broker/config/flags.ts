// The option table as the command line shows it. Runs in the command line; pure.
import { kinds } from './kinds.ts'
import { environmentNameOf, flagOf, optionsOf, type BrokerOptionName } from './options.ts'

export interface ConfigFlag {
  /** Key of the value in what `loadConfig` takes. */
  readonly name: BrokerOptionName
  /** `--data-dir <path>` */
  readonly flag: string
  /** One or two sentences, without default or environment name. */
  readonly doc: string
  /** The default as an operator would write it. */
  readonly defaultText: string | undefined
  readonly environmentName: string
  readonly choices: readonly string[] | undefined
  /** Everything in one line of `--help`. */
  readonly help: string
}

/** The daemon's options in the order of the table. Values stay text: `loadConfig` reads and checks them. */
export function configFlags(): readonly ConfigFlag[] {
  return optionsOf('broker').map(([name, option]) => {
    const environmentName = environmentNameOf(name)
    const defaultText = option.default ?? undefined
    const choices = option.values === undefined ? '' : ` One of ${option.values.join(', ')}.`
    const auto = option.auto === undefined ? '' : `: ${option.auto}`
    const notes = [
      ...(defaultText === undefined ? [] : [`default ${defaultText}${auto}`]),
      `env ${environmentName}`,
    ]
    return {
      name,
      flag: `${flagOf(name)} ${kinds[option.kind].placeholder}`,
      doc: option.doc,
      defaultText,
      environmentName,
      choices: option.values,
      help: `${option.doc}${choices} (${notes.join('; ')})`,
    }
  })
}
