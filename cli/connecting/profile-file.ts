// The file that keeps a user's profiles: where it is, how it is read, and how it is replaced. Only its owner can read it.
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { Failure } from '../failure.ts'
import { noProfiles, parseProfiles, type Profiles } from './profiles.ts'
import type { Surroundings } from './surroundings.ts'

/** Path of the file: below `XDG_CONFIG_HOME`, which counts only if it is absolute, or else below `.config` at home. */
export function profilesPath({
  environment,
  homeDirectory,
}: Pick<Surroundings, 'environment' | 'homeDirectory'>): string {
  const configured = environment['XDG_CONFIG_HOME']
  const base =
    configured !== undefined && isAbsolute(configured) ? configured : join(homeDirectory, '.config')
  return join(base, 'millrace', 'profiles.json')
}

/** Reads the profiles; there are none without a file. Throws Failure if there is one that cannot be used. */
export function readProfiles(surroundings: Surroundings): Profiles {
  const path = profilesPath(surroundings)
  const found = surroundings.readFile(path)
  if (found.state === 'missing') return noProfiles
  if (found.state === 'unreadable') {
    throw new Failure(`${path} holds your profiles, and cannot be read: ${found.reason}.`)
  }
  return parseProfiles(found.text, path)
}

/** Replaces the file at once, so that nobody ever reads a part of it. */
export async function writeProfiles(path: string, profiles: Profiles): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // It may be there from before, and open to others.
  await chmod(folder, 0o700)
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
