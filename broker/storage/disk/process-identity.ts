// Tells whether the process with a pid is still the same process. Runs anywhere in storage. A pid alone proves nothing:
// pids are reused, quickly after a reboot, and in containers every daemon may have the same. A value that the platform
// lacks is undefined, and the caller decides without it.
import { readFile, readlink } from 'node:fs/promises'

/** An id that changes with every boot of the machine. Linux only. */
export async function bootId(): Promise<string | undefined> {
  return textOf(() => readFile('/proc/sys/kernel/random/boot_id', 'utf8'))
}

/** Two pids can be compared only within one pid namespace. Linux only. */
export async function pidNamespace(): Promise<string | undefined> {
  return textOf(() => readlink('/proc/self/ns/pid'))
}

/** When a process started, in clock ticks since boot; undefined if the platform does not tell. */
export async function processStartOf(pid: number): Promise<string | undefined> {
  return (await processStatusOf(pid))?.start
}

/**
 * Returns true if a process with this pid runs and, if both are known, has this start. A killed process that its parent
 * has not reaped does not run: it has no open file, and in a container whose first process reaps none it would hold its
 * lock for ever. While one of its threads still exits, perhaps in a write to the disk, it runs. If the platform does
 * not tell, it runs.
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
  // Fields of proc(5) from the state on. The process name before them is in parentheses and may contain anything.
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
