// The stored form of what is known of the clock. Runs in the controller; pure.
import type { Hold } from '../../clock/held-time.ts'
import type { ClockRecord } from '../../clock/trusted-time.ts'

export function formatClockRecord(record: ClockRecord): string {
  return `${JSON.stringify(record, undefined, 2)}\n`
}

/** Returns undefined where the content is no valid record: then nothing is known, as in a new data directory. */
export function parseClockRecord(content: string): ClockRecord | undefined {
  let found: unknown
  try {
    found = JSON.parse(content)
  } catch {
    return undefined
  }
  return isRecord(found) ? found : undefined
}

function isRecord(value: unknown): value is ClockRecord {
  if (typeof value !== 'object' || value === null) return false
  const { now, expiryNow, suspectFrom, wellMs, holds } = value as Record<keyof ClockRecord, unknown>
  if (!isTime(now) || !isTime(expiryNow) || !isTimeOrNull(suspectFrom) || !isTime(wellMs)) return false
  return Array.isArray(holds) && holds.every(isHold)
}

function isHold(value: unknown): value is Hold {
  const { from, until, backAt } = (value ?? {}) as Record<keyof Hold, unknown>
  return isTime(from) && isTime(until) && isTimeOrNull(backAt)
}

function isTimeOrNull(value: unknown): value is number | null {
  return value === null || isTime(value)
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
