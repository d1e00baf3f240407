// Keeps a directory of positions to one agent. Each contender writes a claim under a name of its own and then looks for others: of
// any two, the later one sees the earlier, so at most one goes on. Names are never used twice, so removing a dead process' claim
// cannot remove a living one's. A killed holder costs no wait where its process can be looked up; elsewhere (another host, another
// container) its claim counts for as long as it was touched lately.
import { createHash, randomBytes } from 'node:crypto'
import { open, readFile, readdir, readlink, rm, stat, type FileHandle } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'

const FILE_MODE = 0o600
const CLAIM = /^agent-(\d+)-(\d*)-([0-9a-f]+)-[0-9a-f]{8}\.claim$/
const HEARTBEAT_MS = 2_000
const HEARTBEAT_DEAD_MS = 20_000

export interface DirectoryClaim {
  release(): Promise<void>
}

/** Claims an existing directory for this process. Rejects with a sentence that names the process which has it. */
export async function claimDirectory(directory: string): Promise<DirectoryClaim> {
  const place = await placeOfProcess()
  const own = `agent-${process.pid}-${await startOf(process.pid)}-${place}-${randomBytes(4).toString('hex')}.claim`
  const path = join(directory, own)
  const handle = await open(path, 'wx', FILE_MODE)
  try {
    const rival = await findRival(directory, own, place)
    if (rival !== undefined) {
      throw new Error(
        `${directory} is in use by process ${rival.pid}${rival.isNeighbour ? '' : ' of another host or container'}. ` +
          'Stop it, or give this agent another directory of positions.',
      )
    }
  } catch (error) {
    await giveUp(handle, path)
    throw error
  }
  let beats = 0
  // Changing the length lets the file system's clock set the time: clocks of hosts may differ.
  const heartbeat = setInterval(() => void handle.truncate(++beats % 2).catch(() => undefined), HEARTBEAT_MS)
  heartbeat.unref()
  return {
    release: () => {
      clearInterval(heartbeat)
      return giveUp(handle, path)
    },
  }
}

async function giveUp(handle: FileHandle, path: string): Promise<void> {
  await handle.close()
  await rm(path, { force: true })
}

async function findRival(
  directory: string,
  own: string,
  place: string,
): Promise<{ readonly pid: number; readonly isNeighbour: boolean } | undefined> {
  for (const name of await readdir(directory)) {
    const [, pid, start, otherPlace] = CLAIM.exec(name) ?? []
    if (name === own || pid === undefined) continue
    const path = join(directory, name)
    const isNeighbour = otherPlace === place
    const isAlive = isNeighbour
      ? (await isRunning(Number(pid))) && (await startOf(Number(pid))) === start
      : await isBeating(path, join(directory, own))
    if (isAlive) return { pid: Number(pid), isNeighbour }
    await rm(path, { force: true })
  }
  return undefined
}

/** Compares two times of one file system. */
async function isBeating(path: string, fresh: string): Promise<boolean> {
  try {
    const [last, now] = await Promise.all([stat(path), stat(fresh)])
    return now.mtimeMs - last.mtimeMs < HEARTBEAT_DEAD_MS
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false // withdrawn meanwhile
    throw error
  }
}

async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** When a process started, in ticks since boot; empty where the system does not tell. A pid alone may be another's by now. */
async function startOf(pid: number): Promise<string> {
  const line = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  // The name of the program comes second, in parentheses, and may contain anything.
  const [state, ...fields] = line.slice(line.lastIndexOf(')') + 2).split(' ')
  // A killed process that its parent has not asked after yet runs no more.
  return state === 'Z' ? '' : (fields[18] ?? '')
}

/** Names where a pid means the same process: this boot of this host, and the container in it. */
async function placeOfProcess(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '')
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '')
  return createHash('sha256').update(`${hostname()} ${boot} ${namespace}`).digest('hex').slice(0, 16)
}
