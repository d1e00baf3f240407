// Tells whether a process named by pid is the one it was. Runs anywhere in storage. A pid alone proves nothing: it is
// reused, after a reboot at once, and in a container every daemon may have the same. What a platform does not offer is
// undefined, and the caller decides without it.
import { readFile, readlink } from 'node:fs/promises'

/** Changes with every boot of the machine. Linux only. */
export async function bootId(): Promise<string | undefined> {
  return textOf(() => readFile('/proc/sys/kernel/random/boot_id', 'utf8'))
}

/** Pids of two processes can be compared only within the same one. Linux only. */
export async function pidNamespace(): Promise<string | undefined> {
  return textOf(() => readlink('/proc/self/ns/pid'))
}

/** When a process started, in clock ticks since boot; undefined where it does not exist or cannot be asked. */
export async function processStartOf(pid: number): Promise<string | undefined> {
  return (await statOf(pid))?.[19]
}

/**
 * Whether a process still runs. One that was killed and not yet reaped by its parent does not: it holds no file, and in
 * a container whose first process reaps nobody it would keep its place for ever. While a thread of it is still on its
 * way out, in a write to the disk perhaps, it does.
 */
export async function isProcessAlive(pid: number): Promise<boolean> {
  const stat = await statOf(pid)
  if (stat) return !(stat[0] === 'Z' && Number(stat[17]) <= 1)
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Fields of proc(5)'s stat from the state on. The name before it stands in parentheses and may hold anything. */
async function statOf(pid: number): Promise<readonly string[] | undefined> {
  const stat = await textOf(() => readFile(`/proc/${pid}/stat`, 'utf8'))
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
}

async function textOf(read: () => Promise<string>): Promise<string | undefined> {
  try {
    return (await read()).trim()
  } catch {
    return undefined
  }
}
