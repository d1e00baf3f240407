// Loads the configuration: reads the environment and the configuration file. Runs in the controller and the command line.
import { readFileSync } from 'node:fs'
import { ConfigError } from './config-error.ts'
import { processEnvironment, thisMachine, type EnvironmentVariables, type Machine } from './environment.ts'
import { environmentNameOf, flagOf } from './options.ts'
import { resolveConfig, type ConfigSources, type ResolvedConfig } from './resolve.ts'

/**
 * Resolves the configuration of a daemon from its flags (by option name: `dataDir`), the environment, and the file
 * that `--config` or `MILLRACE_CONFIG` names. Throws ConfigError.
 */
export function loadConfig(
  flags: Readonly<Record<string, unknown>>,
  env: EnvironmentVariables = processEnvironment(),
  machine: Machine = thisMachine(),
  flagName?: ConfigSources['flagName'],
): ResolvedConfig {
  const variable = environmentNameOf('config')
  const path = typeof flags['config'] === 'string' ? flags['config'] : env[variable]
  if (path === undefined) return resolveConfig({ flags, env, flagName }, machine)
  const named = flags['config'] === undefined ? variable : flagOf('config')
  return resolveConfig({ flags, env, flagName, file: { path, content: readJson(path, named) } }, machine)
}

function readJson(path: string, named: string): unknown {
  try {
    // Some editors put a byte order mark at the start, which is no part of the JSON.
    return JSON.parse(readFileSync(path, 'utf8').replace(/^\ufeff/, ''))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigError(`${named} names ${path}, which cannot be read as JSON: ${reason}.`, {
      cause: error,
    })
  }
}
