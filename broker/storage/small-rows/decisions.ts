// Decides the changes of one flush, in order, each on what the earlier ones left. Runs in the controller; pure except
// for the reads passed in. Nothing is written here: the flush commits all decided writes at once.
import { storageFailure } from '../../channels/failure.ts'
import { isDamage } from '../environment.ts'
import type { SmallOutcome } from '../../small-rows-contract.ts'
import { encodeSmallValue, type EncodedWrite } from './row-bytes.ts'

/** The writes of a flush, by key in hex, so that of several writes to one row only the last is committed. */
export type Writes = ReadonlyMap<string, { readonly key: Buffer; readonly value: Buffer | undefined }>

export interface Decisions {
  readonly writes: Writes
  /** One per change, in order; an error if the change could not be decided. They hold only once the writes are durable. */
  readonly outcomes: readonly (SmallOutcome | Error)[]
  /** The version after the last one assigned. */
  readonly nextVersion: number
}

/** Decides changes in order. `storedVersion` returns a row's version on disk, or 0 if the row does not exist. */
export function decide(
  changes: readonly (readonly EncodedWrite[])[],
  from: { readonly nextVersion: number; readonly storedVersion: (key: Buffer) => number },
): Decisions {
  const writes = new Map<string, { readonly key: Buffer; readonly value: Buffer | undefined }>()
  const versions = new Map<string, number>()
  let { nextVersion } = from
  const versionNow = (id: string, key: Buffer): number => versions.get(id) ?? from.storedVersion(key)
  const conflictOf = (change: readonly EncodedWrite[]): SmallOutcome | undefined => {
    for (const { name, key, expected } of change) {
      if (expected === undefined) continue
      const version = versionNow(key.toString('hex'), key)
      if (version !== expected) return { is: 'conflict', at: name, version }
    }
    return undefined
  }
  const outcomes = changes.map((change): SmallOutcome | Error => {
    try {
      const conflict = conflictOf(change)
      if (conflict !== undefined) return conflict
    } catch (error) {
      if (!isDamage(error)) throw error
      // Only this change fails. A write without an expected version replaces the damaged row.
      return damaged(error as Error)
    }
    const version = nextVersion++
    for (const { key, json } of change) {
      const id = key.toString('hex')
      versions.set(id, json === undefined ? 0 : version)
      writes.set(id, { key, value: json && encodeSmallValue(key, version, json) })
    }
    return { is: 'stored', version }
  })
  return { writes, outcomes, nextVersion }
}

/** The error for a row whose checksum or content is wrong. */
export function damaged(cause: Error): Error {
  const message = `${cause.message}: what it said is lost; \`millrace check\` tells of all such rows.`
  return storageFailure('corruptData', message, { cause })
}
