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

/** When a process started, in clock ticks since boot; undefined where that cannot be asked. */
export async function processStartOf(pid: number): Promise<string | undefined> {
  return (await processStatusOf(pid))?.start
}

/** Whether the process of that pid lives, and is the one that started then. Where nobody can tell, it is. */
export async function isProcessAlive(pid: number, start: string | undefined): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const status = await processStatusOf(pid)
  if (status === undefined) return true
  return !status.isZombie && (start === undefined || status.start === start)
}

async function processStatusOf(
  pid: number,
): Promise<{ start: string | undefined; isZombie: boolean } | undefined> {
  const text = await textOf(() => readFile(`/proc/${pid}/stat`, 'utf8'))
  if (text === undefined) return undefined
  // The second field is the program's name in parentheses and may hold anything: count from the last parenthesis.
  const [state, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // Dead, but for a parent that does not ask: in a container that can be for ever.
  return { start: rest[18], isZombie: state === 'Z' || state === 'X' }
}

async function textOf(read: () => Promise<string>): Promise<string | undefined> {
  try {
    return (await read()).trim()
  } catch {
    return undefined
  }
}
