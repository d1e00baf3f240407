// The names of a broker that its certificate can have. Runs in the command line, pure.
import { isIP } from 'node:net'

const LABEL = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?'
const HOST_NAME = new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`)
const CHARACTERS_MAX = 253

/** Whether a client can find it in a url: an IP address, or a host name, its first label perhaps `*`; no port, no brackets. */
export function isHostName(name: string): boolean {
  const isAddress = isIP(name) !== 0 && !name.includes('%')
  return isAddress || (HOST_NAME.test(name) && name.length <= CHARACTERS_MAX)
}

/** The host of a url for one of the names; that of this machine where no other can stand there. */
export function hostOf(names: readonly string[]): string {
  const host = names.find((name) => !name.startsWith('*')) ?? 'localhost'
  return isIP(host) === 6 ? `[${host}]` : host
}
