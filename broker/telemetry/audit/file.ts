// The file of audit lines. Runs in every process that listens: all of them append to one file, each line in one write, which
// local file systems keep whole. Its owner alone may read it. Where the file was moved away, as logrotate does, a new one is
// made at its path within a second, without a signal.
import {
  close,
  constants,
  fstat,
  open as openLater,
  openSync,
  stat,
  write as writeLater,
  writeSync,
} from 'node:fs'
import type { LogWrites } from '../log-output.ts'
import type { Clock } from '../../time.ts'

/** How often the path is looked at, while lines are written. */
const LOOK_MS = 1000
const OWNER_ONLY = 0o600
const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW } = constants
/** Not through a link, which somebody else may have laid. */
const FLAGS = O_APPEND | O_CREAT | O_WRONLY | (O_NOFOLLOW ?? 0)

/** Opens the file for appending, and makes it if need be. Throws the system's error. */
export function openAuditFile(path: string, elapsed: Clock): LogWrites & { close(): void } {
  let fd = openSync(path, FLAGS, OWNER_ONLY)
  let lookedAt = elapsed()
  /** Follows the path, between two writes. Where that fails, the old file goes on being written: better than none. */
  const follow = (then: () => void): void => {
    lookedAt = elapsed()
    fstat(fd, (_, own) => {
      stat(path, (__, atPath) => {
        if (own?.ino === atPath?.ino && own?.dev === atPath?.dev) return then()
        openLater(path, FLAGS, OWNER_ONLY, (error, next) => {
          if (error === null) {
            close(fd)
            fd = next
          }
          then()
        })
      })
    })
  }
  return {
    // A write to a file may block, so it runs in libuv's pool.
    descriptor: {
      get fd() {
        return fd
      },
      neverWaits: false,
    },
    writeSync: (at, bytes) => writeSync(at, bytes),
    write: (_, bytes, done) => {
      const go = (): void => writeLater(fd, bytes, done)
      if (elapsed() - lookedAt < LOOK_MS) go()
      else follow(go)
    },
    close: () => close(fd),
  }
}
