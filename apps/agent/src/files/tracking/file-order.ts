// In which order the files of one log are read: each waits for the one before it. Pure, over tracked files.
import { compareAges, hasOwnName, logOf } from './log-names.ts'
import { inodeKey, isRead, type TrackedFile } from './tracked-file.ts'

/** Groups files by the logs that they are parts of. */
export function logsOf(files: Iterable<TrackedFile>): Map<string, TrackedFile[]> {
  const logs = new Map<string, TrackedFile[]>()
  for (const file of files) {
    const log = logOf(file.path)
    const members = logs.get(log)
    if (members === undefined) logs.set(log, [file])
    else members.push(file)
  }
  return logs
}

/** Puts files that are not begun behind the older ones of their log. */
export function orderLog(log: readonly TrackedFile[]): void {
  const members = log.filter((file) => file.heldUntil === undefined)
  members.sort((one, other) =>
    compareAges(
      { path: one.path, modifiedAt: one.facts.modifiedAt },
      { path: other.path, modifiedAt: other.facts.modifiedAt },
    ),
  )
  // Where the log's own name is taken, nobody appends to what has another.
  if (members.some(({ path }) => hasOwnName(path)))
    for (const file of members) file.isRotated ||= !hasOwnName(file.path)
  const own = new Set(members)
  for (const [index, file] of members.entries()) {
    const waitsForOther = file.before !== undefined && !own.has(file.before)
    if (file.offset === 0 && !waitsForOther) file.before = members[index - 1]
  }
}

/** The older file that must be read first; undefined where there is none, or none any more. */
export function blockerOf(
  file: TrackedFile,
  tracked: ReadonlyMap<string, TrackedFile>,
  isOnce: boolean,
): TrackedFile | undefined {
  const { before } = file
  if (before === undefined) return undefined
  if (tracked.get(inodeKey(before)) === before) {
    if (!isDrained(before, file, isOnce)) return before
    const blocker = blockerOf(before, tracked, isOnce)
    if (blocker !== undefined) return blocker
  }
  file.before = undefined
  return undefined
}

/** True where an older file is read to its end, as it was seen after the newer one was there. */
function isDrained(before: TrackedFile, file: TrackedFile, isOnce: boolean): boolean {
  if (before.isEnded || before.problem !== undefined) return true
  if (before.heldUntil !== undefined || (before.seenAt < file.trackedAt && !isOnce)) return false
  if (isRead(before)) return true
  // Its last record is not complete, and it has a writer of its own, who may complete it at any time.
  return before.triedSize === before.facts.size && !before.isRotated
}
