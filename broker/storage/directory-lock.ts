// Keeps a directory to one process. Runs in the controller for the data directory, on owner threads for an owner's.
// Every contender puts a claim under a name of its own and then looks at the others: of any two, the later one sees the
// earlier, so at most one goes on. Names are never used twice, so removing the claim of a dead process cannot hit a living
// one. A killed holder costs no wait: its claim names a process that is gone.
// A claim is an empty file that says everything by its name: it is complete from the moment it is there, and it takes no block,
// so that a directory can be taken on a disk that is full.
import { randomBytes, randomInt } from 'node:crypto'
import { mkdir, open, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { MillraceError } from '../../protocol/millrace-error.ts'
import { refusal } from '../../protocol/refusal.ts'
import { type Claim, claimOfThisProcess, formatClaimName, parseClaimName } from './disk/claim-name.ts'
import { DIRECTORY_MODE, FILE_MODE, refuseUnlessDirectory } from './disk/private-files.ts'
import { isProcessAlive } from './disk/process-identity.ts'

const LOCK_DIRECTORY = 'lock'
const CLAIM_SUFFIX = '.claim'
const HELD_SUFFIX = '.held'
const PROBE_INFIX = '-probe-'
/** A holder touches its claim this often, for those who cannot look up its process: other hosts and containers. */
const HEARTBEAT_MS = 2000
/** Such a holder is taken for dead after this long without a touch. */
const HEARTBEAT_DEAD_MS = 20_000
const POLL_MS = 24
/** Contenders that meet before either holds the lock step back and try again for this long. */
const CONTENTION_MS = 3000

export interface DirectoryLock {
  release(): Promise<void>
}

/** A living process' claim. */
interface Rival {
  readonly claim: Claim
  readonly holds: boolean
  /** Its process can be looked up here. */
  readonly isNeighbour: boolean
}

/**
 * Takes a directory, which exists, for this process. Waits up to `waitMs` for a living holder to let go; then rejects with
 * `unavailable`, naming the holder. A dead holder's claim is removed at once.
 */
export async function lockDirectory(
  directory: string,
  options: { waitMs?: number } = {},
): Promise<DirectoryLock> {
  const deadline = performance.now() + (options.waitMs ?? 0)
  const lock = join(directory, LOCK_DIRECTORY)
  await refuseUnlessDirectory(lock)
  await mkdir(lock, { recursive: true, mode: DIRECTORY_MODE })
  const own = await claimOfThisProcess()
  const contention = performance.now() + CONTENTION_MS
  for (;;) {
    const name = await putClaim(lock, own)
    const rival = await findRival(lock, own, name)
    if (rival === undefined) return hold(lock, name)
    await rm(join(lock, name + CLAIM_SUFFIX), { force: true })
    // A rival that does not hold the lock steps back as well.
    if (performance.now() >= (rival.holds ? deadline : Math.max(deadline, contention)))
      throw heldBy(directory, rival, own)
    // At random, so that two contenders do not step back in step for ever.
    await setTimeout(randomInt(POLL_MS / 2, 2 * POLL_MS))
  }
}

/** The living process that holds a directory, in words; undefined where nobody does. */
export async function holderOf(directory: string): Promise<string | undefined> {
  const own = await claimOfThisProcess()
  const rival = await findRival(join(directory, LOCK_DIRECTORY), own, undefined)
  return rival && describe(rival.claim, own)
}

/** Puts a claim under a new name, and answers the name. */
async function putClaim(lock: string, own: Claim): Promise<string> {
  const name = formatClaimName(own)
  const put = () => writeFile(join(lock, name + CLAIM_SUFFIX), '', { flag: 'wx', mode: FILE_MODE })
  try {
    await put()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    // Not even an empty file has room: the claims of dead processes make some.
    await findRival(lock, own, name)
    await put()
  }
  return name
}

/** A living process' claim beside the one named `ownName`. With that given, removes those of dead processes. */
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
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [] // nobody ever locked it
    throw error
  }
}

function isRunning({ bootId, pid, processStart }: Claim, own: Claim): Promise<boolean> {
  if (bootId !== own.bootId) return Promise.resolve(false)
  return isProcessAlive(pid, processStart === '' ? undefined : processStart)
}

/** Compares two times of the same file system, so that a host's clock does not matter. */
async function isBeating(path: string): Promise<boolean> {
  const name = path + PROBE_INFIX + randomBytes(4).toString('hex')
  const probe = await open(name, 'wx', FILE_MODE)
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
  await writeFile(join(lock, name + HELD_SUFFIX), '', { flag: 'wx', mode: FILE_MODE })
  await removeProbes(lock)
  const claim = await open(join(lock, name + CLAIM_SUFFIX), 'r+')
  let beats = 0
  const heartbeat = setInterval(() => {
    // Another length, so that the file system's own clock sets the time: hosts' clocks may differ. It takes no block.
    claim.truncate(++beats % 2).catch(() => undefined) // where processes can be looked up nothing hangs on it
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

/** What killed contenders have left. */
async function removeProbes(lock: string): Promise<void> {
  for (const file of await namesIn(lock)) {
    if (file.includes(PROBE_INFIX)) await rm(join(lock, file), { force: true })
  }
}

/** The claim last: without it the mark means nothing. */
async function removeClaim(lock: string, name: string): Promise<void> {
  await rm(join(lock, name + HELD_SUFFIX), { force: true })
  await rm(join(lock, name + CLAIM_SUFFIX), { force: true })
}

/** Nothing is to be removed by hand: what is said here, and in docs/operations.md, is all that a lock ever needs. */
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
