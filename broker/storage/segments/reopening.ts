// Gives an owner sole use of its active segment when the segment must be reopened. Runs on owner threads and in the
// reader pool. Within a process LMDB shares one environment between threads, in the mode of its first opener: an owner
// that closed its environment cannot open it for writing before every reader has closed it. A mark in the directory
// asks readers to close it.
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { FILE_MODE } from '../disk/private-files.ts'

const MARK = 'reopening'
/** A reader closes the active segment after it was idle for this long. */
export const ACTIVE_LINGER_MS = 100
/** How long an owner waits for readers; includes time for a read under way. */
const READERS_LET_GO_MS = 3 * ACTIVE_LINGER_MS
const POLL_MS = 20

/** Runs `reopen` while readers keep the directory's active segment closed, as far as the mark reaches them. */
export async function withoutReaders<T>(directory: string, reopen: () => Promise<T>): Promise<T> {
  const mark = join(directory, MARK)
  // On a full disk the mark cannot be written; an existing mark serves as well.
  await writeFile(mark, '', { flag: 'wx', mode: FILE_MODE }).catch(() => undefined)
  try {
    await setTimeout(READERS_LET_GO_MS)
    return await reopen()
  } finally {
    await rm(mark, { force: true }).catch(() => undefined)
  }
}

/** True while an owner is reopening its active segment. */
export function isReopening(directory: string): boolean {
  return existsSync(join(directory, MARK))
}

/** Waits until the owner has reopened. Returns false if it has not after `waitMs`. */
export async function untilReopened(directory: string, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs
  while (isReopening(directory)) {
    if (performance.now() > deadline) return false
    await setTimeout(POLL_MS)
  }
  return true
}

/** Removes a mark that a crash left. */
export async function clearReopeningMark(directory: string): Promise<void> {
  await rm(join(directory, MARK), { force: true })
}
