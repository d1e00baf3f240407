// Keeps a directory to one process. Runs in the controller for the data directory, on owner threads for an owner's.
// Every contender puts a claim under a name of its own and then looks at the others: of any two, the later one sees the
// earlier, so at most one goes on. Names are never used twice, so removing the claim of a dead process cannot hit a living
// one. A killed holder costs no wait: its claim names a process that is gone.
import { randomBytes, randomInt } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { MillraceError } from '../../protocol/millrace-error.ts'
import { refusal } from '../../protocol/refusal.ts'
import { bootId, processStartOf, isProcessAlive, pidNamespace } from './disk/process-identity.ts'

const LOCK_DIRECTORY = 'lock'
const CLAIM_SUFFIX = '.claim'
const HELD_SUFFIX = '.held'
const DRAFT_SUFFIX = '.draft'
const PROBE_INFIX = '-probe-'
/** A holder touches its claim this often, for those who cannot look up its process: other hosts and containers. */
const HEARTBEAT_MS = 2000
/** Such a holder is taken for dead after this long without a touch. */
const HEARTBEAT_DEAD_MS = 20_000
const POLL_MS = 24
/** Contenders that meet before either holds the lock step back and try again for this long. */
const CONTENTION_MS = 3000

interface Claim {
  readonly pid: number
  readonly host: string
  readonly bootId: string | undefined
  readonly pidNamespace: string | undefined
  /** When the process started, in the kernel's own ticks: a reused pid has another. */
  readonly processStart: string | undefined
}

export interface DirectoryLock {
  release(): Promise<void>
}

/**
 * Takes a directory for this process, creating it if needed. Waits up to `waitMs` for a living holder to let go; then
 * rejects with `unavailable`, naming the holder. A dead holder's claim is removed at once.
 */
export async function lockDirectory(
  directory: string,
  options: { waitMs?: number } = {},
): Promise<DirectoryLock> {
  const deadline = performance.now() + (options.waitMs ?? 0)
  const lock = join(directory, LOCK_DIRECTORY)
  await mkdir(lock, { recursive: true })
  const contention = performance.now() + CONTENTION_MS
  for (;;) {
    const claim = await putClaim(lock)
    if (claim === undefined) continue
    const rival = await findRival(lock, claim)
    if (rival === undefined) return hold(lock, claim)
    await rm(join(lock, claim + CLAIM_SUFFIX), { force: true })
    // A rival that does not hold the lock steps back as well.
    if (performance.now() >= (rival.holds ? deadline : Math.max(deadline, contention)))
      throw heldBy(directory, rival.claim)
    // At random, so that two contenders do not step back in step for ever.
    await setTimeout(randomInt(POLL_MS / 2, 2 * POLL_MS))
  }
}

/** The living process that holds a directory, in words; undefined where nobody does. */
export async function holderOf(directory: string): Promise<string | undefined> {
  const rival = await findRival(join(directory, LOCK_DIRECTORY), undefined)
  return rival && describe(rival.claim)
}

/**
 * Writes this process' claim under a new name, complete from the moment it is visible. Answers the name; undefined where
 * somebody who took the directory meanwhile has cleaned the draft away.
 */
async function putClaim(lock: string): Promise<string | undefined> {
  const name = `${process.pid}-${randomBytes(8).toString('hex')}`
  const claim: Claim = {
    pid: process.pid,
    host: hostname(),
    bootId: await bootId(),
    pidNamespace: await pidNamespace(),
    processStart: await processStartOf(process.pid),
  }
  const draft = join(lock, name + DRAFT_SUFFIX)
  // Flushed before it counts: a power cut must not leave an empty claim, which nobody would dare to remove.
  await writeFile(draft, JSON.stringify(claim), { flush: true })
  try {
    await rename(draft, join(lock, name + CLAIM_SUFFIX))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  return name
}

/** A living process' claim beside `own`. Removes those of dead ones. */
async function findRival(
  lock: string,
  own: string | undefined,
): Promise<{ claim: Claim; holds: boolean } | undefined> {
  const files = await namesIn(lock)
  for (const file of files) {
    if (!file.endsWith(CLAIM_SUFFIX)) continue
    const name = file.slice(0, -CLAIM_SUFFIX.length)
    if (name === own) continue
    const claim = await readClaim(join(lock, file))
    if (claim === undefined) continue // withdrawn since
    if (await isAlive(claim, join(lock, file))) return { claim, holds: files.includes(name + HELD_SUFFIX) }
    if (own !== undefined) await removeClaim(lock, name)
  }
  return undefined
}

async function namesIn(lock: string): Promise<string[]> {
  try {
    return await readdir(lock)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [] // nobody ever locked it
    throw error
  }
}

async function readClaim(path: string): Promise<Claim | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Claim
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`${path} cannot be read as a claim: if no millrace process runs, remove it.`, {
      cause: error,
    })
  }
}

/** By its process where that can be looked up; by its heartbeat where it lives elsewhere. */
async function isAlive(claim: Claim, path: string): Promise<boolean> {
  const isNeighbour = claim.host === hostname() && (await pidNamespace()) === claim.pidNamespace
  if (!isNeighbour) return isBeating(path)
  return claim.bootId === (await bootId()) && isProcessAlive(claim.pid, claim.processStart)
}

/** Compares two times of the same file system, so that a host's clock does not matter. */
async function isBeating(path: string): Promise<boolean> {
  const name = path + PROBE_INFIX + randomBytes(4).toString('hex')
  const probe = await open(name, 'wx')
  try {
    // Not by its name, which a new holder may clean away.
    const [now, last] = await Promise.all([probe.stat(), stat(path)])
    return now.mtimeMs - last.mtimeMs < HEARTBEAT_DEAD_MS
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false // withdrawn since
    throw error
  } finally {
    await probe.close()
    await rm(name, { force: true })
  }
}

async function hold(lock: string, name: string): Promise<DirectoryLock> {
  await writeFile(join(lock, name + HELD_SUFFIX), '')
  await removeLeftovers(lock)
  const claim = await open(join(lock, name + CLAIM_SUFFIX), 'r+')
  const heartbeat = setInterval(() => {
    // The byte that is there, so that the file system's own clock sets the time: hosts' clocks may differ.
    claim.write('{', 0).catch(() => undefined) // where processes can be looked up nothing hangs on it
  }, HEARTBEAT_MS)
  heartbeat.unref()
  return {
    release: async () => {
      clearInterval(heartbeat)
      await claim.close()
      await removeClaim(lock, name)
    },
  }
}

/** What killed contenders have left. One that lives and loses its draft so begins again, and finds the holder. */
async function removeLeftovers(lock: string): Promise<void> {
  for (const file of await namesIn(lock)) {
    if (file.endsWith(DRAFT_SUFFIX) || file.includes(PROBE_INFIX)) await rm(join(lock, file), { force: true })
  }
}

/** The claim last: without it the mark means nothing. */
async function removeClaim(lock: string, name: string): Promise<void> {
  await rm(join(lock, name + HELD_SUFFIX), { force: true })
  await rm(join(lock, name + CLAIM_SUFFIX), { force: true })
}

function heldBy(directory: string, claim: Claim): MillraceError {
  const message =
    `${directory} is in use by ${describe(claim)}. Stop it, or give this one another data directory. ` +
    `If you are sure that it is gone, remove ${join(directory, LOCK_DIRECTORY)}.`
  return refusal('unavailable', message)
}

function describe({ pid, host }: Claim): string {
  const where = host === hostname() ? '' : ` on ${host}`
  return pid === process.pid && where === '' ? `this process (pid ${pid})` : `process ${pid}${where}`
}
