// Resolves flags, environment and file to one frozen, checked configuration. Runs in the controller and the command line;
// pure. Flag over environment over file over default. An unknown key or a value out of bounds is fatal, and the error names
// its origin: a broker that silently ignores a setting is worse than one that does not start.
import { dirname, resolve as resolvePath } from 'node:path'
import { ConfigError, type Origin } from './config-error.ts'
import { deriveConfig, type Config } from './derive.ts'
import { isServiceLink, thisMachine, type EnvironmentVariables, type Machine } from './environment.ts'
import { formatValue, kinds } from './kinds.ts'
import {
  environmentNameOf,
  flagOf,
  optionsOf,
  options,
  type BrokerOptionName,
  type Option,
  type OptionName,
  type OptionValues,
} from './options.ts'

export interface ConfigSources {
  /** Values by option name (`dataDir`), as an option parser returns them; undefined where not given. */
  readonly flags?: Readonly<Record<string, unknown>>
  readonly env?: EnvironmentVariables
  /** A parsed configuration file. */
  readonly file?: { readonly path: string; readonly content: unknown } | undefined
  /** How the flags are written, where not as in the table: `--port` for `kinesisPort`. */
  readonly flagName?: ((name: OptionName) => string) | undefined
  /** Values from a program, as `createBroker` gives them; they override all other sources. */
  readonly settings?: Readonly<Record<string, unknown>>
}

export interface ResolvedConfig {
  readonly values: Config
  readonly origins: Readonly<Record<BrokerOptionName, Origin>>
}

interface Given {
  readonly origin: Origin
  readonly value: unknown
  /** The directory that a relative path starts from. */
  readonly base: string
}

/** Resolves every option, or throws ConfigError with the first error found. */
export function resolveConfig(sources: ConfigSources, machine: Machine = thisMachine()): ResolvedConfig {
  // From the weakest source to the strongest: a later source overrides an earlier one.
  const given = new Map<OptionName, Given>()
  for (const [name, option] of optionsOf('broker')) {
    const origin: Origin = { source: 'default', name: 'default' }
    given.set(name, { origin, value: option.default, base: machine.workingDirectory })
  }
  takeFile(given, sources.file)
  takeEnvironment(given, sources.env ?? {}, machine)
  const { flagName = flagOf } = sources
  takeNamed(given, 'flag', sources.flags ?? {}, { machine, nameOf: flagName })
  takeNamed(given, 'setting', sources.settings ?? {}, { machine, nameOf: String })

  const values: Partial<Record<OptionName, unknown>> = {}
  const origins: Partial<Record<OptionName, Origin>> = {}
  for (const [name, option] of optionsOf('broker')) {
    const found = given.get(name)
    if (found === undefined) continue
    values[name] = readValue(option, found)
    origins[name] = Object.freeze(found.origin)
  }
  const checkedOrigins = Object.freeze(origins as Record<BrokerOptionName, Origin>)
  return { values: deriveConfig(values as OptionValues, checkedOrigins, machine), origins: checkedOrigins }
}

function takeFile(given: Map<OptionName, Given>, file: ConfigSources['file']): void {
  if (file === undefined) return
  const { path, content } = file
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new ConfigError(`${path} must hold one JSON object with option names as keys.`)
  }
  for (const [key, value] of Object.entries(content)) {
    // `$schema` tells an editor where the JSON Schema is; it is not an option.
    if (key === '$schema') continue
    const origin: Origin = { source: 'file', name: `${key} in ${path}` }
    const name = brokerOptionName(key)
    if (name === undefined)
      throw new ConfigError(`${origin.name} is not an option of the daemon.${hint(key)}`)
    if (name === 'config') throw new ConfigError(`${origin.name}: a file cannot name another file.`)
    given.set(name, { origin, value, base: dirname(resolvePath(path)) })
  }
}

function takeEnvironment(
  given: Map<OptionName, Given>,
  environment: EnvironmentVariables,
  machine: Machine,
): void {
  const nameByVariable = new Map(
    Object.keys(options).map((name) => [environmentNameOf(name as OptionName), name]),
  )
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith('MILLRACE_') || value === undefined || isServiceLink(variable, value)) continue
    const key = nameByVariable.get(variable)
    if (key === undefined) {
      throw new ConfigError(`${variable} in the environment is not an option.${hint(variable)}`)
    }
    const name = brokerOptionName(key)
    if (name === undefined) continue
    const origin: Origin = { source: 'environment', name: variable }
    given.set(name, { origin, value, base: machine.workingDirectory })
  }
}

function takeNamed(
  given: Map<OptionName, Given>,
  source: 'flag' | 'setting',
  values: Readonly<Record<string, unknown>>,
  { machine, nameOf }: { readonly machine: Machine; readonly nameOf: (name: OptionName) => string },
): void {
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) continue
    const name = brokerOptionName(key)
    if (name === undefined) throw new ConfigError(`${key} is not an option of the daemon.${hint(key)}`)
    const origin: Origin = { source, name: nameOf(name) }
    given.set(name, { origin, value, base: machine.workingDirectory })
  }
}

function brokerOptionName(key: string): BrokerOptionName | undefined {
  return optionsOf('broker').find(([name]) => name === key)?.[0]
}

/** Suggests the option that was probably meant: the one with the same letters, however they are joined. */
function hint(key: string): string {
  const letters = (text: string): string =>
    text
      .replace(/^MILLRACE_/, '')
      .replace(/[^A-Za-z]/g, '')
      .toLowerCase()
  const near = optionsOf('broker').find(([name]) => letters(name) === letters(key))?.[0]
  if (near === undefined) return ' See `millrace config` for all options.'
  return ` Did you mean ${key.startsWith('MILLRACE_') ? environmentNameOf(near) : near}?`
}

function readValue(option: Option, { origin, value, base }: Given): string | number | boolean | undefined {
  if (value === null && origin.source === 'default') return undefined
  const isPlain = ['string', 'number', 'boolean'].includes(typeof value)
  const text = isPlain ? String(value) : undefined
  if (text === 'auto' && option.auto !== undefined) return 'auto'
  const kind = kinds[option.kind]
  const parsed = text === undefined ? undefined : kind.parse(text)
  const isChoice = option.values === undefined || option.values.some((word) => word === parsed)
  const { form } = option
  const isInForm = form === undefined || new RegExp(form.pattern).test(String(parsed))
  if (parsed === undefined || !isChoice || !isInForm) {
    const words = option.auto === undefined ? option.values : [...(option.values ?? []), 'auto']
    const expected =
      option.values === undefined ? (form?.expected ?? kind.expected) : `one of ${words?.join(', ')}`
    throw new ConfigError(`${origin.name} is ${JSON.stringify(value)}: expected ${expected}.`)
  }
  checkBounds(option, origin, text ?? '', parsed)
  return option.kind === 'path' ? resolvePath(base, String(parsed)) : parsed
}

function checkBounds(option: Option, origin: Origin, text: string, value: string | number | boolean): void {
  for (const side of ['min', 'max'] as const) {
    const boundText = option[side]
    if (boundText === undefined) continue
    const bound = kinds[option.kind].parse(boundText)
    if (bound === undefined || (side === 'min' ? value >= bound : value <= bound)) continue
    const limit = side === 'min' ? 'the least allowed is' : 'the most allowed is'
    throw new ConfigError(`${origin.name} is ${text}: ${limit} ${formatValue(option.kind, bound)}.`)
  }
}
