// The file that keeps a user's profiles: where it is, how it is read, and how it is replaced. Only its owner can read it.
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '../failure.ts'
import { noProfiles, parseProfiles, type Profiles } from './profiles.ts'
import type { Surroundings } from './surroundings.ts'

/** How long one command waits for another that changes profiles. */
const LOCK_MS_MAX = 10_000
const LOCK_LOOK_MS = 20

/**
 * Path of the file: below `XDG_CONFIG_HOME`, which counts only if it is absolute, or else below `.config` at home. Undefined for a
 * user who has neither.
 */
export function profilesPath({
  environment,
  homeDirectory,
}: Pick<Surroundings, 'environment' | 'homeDirectory'>): string | undefined {
  const configured = environment['XDG_CONFIG_HOME']
  const home = homeDirectory === undefined ? undefined : join(homeDirectory, '.config')
  const base = configured !== undefined && isAbsolute(configured) ? configured : home
  return base === undefined ? undefined : join(base, 'millrace', 'profiles.json')
}

/** Reads the profiles; there are none without a file. Throws Failure if there is one that cannot be used. */
export function readProfiles(surroundings: Surroundings): Profiles {
  const path = profilesPath(surroundings)
  if (path === undefined) return noProfiles
  const found = surroundings.readFile(path)
  if (found.state === 'missing') return noProfiles
  if (found.state === 'unreadable') {
    throw new Failure(`${path} holds your profiles, and cannot be read: ${found.reason}.`)
  }
  return parseProfiles(found.text, path)
}

/**
 * Replaces the profiles by what `change` makes of them, and returns those from before. Commands that run at once change them one after
 * the other, so that none takes back what another has done.
 */
export async function changeProfiles(
  surroundings: Surroundings,
  change: (profiles: Profiles) => Profiles,
): Promise<Profiles> {
  const path = profilesPath(surroundings)
  if (path === undefined) {
    throw new Failure(
      'This user has no home directory for profiles: set HOME or XDG_CONFIG_HOME to an absolute path.',
    )
  }
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // It may be there from before, and open to others.
  await chmod(folder, 0o700)
  const lock = `${path}.lock`
  await take(lock)
  try {
    const before = readProfiles(surroundings)
    await replace(path, change(before))
    return before
  } finally {
    await rm(lock, { force: true })
  }
}

/** Waits until nobody else has the lock. One that is older than any change takes was left over by a process that was killed. */
async function take(lock: string): Promise<void> {
  for (;;) {
    try {
      await (await open(lock, 'wx', 0o600)).close()
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const madeAt = await stat(lock).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    )
    if (madeAt !== undefined && Date.now() - madeAt > LOCK_MS_MAX) await rm(lock, { force: true })
    else await delay(LOCK_LOOK_MS)
  }
}

/** Replaces the file at once, so that nobody ever reads a part of it. */
async function replace(path: string, profiles: Profiles): Promise<void> {
  const next = `${path}.${randomBytes(6).toString('hex')}`
  try {
    const file = await open(next, 'wx', 0o600)
    try {
      await file.writeFile(`${JSON.stringify(profiles, undefined, 2)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(next, path)
  } catch (error) {
    await rm(next, { force: true })
    throw error
  }
}
