// Lines of one kind for the operator, no more of them than can be read: a broker that is away fails every request. Pure.
import type { EndpointLog, EndpointLogEntry } from './parts.ts'

/** Lines of one message and level that are told within a period; the others are counted. */
export const LINES_MAX = 10
export const PERIOD_MS = 10_000
/** Messages of which lines are counted; with more of them, all begin anew. */
const MESSAGES_MAX = 1024

interface Told {
  readonly since: number
  lines: number
  withheld: number
}

/** A log that tells the first lines of each message in a period, and with the first one of the next how many it has withheld. */
export function pacedLog(log: EndpointLog, elapsed: () => number): EndpointLog {
  const told = new Map<string, Told>()
  return (entry) => {
    const key = `${entry.level} ${entry.message}`
    const now = elapsed()
    const known = told.get(key)
    if (known !== undefined && now - known.since < PERIOD_MS) {
      if (++known.lines > LINES_MAX) known.withheld++
      else log(entry)
      return
    }
    if (told.size >= MESSAGES_MAX) told.clear()
    told.set(key, { since: now, lines: 1, withheld: 0 })
    log(withCount(entry, known?.withheld ?? 0))
  }
}

function withCount(entry: EndpointLogEntry, withheld: number): EndpointLogEntry {
  if (withheld === 0) return entry
  return {
    ...entry,
    message: `${entry.message} (${withheld} lines more like this one were left out before it.)`,
  }
}
