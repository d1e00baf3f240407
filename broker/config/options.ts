// The one table of process options. Runs anywhere; pure data. Flags, environment names, file keys, `--help`, the JSON
// Schema, docs/configuration.md and the type `Config` derive from it; defaults and bounds are written as users write them.
// A setting of one stream is a field of the stream, never an option here.
import { accessOptions, tlsOptions } from './sections/access-options.ts'
import type { AppName } from './apps/app-table.ts'
import { analyticsOptions } from './apps/analytics-options.ts'
import { agentOptions } from './apps/agent-options.ts'
import { deliveryOptions } from './apps/delivery-options.ts'
import { functionsOptions } from './apps/functions-options.ts'
import { kinesisOptions } from './apps/kinesis-options.ts'
import { clientOptions } from './sections/client-options.ts'
import type { KindName, KindValue } from './kinds.ts'

export interface Option {
  readonly kind: KindName
  /** null: no default. 'auto': decided at start, see `auto`. */
  readonly default: string | null
  /** What `auto` means. Present where `auto` is a value. */
  readonly auto?: string
  readonly min?: string
  readonly max?: string
  /** The allowed values, for the kind `choice`. */
  readonly values?: readonly string[]
  /** What a text must look like, beyond its kind. `expected` completes "expected …". */
  readonly form?: { readonly pattern: string; readonly expected: string }
  readonly example: string
  readonly doc: string
  /** Who has a reason to change the option: people who run a broker, or people who work on its code. */
  readonly audience: 'operator' | 'developer'
  /** What reads the option: the daemon, or programs that connect to it. */
  readonly scope: 'broker' | 'client'
  /** True for a secret: it comes from the environment alone, since a flag would show it in the list of processes. */
  readonly isSecret?: true
  /** The app whose option it is, with the app's name before its own. */
  readonly app?: AppName
}

