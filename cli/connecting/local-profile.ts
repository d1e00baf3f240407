// The profile that a daemon writes into its data directory at each start: a verb on the same machine, run by a user who may read
// it, needs no further settings. Pure.
//
// It is found below the directory that one happens to be in, so whoever made that directory may have written it. Hence it can
// name a broker of this machine alone, and no token but one that lies beside it.
import { basename, dirname, join, resolve } from 'node:path'
import { parseUrl } from '../../client/connecting/address.ts'
import { Failure } from '../failure.ts'
import { parseLocalProfile, type Profile } from './profiles.ts'
import type { Surroundings } from './surroundings.ts'

export type LocalProfile =
  | { readonly state: 'read'; readonly path: string; readonly profile: Profile }
  | { readonly state: 'missing' }
  | { readonly state: 'unreadable'; readonly path: string }

/** Reads the local profile of the data directory. Throws Failure (usage) if it is there and cannot be used. */
export function readLocalProfile(surroundings: Surroundings): LocalProfile {
  const { environment, workingDirectory } = surroundings
  const dataDirectory = resolve(workingDirectory, environment['MILLRACE_DATA_DIR'] || './data')
  const path = join(dataDirectory, 'local-profile.json')
  const found = surroundings.readFile(path)
  if (found.state === 'missing') return found
  if (found.state === 'unreadable') return { state: 'unreadable', path }
  const profile = parseLocalProfile(found.text, path)
  const addresses = ['localhost', ...surroundings.addresses()]
  const elsewhere = parseUrl(profile.url).addresses.find(
    ({ host }) => !addresses.includes(host) && !/^127\.\d+\.\d+\.\d+$/.test(host) && host !== '::1',
  )
  if (elsewhere !== undefined) {
    throw new Failure(
      `${path} names the broker ${profile.url}, which is not on this machine. Name it with --url, or add a profile for it.`,
      'usage',
    )
  }
  const { tokenFile, ...rest } = profile
  if (tokenFile === undefined) return { state: 'read', path, profile }
  // The directory may have been moved, or be mounted elsewhere, since; and the token may have been taken away.
  const beside = join(dirname(path), basename(tokenFile))
  const isThere = surroundings.readFile(beside).state !== 'missing'
  return { state: 'read', path, profile: isThere ? { ...rest, tokenFile: beside } : rest }
}
