// How an owner gets its active segment to itself when it must be reopened. Runs on owner threads and in the reader pool. Within
// a process LMDB shares one environment between threads, in the mode of whoever opened it first: an owner that has closed
// its own cannot open it for writing again before every reader has let go. A mark in the directory asks them to.
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { FILE_MODE } from '../disk/private-files.ts'

const MARK = 'reopening'
/** A reader lets go of the active segment when it was idle for so long. */
export const ACTIVE_LINGER_MS = 100
/** How long an owner waits for that: time for a read under way besides. */
const READERS_LET_GO_MS = 3 * ACTIVE_LINGER_MS
const POLL_MS = 20

/** Runs `reopen` while no reader opens the directory's active segment, as far as they can be asked. */
export async function withoutReaders<T>(directory: string, reopen: () => Promise<T>): Promise<T> {
  const mark = join(directory, MARK)
  // On a disk that is full it must do without, and one that is there already will do.
  await writeFile(mark, '', { flag: 'wx', mode: FILE_MODE }).catch(() => undefined)
  try {
    await setTimeout(READERS_LET_GO_MS)
    return await reopen()
  } finally {
    await rm(mark, { force: true }).catch(() => undefined)
  }
}

/** Whether an owner asks for its active segment. */
export function isReopening(directory: string): boolean {
  return existsSync(join(directory, MARK))
}

/** Waits while an owner asks. False where it still does after `waitMs`. */
export async function untilReopened(directory: string, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs
  while (isReopening(directory)) {
    if (performance.now() > deadline) return false
    await setTimeout(POLL_MS)
  }
  return true
}

/** Removes a mark that a crash has left. */
export async function clearReopeningMark(directory: string): Promise<void> {
  await rm(join(directory, MARK), { force: true })
}
