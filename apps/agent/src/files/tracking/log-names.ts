// What names tell about rotation: which files are parts of one log, and which of them is older. Pure. Names only order what is read;
// no file is left out for its name.
import { basename, dirname } from 'node:path'

/** What rotation puts at the end of a name, and dates that it puts inside. */
const ENDING = /([._-](\d{1,10}|old|bak|prev|previous))+$/i
const DATE = /[._-]?\d{4}[._-]?\d{2}[._-]?\d{2}([T._-]?\d{2,6})*/g

/** What the file order is made from. */
export interface AgedFile {
  readonly path: string
  readonly modifiedAt: number
}

/** Names the log that a file is a part of. Files of one log are read one after another, the oldest first. */
export function logOf(path: string): string {
  const name = basename(path)
  const stem = name.replace(DATE, '').replace(ENDING, '')
  return `${dirname(path)}\n${stem === '' ? name : stem}`
}

/** True where the name is the log's own, to which programs append. */
export function hasOwnName(path: string): boolean {
  return logOf(path) === `${dirname(path)}\n${basename(path)}`
}

/** Compares two files of one log: the older is less. */
export function compareAges(one: AgedFile, other: AgedFile): number {
  const own = Number(hasOwnName(one.path)) - Number(hasOwnName(other.path))
  if (own !== 0) return own
  if (one.modifiedAt !== other.modifiedAt) return one.modifiedAt - other.modifiedAt
  // Rotation counts upward: what has the larger number was rotated before.
  return numberOf(other.path) - numberOf(one.path)
}

function numberOf(path: string): number {
  return Number(/(\d+)$/.exec(basename(path))?.[1] ?? 0)
}
