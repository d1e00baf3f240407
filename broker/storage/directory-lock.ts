// Keeps a directory to one process. Runs in the controller for the data directory, on owner threads for an owner's.
// Every contender writes a claim under a unique name and then looks for other claims: of any two contenders, the
// later one sees the earlier, so at most one holds the lock. Names are never used twice, so removing a dead process'
// claim cannot remove a living one's. A killed holder costs no wait: its claim names a process that is gone.
// A claim is an empty file; its name says everything. It is complete as soon as it exists, and takes no block, so a
// directory can be locked on a full disk. A holder that ends leaves its two files as spares, under names of no meaning, so that
// the next one can claim the directory where the disk has no inode left either.
import { randomBytes, randomInt } from 'node:crypto'
import { open, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { MillraceError } from '../../protocol/millrace-error.ts'
import { refusal } from '../../protocol/refusal.ts'
import { type Claim, claimOfThisProcess, formatClaimName, parseClaimName } from './disk/claim-name.ts'
import { ensureDirectory } from './disk/durable-files.ts'
import { FILE_MODE, refuseUnlessDirectory } from './disk/private-files.ts'
import { isProcessAlive } from './disk/process-identity.ts'

const LOCK_DIRECTORY = 'lock'
const CLAIM_SUFFIX = '.claim'
const HELD_SUFFIX = '.held'
const PROBE_INFIX = '-probe-'
/** What claims and held marks become when they are given up. Either name may serve as either. */
const SPARES = ['spare-1', 'spare-2']
/** How often a holder touches its claim, for contenders that cannot look up its process: other hosts and containers. */
const HEARTBEAT_MS = 2000
/** Such contenders take a holder for dead after this long without a touch. */
const HEARTBEAT_DEAD_MS = 20_000
const POLL_MS = 24
/** Contenders that meet before either holds the lock step back and try again for this long. */
const CONTENTION_MS = 3000

export interface DirectoryLock {
  release(): Promise<void>
}

/** The claim of another living process. */
interface Rival {
  readonly claim: Claim
  readonly holds: boolean
  /** True if the rival's process can be looked up from this process. */
  readonly isNeighbour: boolean
}

/**
 * Locks an existing directory for this process. Waits up to `waitMs` for a living holder to release it, then rejects
 * with `unavailable` and names the holder. A dead holder's claim is removed at once.
 */
export async function lockDirectory(
  directory: string,
  options: { waitMs?: number } = {},
): Promise<DirectoryLock> {
  const deadline = performance.now() + (options.waitMs ?? 0)
  const lock = join(directory, LOCK_DIRECTORY)
  await refuseUnlessDirectory(lock)
  // Not Node's recursive mkdir, which calls a disk without a free inode ENOENT.
  await ensureDirectory(lock)
  const own = await claimOfThisProcess()
  const contention = performance.now() + CONTENTION_MS
  for (;;) {
    const name = await putClaim(lock, own)
    let rival: Rival | undefined
    try {
      rival = await findRival(lock, own, name)
      if (rival === undefined) return await hold(lock, name)
    } catch (error) {
      await removeClaim(lock, name) // left behind, it would keep the directory locked while this process lives
      throw error
    }
    await rm(join(lock, name + CLAIM_SUFFIX), { force: true })
    // A rival that does not hold the lock also steps back.
    if (performance.now() >= (rival.holds ? deadline : Math.max(deadline, contention)))
      throw heldBy(directory, rival, own)
    // The delay is random, so that two contenders do not step back in step for ever.
    await setTimeout(randomInt(POLL_MS / 2, 2 * POLL_MS))
  }
}

/** Removes a directory that holds nothing, except for a lock that no process holds or asks for. Leaves any other as it is. */
export async function removeUnlocked(directory: string): Promise<void> {
  // Removes empty directories only, so a claim or a file that another process has put there stops it.
  const lock = join(directory, LOCK_DIRECTORY)
  for (const spare of SPARES) await rm(join(lock, spare), { force: true })
  for (const path of [lock, directory]) await rmdir(path).catch(() => undefined)
}

/** Describes the living process that holds a directory; undefined if no process does. */
export async function holderOf(directory: string): Promise<string | undefined> {
  const own = await claimOfThisProcess()
  const rival = await findRival(join(directory, LOCK_DIRECTORY), own, undefined)
  return rival && describe(rival.claim, own)
}

/** Writes a claim under a new name, and returns the name. */
async function putClaim(lock: string, own: Claim): Promise<string> {
  const name = formatClaimName(own)
  try {
    await putFile(lock, name + CLAIM_SUFFIX)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    // The disk has no room even for an empty file: removing the claims of dead processes makes some.
    await findRival(lock, own, name)
    await putFile(lock, name + CLAIM_SUFFIX)
  }
  return name
}

/** Creates an empty file, or makes it of a spare one where the disk has no inode for it. */
async function putFile(lock: string, name: string): Promise<void> {
  try {
    await writeFile(join(lock, name), '', { flag: 'wx', mode: FILE_MODE })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    for (const spare of SPARES) {
      // Only one of two contenders can rename a spare.
      const isTaken = await rename(join(lock, spare), join(lock, name)).then(
        () => true,
        () => false,
      )
      if (isTaken) return
    }
    throw error
  }
}

/** Finds a living process' claim other than `ownName`. If `ownName` is given, removes the claims of dead processes. */
async function findRival(lock: string, own: Claim, ownName: string | undefined): Promise<Rival | undefined> {
  const files = await namesIn(lock)
  for (const file of files) {
    if (!file.endsWith(CLAIM_SUFFIX)) continue
    const name = file.slice(0, -CLAIM_SUFFIX.length)
    if (name === ownName) continue
    const path = join(lock, file)
    const claim = parseClaimName(name)
    if (claim === undefined) {
      throw refusal(
        'unavailable',
        `${path} is no claim of this version of millrace. If no other version of it runs on this directory, remove that file.`,
      )
    }
    const isNeighbour = claim.host === own.host && claim.pidNamespace === own.pidNamespace
    const isAlive = isNeighbour ? await isRunning(claim, own) : await isBeating(path)
    if (isAlive) return { claim, isNeighbour, holds: files.includes(name + HELD_SUFFIX) }
    if (ownName !== undefined) await removeClaim(lock, name)
  }
  return undefined
}

async function namesIn(lock: string): Promise<string[]> {
  try {
    return await readdir(lock)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [] // the directory was never locked
    throw error
  }
}

function isRunning({ bootId, pid, processStart }: Claim, own: Claim): Promise<boolean> {
  if (bootId !== own.bootId) return Promise.resolve(false)
  return isProcessAlive(pid, processStart === '' ? undefined : processStart)
}

/** Returns true if a claim was touched lately. Compares two times of one file system, so hosts' clocks do not matter. */
async function isBeating(path: string): Promise<boolean> {
  const name = path + PROBE_INFIX + randomBytes(4).toString('hex')
  const probe = await open(name, 'wx', FILE_MODE)
  try {
    // Reads the probe through its handle: a new holder may remove its name.
    const [now, last] = await Promise.all([probe.stat(), stat(path)])
    return now.mtimeMs - last.mtimeMs < HEARTBEAT_DEAD_MS
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false // the claim was withdrawn meanwhile
    throw error
  } finally {
    await probe.close()
    await rm(name, { force: true })
  }
}

async function hold(lock: string, name: string): Promise<DirectoryLock> {
  await putFile(lock, name + HELD_SUFFIX)
  await removeProbes(lock)
  const claim = await open(join(lock, name + CLAIM_SUFFIX), 'r+')
  let beats = 0
  const heartbeat = setInterval(() => {
    // Changing the length makes the file system's clock set the time, since hosts' clocks may differ. It takes no
    // block.
    claim.truncate(++beats % 2).catch(() => undefined) // matters only where processes cannot be looked up
  }, HEARTBEAT_MS)
  heartbeat.unref()
  return {
    release: async () => {
      clearInterval(heartbeat)
      await claim.close()
      await giveUp(lock, name)
    },
  }
}

/** Removes the probes that killed contenders left. */
async function removeProbes(lock: string): Promise<void> {
  for (const file of await namesIn(lock)) {
    if (file.includes(PROBE_INFIX)) await rm(join(lock, file), { force: true })
  }
}

/** Removes the claim last: without a claim, the held mark means nothing. */
async function removeClaim(lock: string, name: string): Promise<void> {
  await rm(join(lock, name + HELD_SUFFIX), { force: true })
  await rm(join(lock, name + CLAIM_SUFFIX), { force: true })
}

/** Makes spares of a holder's files; the claim last, as above. The spares replace older ones, so they do not add up. */
async function giveUp(lock: string, name: string): Promise<void> {
  const [one, other] = SPARES.map((spare) => join(lock, spare)) as [string, string]
  try {
    await rename(join(lock, name + HELD_SUFFIX), one)
    await rename(join(lock, name + CLAIM_SUFFIX), other)
  } catch {
    await removeClaim(lock, name) // what matters is that the directory is free
  }
}

/** Says how to free the directory. This advice and docs/operations.md must suffice: no file is ever removed by hand. */
function heldBy(directory: string, { claim, isNeighbour }: Rival, own: Claim): MillraceError {
  const advice = isNeighbour
    ? 'Stop it, or give this one another data directory.'
    : 'It cannot be looked up from here, because it runs on another host or in another container. Stop it there; ' +
      `${HEARTBEAT_DEAD_MS / 1000} seconds after its last sign of life the directory is free by itself.`
  return refusal('unavailable', `${directory} is in use by ${describe(claim, own)}. ${advice}`)
}

function describe({ pid, host, pidNamespace }: Claim, own: Claim): string {
  const isHere = host === own.host && pidNamespace === own.pidNamespace
  const where = host === own.host ? '' : ` on ${host}`
  return pid === own.pid && isHere ? `this process (pid ${pid})` : `process ${pid}${where}`
}