export const options = {
  config: {
    kind: 'path',
    default: null,
    example: '/etc/millrace.json',
    doc: 'JSON file with options, keyed by the names in this table. Flags and environment go before it.',
    audience: 'operator',
    scope: 'broker',
  },
  dataDir: {
    kind: 'path',
    default: './data',
    example: '/var/lib/millrace',
    doc: 'Directory of everything stored. One daemon holds it at a time; never on a network file system.',
    audience: 'operator',
    scope: 'broker',
  },
  host: {
    kind: 'string',
    default: '127.0.0.1',
    example: '::1',
    doc: 'Address that all ports listen on. The default takes connections from this machine only.',
    audience: 'operator',
    scope: 'broker',
  },
  advertiseHost: {
    kind: 'string',
    default: 'auto',
    auto: 'the value of host; where that is a wildcard address, whatever each client reached the controller by',
    example: 'broker.example.org',
    doc: 'Name or address under which clients reach the shard hosts, where it is not that of the controller.',
    audience: 'operator',
    scope: 'broker',
  },
  insecure: {
    kind: 'switch',
    default: 'false',
    example: 'true',
    doc: 'Listen without TLS also where other machines reach the broker, although everyone who reaches it may do everything.',
    audience: 'operator',
    scope: 'broker',
  },
  ...tlsOptions,
  ...accessOptions,
  port: {
    kind: 'port',
    default: '7400',
    min: '0',
    max: '65535',
    example: '7400',
    doc: 'Port of the controller, the one that clients are given. 0 takes any free port.',
    audience: 'operator',
    scope: 'broker',
  },
  hostPortBase: {
    kind: 'port',
    default: '7401',
    min: '0',
    max: '65535',
    example: '7401',
    doc: 'Port of the first shard host; the others follow. Clients must reach them. 0 takes free ports.',
    audience: 'operator',
    scope: 'broker',
  },
  advertisePortBase: {
    kind: 'port',
    default: 'auto',
    auto: 'the ports that the hosts listen on',
    min: '1',
    max: '65535',
    example: '17401',
    doc: 'Port under which clients reach the first shard host, the others follow, where a container or proxy maps them.',
    audience: 'operator',
    scope: 'broker',
  },
  adminPort: {
    kind: 'port',
    default: '7480',
    min: '0',
    max: '65535',
    example: '7480',
    doc: 'Port of /healthz, /readyz and /metrics, over HTTP, or HTTPS with a TLS directory. 0 takes any free port.',
    audience: 'operator',
    scope: 'broker',
  },
  adminHost: {
    kind: 'string',
    default: '127.0.0.1',
    example: '::1',
    doc: 'Address that the admin port listens on. The default takes connections from this machine only.',
    audience: 'operator',
    scope: 'broker',
  },
  adminNames: {
    kind: 'string',
    default: null,
    example: 'broker.example.org,metrics.internal',
    doc: 'Names, beside addresses and localhost, under which /metrics answers: web pages of others cannot read it.',
    audience: 'operator',
    scope: 'broker',
  },
  hosts: {
    kind: 'count',
    default: 'auto',
    auto: '1 on up to 4 cores, else a quarter of the cores, and never more than owners',
    min: '1',
    max: '64',
    example: '2',
    doc: 'Shard host processes. Changing it moves no data.',
    audience: 'operator',
    scope: 'broker',
  },
  owners: {
    kind: 'count',
    default: 'auto',
    auto: 'one for each host',
    min: '1',
    max: '256',
    example: '4',
    doc: 'Owners that take new shards: each is one thread with its own segments. Owners that hold shards already are always run.',
    audience: 'operator',
    scope: 'broker',
  },
  segmentSize: {
    kind: 'bytes',
    default: '256MiB',
    min: '1MiB',
    max: '64GiB',
    example: '1GiB',
    doc: 'A segment is sealed at this size. Retention removes segments of which nothing is left, and compacts others.',
    audience: 'operator',
    scope: 'broker',
  },
  segmentAge: {
    kind: 'duration',
    default: '24h',
    min: '1m',
    max: '30d',
    example: '6h',
    doc: 'A segment is sealed when it is so old, however small: what expires can then go.',
    audience: 'operator',
    scope: 'broker',
  },
  compactionRate: {
    kind: 'bytes',
    default: '32MiB',
    min: '1MiB',
    max: '16GiB',
    example: '100MiB',
    doc: 'What compaction may read and write a second, on each host, beside appends and reads.',
    audience: 'operator',
    scope: 'broker',
  },
  onDemandShards: {
    kind: 'count',
    default: '4',
    min: '1',
    max: '4096',
    example: '8',
    doc: 'Shards that an on-demand stream starts with, unless its creator says otherwise; also the fewest it is merged to.',
    audience: 'operator',
    scope: 'broker',
  },
  onDemandShardBytes: {
    kind: 'bytes',
    default: '4MiB',
    min: '1KiB',
    max: '1GiB',
    example: '500KiB',
    doc: 'Bytes a second that one shard of an on-demand stream is meant to take, unless its creator says otherwise.',
    audience: 'operator',
    scope: 'broker',
  },
  onDemandShardRecords: {
    kind: 'count',
    default: '40000',
    min: '1',
    max: '10000000',
    example: '1000',
    doc: 'Records a second that one shard of an on-demand stream is meant to take, unless its creator says otherwise.',
    audience: 'operator',
    scope: 'broker',
  },
  tailCacheSize: {
    kind: 'bytes',
    default: '64MiB',
    min: '1MiB',
    max: '64GiB',
    example: '256MiB',
    doc: 'Newest batches that each host keeps in memory, so that readers at the tail never touch the disk.',
    audience: 'operator',
    scope: 'broker',
  },
  appendQueueSize: {
    kind: 'bytes',
    default: '64MiB',
    // The largest request must fit into the queue: limits.frameBytesMax.
    min: '16MiB',
    max: '4GiB',
    example: '128MiB',
    doc: 'Appends that each host holds while they wait for the disk; beyond it, producers are answered overloaded.',
    audience: 'operator',
    scope: 'broker',
  },
  freeSpaceFloor: {
    kind: 'bytes',
    default: '512MiB',
    min: '0B',
    max: '1TiB',
    example: '10GiB',
    doc: 'While less disk space than this is free, appends are refused as storageFull and reads go on.',
    audience: 'operator',
    scope: 'broker',
  },
  readerThreads: {
    kind: 'count',
    default: 'auto',
    auto: 'half of the cores that each host has, from 1 to 4',
    min: '1',
    max: '64',
    example: '4',
    doc: 'Threads of each host that read what is not in memory.',
    audience: 'operator',
    scope: 'broker',
  },
  maxConnections: {
    kind: 'count',
    default: '4096',
    min: '1',
    max: '100000',
    example: '10000',
    doc: 'Connections that each process takes; further ones are closed at once.',
    audience: 'operator',
    scope: 'broker',
  },
  drainTimeout: {
    kind: 'duration',
    default: '10s',
    min: '0ms',
    max: '10m',
    example: '30s',
    doc: 'How long a stopping daemon goes on answering what is in flight. Keep it below what the service manager waits.',
    audience: 'operator',
    scope: 'broker',
  },
  logLevel: {
    kind: 'choice',
    default: 'info',
    values: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    example: 'debug',
    doc: 'Least severe level that is logged.',
    audience: 'operator',
    scope: 'broker',
  },
  logFormat: {
    kind: 'choice',
    default: 'auto',
    auto: 'pretty on a terminal, else json',
    values: ['json', 'pretty'],
    example: 'json',
    doc: 'One JSON object a line, or lines for people.',
    audience: 'operator',
    scope: 'broker',
  },
  with: {
    kind: 'string',
    default: null,
    example: 'kinesis',
    doc: 'Apps that the daemon runs beside the broker, separated by commas. Each is a process of its own, and is started again where it ends.',
    audience: 'operator',
    scope: 'broker',
  },
  ...kinesisOptions,
  ...agentOptions,
  ...deliveryOptions,
  ...functionsOptions,
  ...analyticsOptions,
  ...clientOptions,
} as const satisfies Record<string, Option>

type Options = typeof options
export type OptionName = keyof Options

type EntryValue<E extends Option> =
  | (E extends { values: readonly (infer V)[] } ? V : KindValue<E['kind']>)
  | (E extends { auto: string } ? 'auto' : never)
  | (E extends { default: null } ? undefined : never)

type NamesOf<S extends Option['scope']> = {
  [K in OptionName]: Options[K]['scope'] extends S ? K : never
}[OptionName]

/** Names of the daemon's options; all others are options of clients. */
export type BrokerOptionName = NamesOf<'broker'>

/** Names of the options of programs that connect. */
export type ClientOptionName = NamesOf<'client'>

/** The value of every option, given or default, with `auto` not decided yet. */
export type OptionValues = { readonly [K in BrokerOptionName]: EntryValue<Options[K]> }

/** Returns every option of a scope, in the order of the table. */
export function optionsOf<S extends Option['scope']>(scope: S): readonly (readonly [NamesOf<S>, Option])[] {
  return Object.entries<Option>(options)
    .filter(([, option]) => option.scope === scope)
    .map(([name, option]) => [name as NamesOf<S>, option] as const)
}

/** `dataDir` as a flag: `--data-dir`. */
export function flagOf(name: OptionName): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** `dataDir` in the environment: `MILLRACE_DATA_DIR`. */
export function environmentNameOf(name: OptionName): string {
  return `MILLRACE_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}
