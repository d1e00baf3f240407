// The one table of quotas: what a principal, or an address that clients come from, may take of the broker. Runs in every process
// that listens; pure data. Checks, the option `quotas`, metrics and docs/quotas.md derive from it.
// Most have no default, because an honest user must never meet one: what keeps a client from harming others is bounded
// elsewhere, by what is free. A quota is for whoever runs a broker for several parties.
import { limits } from '../../../protocol/limits.ts'

const MiB = 1024 * 1024

/** What happens at a quota: a refusal with this error code, or the connection is not read, or sent to, for a moment. */
export type QuotaEffect = 'limitExceeded' | 'throttled' | 'tooManyProducers' | 'slowConsumer' | 'held'

export interface QuotaDefault {
  /** Infinity: no limit. */
  readonly value: number
  readonly why: string
}

export interface Quota {
  readonly unit: 'count' | 'bytes'
  /** True for so many a second; what is not used is saved for one second. */
  readonly perSecond: boolean
  /** Who counts: each process for itself, each owner for itself, or the controller for the whole broker. */
  readonly countedBy: 'process' | 'owner' | 'broker'
  readonly effect: QuotaEffect
  /** For a principal; absent where it is not counted for principals. */
  readonly principal?: QuotaDefault
  /** For an address other than loopback; absent where it is not counted for addresses. */
  readonly address?: QuotaDefault
  readonly doc: string
}

const unlimited = (why: string): QuotaDefault => ({ value: Infinity, why })

const byMakingRoom = unlimited(
  'Idle connections make room for new ones, and a sixteenth of `max-connections` is kept for addresses that hold few.',
)
const byTheDisk = unlimited(
  'One producer may use all that the disk takes; beyond that its connection stands still.',
)

/** Three quarters of what the output of all clients of a process may hold. */
const unsent: QuotaDefault = {
  value: 120 * MiB,
  why: 'All clients of a process share 160 MiB: nobody alone can take what others need. Readers stop far below it.',
}

export const quotas = {
  connections: {
    unit: 'count',
    perSecond: false,
    countedBy: 'process',
    effect: 'limitExceeded',
    principal: byMakingRoom,
    address: byMakingRoom,
    doc: 'Open connections.',
  },
  requests: {
    unit: 'count',
    perSecond: true,
    countedBy: 'process',
    effect: 'throttled',
    principal: unlimited(
      'A thousand small clients under one name ask often. Unanswered requests are bounded anyway.',
    ),
    address: unlimited('As for principals.'),
    doc: 'Requests other than hello, authenticate and ping. One that comes too early is refused whole, with nothing done.',
  },
  bytesIn: {
    unit: 'bytes',
    perSecond: true,
    countedBy: 'process',
    effect: 'held',
    principal: byTheDisk,
    address: byTheDisk,
    doc: 'Bytes received. Beyond it the connection is not read for a moment: TCP slows the sender, which gets no error.',
  },
  bytesOut: {
    unit: 'bytes',
    perSecond: true,
    countedBy: 'process',
    effect: 'held',
    principal: unlimited('A reader that catches up may use the whole network.'),
    address: unlimited('As for principals.'),
    doc: 'Bytes sent. Beyond it nothing more is read from the disk or pushed for the client, and its requests wait, for a moment.',
  },
  unsentBytes: {
    unit: 'bytes',
    perSecond: false,
    countedBy: 'process',
    effect: 'slowConsumer',
    principal: unsent,
    address: unsent,
    doc: 'Memory of answers and pushes that its clients do not take. Beyond it they are cut: first those that take nothing, the largest first.',
  },
  producerIds: {
    unit: 'count',
    perSecond: false,
    countedBy: 'owner',
    effect: 'tooManyProducers',
    principal: unlimited(
      `Each new id takes a share of the ${limits.producersPerOwnerMax} places that leaves as many for others.`,
    ),
    doc: 'Producers that an owner remembers, counted once per shard.',
  },
  streams: {
    unit: 'count',
    perSecond: false,
    countedBy: 'broker',
    effect: 'limitExceeded',
    principal: { value: limits.streamsMax / 2, why: `Half of the broker's ${limits.streamsMax}.` },
    doc: 'Streams that the principal created.',
  },
  shards: {
    unit: 'count',
    perSecond: false,
    countedBy: 'broker',
    effect: 'limitExceeded',
    principal: { value: limits.shardsMax / 2, why: `Half of the broker's ${limits.shardsMax}.` },
    doc: 'Shards of the streams that the principal created, closed ones that can still be read included.',
  },
  subscriptions: {
    unit: 'count',
    perSecond: false,
    countedBy: 'process',
    effect: 'limitExceeded',
    principal: unlimited(`A connection has ${limits.subscriptionsPerSessionMax} at most.`),
    address: unlimited(`A connection has ${limits.subscriptionsPerSessionMax} at most.`),
    doc: 'Open subscriptions.',
  },
  groups: {
    unit: 'count',
    perSecond: false,
    countedBy: 'broker',
    effect: 'limitExceeded',
    principal: { value: limits.groupsMax / 2, why: `Half of the broker's ${limits.groupsMax}.` },
    doc: 'Consumer groups that the principal made.',
  },
  failedLogins: {
    unit: 'count',
    perSecond: true,
    countedBy: 'process',
    effect: 'throttled',
    address: {
      value: 10,
      why: 'A fleet with an expired token fails once a minute each. Secrets of 256 bits cannot be guessed at any rate.',
    },
    doc: 'Refused credentials. Beyond it, connections from the address are turned away before anything is read, unless somebody has logged in from there within ten minutes: a right credential is then always taken.',
  },
} as const satisfies Record<string, Quota>

