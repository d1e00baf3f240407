// The file of the data directory by which the command line finds the broker of this machine, with the token of root. Written by
// the daemon at each start, since its ports may be others. Runs in the controller process.
import { join } from 'node:path'
import { isLoopback } from '../protocol/access/loopback.ts'
import type { Logger } from './telemetry/log.ts'
import { noteAt } from './storage/note.ts'

export interface LocalProfile {
  /** Where the controller listens: `millrace://127.0.0.1:7400`. */
  readonly url: string
  /** File of the authority that signed the broker's certificate; only with TLS. */
  readonly ca?: string
  /** Left out where a token would travel in plain text to an address that other machines reach. */
  readonly tokenFile?: string
}

/** Returns what the file says. */
export function localProfile({
  url,
  ca,
  dataDir,
}: {
  readonly url: string
  readonly ca?: string | undefined
  readonly dataDir: string
}): LocalProfile {
  const { protocol, hostname } = new URL(url)
  const mayTravel = protocol === 'millraces:' || isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'))
  return {
    url,
    ...(ca !== undefined && { ca }),
    ...(mayTravel && { tokenFile: join(dataDir, 'root.token') }),
  }
}

/**
 * Replaces the file as a whole, for its owner alone, where it says something else. A failure is logged: a full disk must not keep
 * a broker from starting.
 */
export async function writeLocalProfile(dataDir: string, profile: LocalProfile, log: Logger): Promise<void> {
  const path = join(dataDir, 'local-profile.json')
  const note = noteAt(path)
  const content = `${JSON.stringify(profile, null, 2)}\n`
  try {
    if ((await note.load()) !== content) await note.save(content)
  } catch (error) {
    log.warn({ err: error, path }, 'where this broker is could not be written: give verbs its --url')
  }
}
