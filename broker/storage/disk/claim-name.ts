// A process' claim to a directory, as a file name. Runs anywhere in storage; pure except for `claimOfThisProcess`.
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { bootId, pidNamespace, processStartOf } from './process-identity.ts'

/** The process that claims. A field is empty if the platform does not tell it. */
export interface Claim {
  readonly pid: number
  readonly host: string
  readonly bootId: string
  readonly pidNamespace: string
  /** When the process started, in kernel ticks: a process that reuses the pid has another start. */
  readonly processStart: string
}

const SEPARATOR = '_'
/** Keeps a name far below the 255 bytes that file systems allow. */
const PART_CHARACTERS_MAX = 64

/** The claim of this process. */
export async function claimOfThisProcess(): Promise<Claim> {
  return {
    pid: process.pid,
    host: partOf(hostname()),
    bootId: partOf(await bootId()),
    pidNamespace: partOf(await pidNamespace()),
    processStart: partOf(await processStartOf(process.pid)),
  }
}

/** A unique name for a claim: no two calls return the same name. */
export function formatClaimName({
  pid,
  host,
  bootId: boot,
  pidNamespace: space,
  processStart,
}: Claim): string {
  return [pid, randomBytes(8).toString('hex'), processStart, boot, space, host].join(SEPARATOR)
}

/** Undefined if `name` is not a claim's name. */
export function parseClaimName(name: string): Claim | undefined {
  const parts = name.split(SEPARATOR)
  const [pid, , processStart, boot, space, host] = parts
  if (parts.length !== 6 || !/^[1-9]\d*$/.test(pid!)) return undefined
  return { pid: Number(pid), host: host!, bootId: boot!, pidNamespace: space!, processStart: processStart! }
}

/** Keeps only characters that every system allows in a file name and that are not the separator. */
function partOf(text: string | undefined): string {
  return (text ?? '').replaceAll(/[^\dA-Za-z.-]+/g, '-').slice(0, PART_CHARACTERS_MAX)
}
