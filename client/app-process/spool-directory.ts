// The directory where a copy of an app keeps what may be lost, such as waiting records. Runs in the app. It is this process' own, and what a
// killed process of this machine has left in its own is removed by the next one: nobody reads it again, and it may be large.
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Whose a directory is. */
export interface SpoolOwner {
  /** Name of the app, which has an option for the parent of its directories. */
  readonly app: string
  /** What it keeps there, as a message begins: `Waiting records`. */
  readonly keeps: string
  /** Name of the machine: numbers of processes mean nothing on another one. */
  readonly host: string
  readonly pid: number
  /** True while a process of this machine lives. */
  readonly isAlive: (pid: number) => boolean
}

/** Makes the directory. Rejects with a sentence where it cannot. */
export async function openSpoolDirectory(parent: string, owner: SpoolOwner): Promise<string> {
  try {
    await mkdir(parent, { recursive: true })
    await sweep(parent, owner)
    return await mkdtemp(join(parent, `${beginOf(owner)}${owner.pid}-`))
  } catch (error) {
    const { message } = error as Error
    throw new Error(
      `${owner.keeps} cannot be kept in ${parent}: ${message}. Name another directory by --${owner.app}-spool-dir.`,
      { cause: error },
    )
  }
}

/** Asks the system. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function beginOf({ app, host }: SpoolOwner): string {
  return `millrace-${app}-${host.replaceAll(/[^A-Za-z0-9.]/g, '_').slice(0, 64)}-`
}

async function sweep(parent: string, owner: SpoolOwner): Promise<void> {
  const begin = beginOf(owner)
  for (const name of await readdir(parent)) {
    const pid = name.startsWith(begin) ? /^(\d+)-\w{6}$/.exec(name.slice(begin.length))?.[1] : undefined
    if (pid === undefined || owner.isAlive(Number(pid))) continue
    // Another copy that begins now may remove it too.
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => {})
  }
}
