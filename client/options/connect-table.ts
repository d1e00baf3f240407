// The options of `connect`: a part of the one table in table.ts. Runs in the client, pure.
import { encryptionOptions } from '../encryption/options.ts'
import type { TlsOptions } from '../connecting/tls-transport.ts'
import type { ConnectOptions, RetryPolicy, Rim } from '../settings.ts'
import {
  bytesOrText,
  callback,
  either,
  group,
  principalName,
  signal,
  string,
  whole,
  type Option,
  type OptionsOf,
} from './option.ts'

const retry = {
  backoffMinMs: whole({ min: 0, max: 60_000, default: 50 }),
  backoffMaxMs: whole({ min: 0, max: 600_000, default: 2000 }),
  giveUpAfterMs: whole({ min: 0, max: Infinity, default: Infinity }),
} satisfies OptionsOf<RetryPolicy>

const rim = {
  monotonic: callback,
  clock: callback,
  random: callback,
  randomBytes: callback,
} satisfies OptionsOf<Rim>

// `connect(broker.url, broker)` passes a whole broker of this process, of which only `dial` is an option.
const brokerInProcess = { url: string, dataDir: string, metrics: callback, close: callback }

const tls = {
  ca: bytesOrText,
  cert: bytesOrText,
  key: bytesOrText,
  serverName: string,
} satisfies OptionsOf<TlsOptions>

/** What a function that is given as `tls` returns. */
export const tlsOptions: Option = { ...group(tls), isSecret: true }

export const connectOptions = {
  ...brokerInProcess,
  dial: callback,
  tls: { ...either(group(tls), callback), isSecret: true },
  token: either(string, callback),
  actAs: principalName,
  clientName: string,
  requestTimeoutMs: whole({ min: 1, max: 3_600_000, default: 30_000 }),
  retry: { ...group(retry), fields: retry },
  encryption: { ...group(encryptionOptions), isSecret: true },
  signal,
  log: callback,
  rim: group(rim),
} satisfies OptionsOf<ConnectOptions> & typeof brokerInProcess
