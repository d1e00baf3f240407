// Decides where a verb connects, and by what the broker knows it: from flags, environment, profiles and the data directory.
// Pure but for the files that it is given to read.
//
// What is said nearest to the verb goes first: flags, then the profile that a flag names, the environment, the profile that the
// environment names, the profile in use, the profile of a daemon on this machine. The first of them that names a broker decides.
// Files and tokens are taken from there or from what goes before it, and never from what comes after it: a token for one
// broker must not be sent to another.
import { resolve as resolvePath } from 'node:path'
import { flagOf, environmentNameOf, options, type ClientOptionName } from '../../broker/config/options.ts'
import { Failure } from '../failure.ts'
import { readLocalProfile } from './local-profile.ts'
import type { ConnectionFlags } from './options.ts'
import { readProfiles } from './profile-file.ts'
import { profileOf, type Profile } from './profiles.ts'
import type { Surroundings } from './surroundings.ts'

/** A value, and what it came from: `--ca`, `MILLRACE_CA`, `profile prod`, a path. */
export interface Sourced<T> {
  readonly value: T
  readonly origin: string
}

/** Where the token is. A file is read for each connection, so that a token can be replaced while a verb runs. */
export type TokenSource =
  | { readonly kind: 'file'; readonly path: string; readonly origin: string; readonly followsLinks: boolean }
  | { readonly kind: 'value'; readonly value: string; readonly origin: string }

/** Paths of the files for TLS. All absolute. */
export interface TlsFiles {
  readonly ca?: Sourced<string>
  /** Both or none. */
  readonly cert?: Sourced<string>
  readonly certKey?: Sourced<string>
}

/** Where a verb connects. */
export interface Target {
  readonly url: string
  /** What named the url: `--url`, `MILLRACE_URL`, `profile prod`, the path of a local profile, `default`. */
  readonly origin: string
  readonly tls: TlsFiles
  readonly token?: TokenSource
  /** The local profile, if there is one that this user may not read. */
  readonly unreadable?: string
}

/** One place that settings come from. */
interface Layer {
  readonly settings: ConnectionFlags & { readonly token?: string }
  /** What a message calls a setting of this layer. */
  originOf(name: ClientOptionName): string
  readonly followsLinks: boolean
}

/** Returns where to connect. Throws Failure (usage) if what is said cannot be meant. */
export function resolveTarget(flags: ConnectionFlags, surroundings: Surroundings): Target {
  const { environment, workingDirectory } = surroundings
  const given = layerOf(flags, flagOf, workingDirectory)
  const around = layerOf(fromEnvironment(environment), environmentNameOf, workingDirectory)
  if (flags.url !== undefined && flags.profile !== undefined) {
    throw new Failure('--url and --profile exclude each other: give one of them.', 'usage')
  }
  if (around.settings.token !== undefined && around.settings.tokenFile !== undefined) {
    throw new Failure(
      'MILLRACE_TOKEN and MILLRACE_TOKEN_FILE exclude each other: unset one of them.',
      'usage',
    )
  }
  const named = (name: string, origin: string): Layer =>
    profileLayer(profileOf(readProfiles(surroundings), name, origin), `profile ${name}`)

  if (flags.url !== undefined) return targetOf([given, around], given)
  if (flags.profile !== undefined) {
    const profile = named(flags.profile, '--profile')
    return targetOf([given, profile, around], profile)
  }
  if (around.settings.url !== undefined) return targetOf([given, around], around)
  if (around.settings.profile !== undefined) {
    const profile = named(around.settings.profile, 'MILLRACE_PROFILE')
    return targetOf([given, around, profile], profile)
  }
  const { use } = readProfiles(surroundings)
  if (use !== undefined) {
    const profile = named(use, 'The profile in use')
    return targetOf([given, around, profile], profile)
  }
  const local = readLocalProfile(surroundings)
  if (local.state === 'read') {
    const layer = profileLayer(local.profile, local.path, { followsLinks: false })
    return targetOf([given, around, layer], layer)
  }
  const unreadable = local.state === 'unreadable' ? { unreadable: local.path } : {}
  return { ...targetOf([given, around], defaults), ...unreadable }
}

