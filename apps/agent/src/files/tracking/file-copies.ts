// Copies that are made of a log before it is truncated: while one is being made, its bytes are in two files. The copy is held until it is
// clear which of them is read on.
import { NO_BYTES } from '../../lines/fingerprint.ts'
import type { OpenHandles } from '../open-handles.ts'
import { isIntact } from '../run-reader.ts'
import { hasOwnName } from './log-names.ts'
import type { TrackedFile } from './tracked-file.ts'

/** How long a file that looks like a copy being made waits for its original to be truncated. */
const COPY_MS = 3_000
/** Files with the log's own name to which another of it is compared. */
const ORIGINALS_MAX = 4

/** Holds files of a log that are not begun, and begin as the one with the log's own name. */
export async function holdCopies(
  log: readonly TrackedFile[],
  handles: OpenHandles,
  now: number,
): Promise<void> {
  const mayBeCopy = (file: TrackedFile) => !file.isCompared && file.offset === 0 && !hasOwnName(file.path)
  if (log.length === 1 || !log.some(mayBeCopy)) return
  const originals = log.filter(({ path }) => hasOwnName(path)).slice(0, ORIGINALS_MAX)
  for (const file of log.filter(mayBeCopy)) {
    file.isCompared = true
    for (const original of originals) {
      if (!(await beginsAs(file, original, handles))) continue
      file.copyOf = original
      file.heldUntil = now + COPY_MS
      break
    }
  }
}

async function beginsAs(file: TrackedFile, { head }: TrackedFile, handles: OpenHandles): Promise<boolean> {
  const handle = head.bytes === 0 ? undefined : await handles.of(file).catch(() => undefined)
  return handle !== undefined && isIntact(handle, { head, tail: NO_BYTES, offset: 0 })
}
