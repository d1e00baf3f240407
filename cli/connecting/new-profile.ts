// Makes a profile of the options of `millrace profile add`. Pure but for a look at the files that they name.
import { resolve } from 'node:path'
import { parseUrl } from '../../client/connecting/address.ts'
import { flagOf } from '../../broker/config/options.ts'
import { Failure } from '../failure.ts'
import type { Profile } from './profiles.ts'
import { isTlsUrl } from './resolve.ts'
import type { Surroundings } from './surroundings.ts'

/** The options of `millrace profile add`. */
export type ProfileFlags = Profile

const files = ['ca', 'tokenFile', 'cert', 'certKey'] as const
const filesOfTls: readonly string[] = ['ca', 'cert', 'certKey']

/**
 * Returns the profile, with absolute paths. Throws Failure (usage) if a file is not there or the options do not go together, and
 * `invalidArgument` if the url is none.
 */
export function newProfile(flags: ProfileFlags, surroundings: Surroundings): Profile {
  parseUrl(flags.url)
  if ((flags.cert === undefined) !== (flags.certKey === undefined)) {
    throw new Failure('--cert and --cert-key are a pair: give both.', 'usage')
  }
  const profile: Record<string, string> = {}
  for (const name of files) {
    const given = flags[name]
    if (given === undefined) continue
    if (filesOfTls.includes(name) && !isTlsUrl(flags.url)) {
      throw new Failure(
        `${flagOf(name)} is for TLS, and ${flags.url} has none: a url with TLS begins with millraces://.`,
        'usage',
      )
    }
    const path = resolve(surroundings.workingDirectory, given)
    const { state, ...found } = surroundings.readFile(path)
    if (state === 'missing')
      throw new Failure(`${flagOf(name)} names ${path}, which does not exist.`, 'usage')
    if ('reason' in found) {
      throw new Failure(`${flagOf(name)} names ${path}, which cannot be read: ${found.reason}.`, 'usage')
    }
    profile[name] = path
  }
  return { url: flags.url, ...profile }
}
