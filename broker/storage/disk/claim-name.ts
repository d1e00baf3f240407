// The claim of a process to a directory, as the name of a file. Runs anywhere in storage; pure but for `claimOfThisProcess`.
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { bootId, pidNamespace, processStartOf } from './process-identity.ts'

/** Which process claims; what the platform does not tell is empty. */
export interface Claim {
  readonly pid: number
  readonly host: string
  readonly bootId: string
  readonly pidNamespace: string
  /** When the process started, in the kernel's own ticks: a reused pid has another. */
  readonly processStart: string
}

const SEPARATOR = '_'
/** With it a name stays far below the 255 bytes that file systems take. */
const PART_CHARACTERS_MAX = 64

/** The claim that this process makes. */
export async function claimOfThisProcess(): Promise<Claim> {
  return {
    pid: process.pid,
    host: partOf(hostname()),
    bootId: partOf(await bootId()),
    pidNamespace: partOf(await pidNamespace()),
    processStart: partOf(await processStartOf(process.pid)),
  }
}

/** A name for a claim that was never given before. */
export function formatClaimName({
  pid,
  host,
  bootId: boot,
  pidNamespace: space,
  processStart,
}: Claim): string {
  return [pid, randomBytes(8).toString('hex'), processStart, boot, space, host].join(SEPARATOR)
}

/** Undefined for a name that is no claim's. */
export function parseClaimName(name: string): Claim | undefined {
  const parts = name.split(SEPARATOR)
  const [pid, , processStart, boot, space, host] = parts
  if (parts.length !== 6 || !/^[1-9]\d*$/.test(pid!)) return undefined
  return { pid: Number(pid), host: host!, bootId: boot!, pidNamespace: space!, processStart: processStart! }
}

/** What may stand in a file's name on every system, and is not the separator. */
function partOf(text: string | undefined): string {
  return (text ?? '').replaceAll(/[^\dA-Za-z.-]+/g, '-').slice(0, PART_CHARACTERS_MAX)
}
