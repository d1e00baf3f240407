// Checks the options that a program gives to createBroker, for callers in plain JavaScript: a misspelt `dataDir` would store
// the data in a temporary directory, and a misspelt `config` would leave every limit at its default. Runs in any process
// that embeds a broker; pure.
import type { BrokerOptions } from './broker.ts'
import { ConfigError } from './config/config-error.ts'
import { optionsOf } from './config/options.ts'

interface Kind {
  /** Follows "expected". */
  readonly expected: string
  readonly accepts: (given: unknown) => boolean
}

const isObject = (given: unknown): given is object =>
  typeof given === 'object' && given !== null && !Array.isArray(given)

const object: Kind = { expected: 'an object', accepts: isObject }
const callback: Kind = { expected: 'a function', accepts: (given) => typeof given === 'function' }

const kindOf: { readonly [N in keyof Required<BrokerOptions>]: Kind } = {
  dataDir: { expected: 'a path', accepts: (given) => typeof given === 'string' && given !== '' },
  listen: {
    expected: 'true, false, or an object with host and port',
    accepts: (given) => typeof given === 'boolean' || (isObject(given) && 'host' in given && 'port' in given),
  },
  threads: { expected: 'true or false', accepts: (given) => typeof given === 'boolean' },
  config: object,
  clock: callback,
  elapsed: callback,
  storage: object,
  openCatalog: callback,
  openSmallRows: callback,
  log: object,
}

/** Throws ConfigError unless createBroker takes these options. An option that is undefined counts as left out. */
export function checkBrokerOptions(given: unknown): void {
  if (!isObject(given))
    throw new ConfigError(`The options of createBroker are ${shown(given)}: expected an object.`)
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    if (!Object.hasOwn(kindOf, name)) throw new ConfigError(unknownText(name))
    const { expected, accepts } = kindOf[name as keyof BrokerOptions]
    if (!accepts(value)) throw new ConfigError(`${name} is ${shown(value)}: expected ${expected}.`)
  }
}

function unknownText(name: string): string {
  const isOfDaemon = optionsOf('broker').some(([known]) => known === name)
  const hint = isOfDaemon
    ? `Write { config: { ${name}: … } }.`
    : `It takes ${Object.keys(kindOf).join(', ')}.`
  return `${name} is not an option of createBroker. ${hint}`
}

function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value)
}
