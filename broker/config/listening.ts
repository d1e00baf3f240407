// Where the broker listens: who may reach it there, and why a port could not be opened, as a sentence that names what to
// change. Runs in the controller and in hosts.
import type { MillraceError } from '../../protocol/millrace-error.ts'
import { refusal } from '../../protocol/refusal.ts'
import type { Config } from './derive.ts'
import { isLoopback } from './url.ts'

export interface ListenAttempt {
  readonly host: string
  readonly port: number
  /** What gave the address, as its reader would write it: `--host`. */
  readonly hostFrom: string
  /** What gave the port: `--port`. */
  readonly portFrom: string
}

/** Opens a port; rejects with `unavailable`, from what the system said, where it cannot be opened. */
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

/** Addresses of the broker that other machines may reach. */
export function openAddresses({ host, adminHost }: Config): readonly string[] {
  return [...new Set([host, adminHost])].filter((address) => !isLoopback(address))
}

/** The names under which the admin port answers more than probes. */
export function adminNames({ adminNames: given, adminHost, advertiseHost }: Config): readonly string[] {
  return [adminHost, advertiseHost, ...(given?.split(',') ?? [])].map((name) => name.trim())
}
