// Surroundings of a command line in memory: files by path, and what stands in the place of some of them.
import { profilesPath } from '../../../cli/connecting/profile-file.ts'
import type { Profiles } from '../../../cli/connecting/profiles.ts'
import type { FileRead, Surroundings } from '../../../cli/connecting/surroundings.ts'

export interface FakeSurroundings {
  readonly environment?: Readonly<Record<string, string>>
  /** The profiles of the user. */
  readonly profiles?: Profiles
  /** Content by absolute path; `unreadable` for a file that the user may not read. */
  readonly files?: Readonly<Record<string, string | { readonly unreadable: string }>>
  readonly addresses?: readonly string[]
}

export function surroundingsOf({
  environment = {},
  profiles,
  files = {},
  addresses = [],
}: FakeSurroundings): Surroundings {
  const place = { environment, homeDirectory: '/home/ada' }
  const all: NonNullable<FakeSurroundings['files']> = {
    ...files,
    ...(profiles === undefined ? {} : { [profilesPath(place)!]: JSON.stringify(profiles) }),
  }
  return {
    ...place,
    workingDirectory: '/srv',
    addresses: () => addresses,
    readFile(path): FileRead {
      const found = all[path]
      if (found === undefined) return { state: 'missing' }
      if (typeof found === 'string') return { state: 'read', text: found }
      return { state: 'unreadable', reason: found.unreadable }
    },
  }
}
