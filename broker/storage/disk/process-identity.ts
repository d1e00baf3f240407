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

/**
 * Whether the process of that pid runs, and is the one that started then where that is told. One that was killed and not
 * yet reaped by its parent does not run: it holds no file, and in a container whose first process reaps nobody it would
 * keep its place for ever. While a thread of it is still on its way out, in a write to the disk perhaps, it does. Where
 * nobody can tell, it runs.
 */
export async function isProcessAlive(pid: number, start?: string): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const status = await processStatusOf(pid)
  if (status === undefined) return true
  return !status.isGone && (start === undefined || status.start === start)
}

async function processStatusOf(
  pid: number,
): Promise<{ start: string | undefined; isGone: boolean } | undefined> {
  const text = await textOf(() => readFile(`/proc/${pid}/stat`, 'utf8'))
  if (text === undefined) return undefined
  // Fields of proc(5) from the state on. The name before it stands in parentheses and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, threads, start] = [fields[0], Number(fields[17]), fields[19]]
  return { start, isGone: state === 'Z' && threads <= 1 }
}

async function textOf(read: () => Promise<string>): Promise<string | undefined> {
  try {
    return (await read()).trim()
  } catch {
    return undefined
  }
}
