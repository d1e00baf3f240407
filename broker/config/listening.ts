// Opens listening ports: says why a port cannot be opened and which option to change, and which addresses other machines
// may reach. Runs in the controller and in hosts.
import { isLoopback } from '../../protocol/access/loopback.ts'
import type { MillraceError } from '../../protocol/millrace-error.ts'
import { refusal } from '../../protocol/refusal.ts'
import type { Config } from './derive.ts'

export interface ListenAttempt {
  readonly host: string
  readonly port: number
  /** The setting that the address came from, as the user writes it: `--host`. */
  readonly hostFrom: string
  /** The setting that the port came from: `--port`. */
  readonly portFrom: string
}

/** Opens a port; rejects with `unavailable`, and what to change, where the system refuses it. */
export async function listenOrSay<T>(
  attempt: ListenAttempt,
  listen: (at: { readonly host: string; readonly port: number }) => Promise<T>,
): Promise<T> {
  const { host, port } = attempt
  try {
    return await listen({ host, port })
  } catch (cause) {
    throw listenRefusal(cause as NodeJS.ErrnoException, attempt)
  }
}

function listenRefusal(cause: NodeJS.ErrnoException, attempt: ListenAttempt): MillraceError {
  const { host, port, hostFrom, portFrom } = attempt
  const where = `${host}:${port}`
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `${where} is in use, perhaps by another broker; choose another port with ${portFrom}.`,
    EACCES: `This user may not listen on ${where}; choose a port above 1023 with ${portFrom}.`,
    EADDRNOTAVAIL: `${host} is not an address of this machine; choose another with ${hostFrom}.`,
    ENOTFOUND: `${host} is not a known name; choose another with ${hostFrom}.`,
  }
  const message = reasons[cause.code ?? ''] ?? `Cannot listen on ${where}: ${cause.message}.`
  return refusal('unavailable', message, { cause })
}

/** What everyone may do who reaches a port from another machine. */
export interface Openness {
  readonly addresses: readonly string[]
  /** True if that is everything. */
  readonly isWhole: boolean
  /** A sentence for the log of each start. */
  readonly message: string
}

/** Returns what is open to other machines without a credential, or in plain text; undefined if nothing is. */
export function openness({ host, adminHost, access, tlsDir }: Config): Openness | undefined {
  const addresses = [...new Set([host, adminHost])].filter((address) => !isLoopback(address))
  const how = tlsDir === undefined ? 'insecure' : 'open'
  if (access === 'open' && addresses.includes(host)) {
    const message = `${how}: everyone who reaches this broker may read, write and delete everything`
    return { addresses, isWhole: true, message }
  }
  if (tlsDir !== undefined || addresses.length === 0) return undefined
  const message = `${how}: everyone who reaches the admin port may ask for health and metrics, in plain text`
  return { addresses, isWhole: false, message }
}

/** Returns the host names under which the admin port answers more than probes. */
export function adminNames({ adminNames: given, adminHost, advertiseHost }: Config): readonly string[] {
  return [adminHost, advertiseHost, ...(given?.split(',') ?? [])].map((name) => name.trim())
}