/** True for the url of a broker that is reached over TLS. */
export function isTlsUrl(url: string): boolean {
  return url.startsWith('millraces://')
}

const defaults: Layer = {
  settings: { url: options.url.default },
  originOf: () => 'default',
  followsLinks: true,
}

function layerOf(settings: Layer['settings'], originOf: Layer['originOf'], workingDirectory: string): Layer {
  const absolute = Object.entries(settings).map(([name, value]) => [
    name,
    options[name as ClientOptionName]?.kind === 'path' && value !== undefined
      ? resolvePath(workingDirectory, value)
      : value,
  ])
  return { settings: Object.fromEntries(absolute) as Layer['settings'], originOf, followsLinks: true }
}

function profileLayer(
  profile: Profile,
  origin: string,
  { followsLinks = true }: { followsLinks?: boolean } = {},
): Layer {
  return { settings: profile, originOf: () => origin, followsLinks }
}

/** The settings of the environment; an empty variable counts as none. */
function fromEnvironment(environment: Surroundings['environment']): Layer['settings'] {
  const names: ClientOptionName[] = ['url', 'profile', 'ca', 'cert', 'certKey', 'tokenFile', 'token']
  const entries = names.map((name) => [name, environment[environmentNameOf(name)]] as const)
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== ''))
}

/** Takes the url from `broker`, and all else from the first layer that has it. */
function targetOf(layers: readonly Layer[], broker: Layer): Target {
  const url = broker.settings.url!
  const token = tokenOf(layers)
  return {
    url,
    origin: broker.originOf('url'),
    tls: isTlsUrl(url) ? tlsFilesOf(layers) : refuseTls(layers[0]!, url),
    ...(token === undefined ? {} : { token }),
  }
}

function tokenOf(layers: readonly Layer[]): TokenSource | undefined {
  for (const { settings, originOf, followsLinks } of layers) {
    const { token, tokenFile } = settings
    if (token !== undefined) return { kind: 'value', value: token.trim(), origin: originOf('token') }
    if (tokenFile !== undefined) {
      return { kind: 'file', path: tokenFile, origin: originOf('tokenFile'), followsLinks }
    }
  }
  return undefined
}

/** A certificate and its key are a pair, and so they come from one layer. */
function tlsFilesOf(layers: readonly Layer[]): TlsFiles {
  const signed = layers.find(({ settings }) => settings.ca !== undefined)
  const ca = signed && { value: signed.settings.ca!, origin: signed.originOf('ca') }
  const layer = layers.find(({ settings }) => settings.cert !== undefined || settings.certKey !== undefined)
  if (layer === undefined) return ca === undefined ? {} : { ca }
  const { cert, certKey } = layer.settings
  if (cert === undefined || certKey === undefined) {
    const [there, missing] =
      cert === undefined ? (['certKey', 'cert'] as const) : (['cert', 'certKey'] as const)
    throw new Failure(
      `${layer.originOf(there)} names ${there === 'cert' ? 'a certificate' : 'a key'}, and nothing names its ` +
        `${missing === 'cert' ? 'certificate' : 'key'}: add ${flagOf(missing)} or ${environmentNameOf(missing)}.`,
      'usage',
    )
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    cert: { value: cert, origin: layer.originOf('cert') },
    certKey: { value: certKey, origin: layer.originOf('certKey') },
  }
}

/** What the environment says of TLS is for brokers that have it; a flag is meant for this one. */
function refuseTls({ settings }: Layer, url: string): TlsFiles {
  const flag = (['ca', 'cert', 'certKey'] as const).find((name) => settings[name] !== undefined)
  if (flag === undefined) return {}
  throw new Failure(
    `${flagOf(flag)} is for TLS, and ${url} has none: a url with TLS begins with millraces://.`,
    'usage',
  )
}