export type QuotaName = keyof typeof quotas
export const quotaNames = Object.keys(quotas) as readonly QuotaName[]

/** The largest value of each quota that holds for one principal or one address; Infinity: none. */
export type QuotaValues = Readonly<Record<QuotaName, number>>

/** What whoever runs the broker has set; plain data. */
export interface QuotaSettings {
  /** For each principal. */
  readonly principal: Partial<QuotaValues>
  /** For each address. */
  readonly address: Partial<QuotaValues>
  /** For principals by name; goes before `principal`. */
  readonly principals: Readonly<Record<string, Partial<QuotaValues>>>
}

/** Nothing set: the defaults hold. */
export const noQuotaSettings: QuotaSettings = { principal: {}, address: {}, principals: {} }

/** The principal that defaults do not bind: it must be able to set things right. */
const ROOT = 'root'

/** Returns what holds for a principal. */
export function quotasOfPrincipal(settings: QuotaSettings, name: string): QuotaValues {
  const own = Object.hasOwn(settings.principals, name) ? settings.principals[name] : undefined
  return valuesOf('principal', name === ROOT ? {} : settings.principal, own, name !== ROOT)
}

/** Returns what holds for an address. */
export function quotasOfAddress(settings: QuotaSettings): QuotaValues {
  return valuesOf('address', settings.address, undefined, true)
}

/** Returns the least value that `unsentBytes` has for anybody. */
export function leastUnsentBytes(settings: QuotaSettings): number {
  const some = Object.keys(settings.principals).map((name) => quotasOfPrincipal(settings, name).unsentBytes)
  // A name that nobody can have stands for those without values of their own.
  return Math.min(quotasOfAddress(settings).unsentBytes, quotasOfPrincipal(settings, '').unsentBytes, ...some)
}

function valuesOf(
  per: 'principal' | 'address',
  general: Partial<QuotaValues>,
  own: Partial<QuotaValues> | undefined,
  hasDefaults: boolean,
): QuotaValues {
  const valueOf = (name: QuotaName): number => {
    const quota: Quota = quotas[name]
    return own?.[name] ?? general[name] ?? (hasDefaults ? quota[per]?.value : undefined) ?? Infinity
  }
  return Object.fromEntries(quotaNames.map((name) => [name, valueOf(name)])) as QuotaValues
}
