// What the changes of one flush come to, each decided on what those before it have left. Runs in the controller; pure but
// for the reads that it is given. Nothing is written here: what is stored is one commit of all that was decided on.
import { refusal } from '../../../protocol/refusal.ts'
import { isDamage } from '../environment.ts'
import type { SmallOutcome } from '../../small-rows-contract.ts'
import { encodeSmallValue, type EncodedWrite } from './row-bytes.ts'

/** What a flush writes: by key in hex, so that of a row that several changes put only the last one is written. */
export type Writes = ReadonlyMap<string, { readonly key: Buffer; readonly value: Buffer | undefined }>

export interface Decisions {
  readonly writes: Writes
  /** In the order of the changes, an error for one that cannot be decided; true only once the writes are durable. */
  readonly outcomes: readonly (SmallOutcome | Error)[]
  /** The version after the last that was given. */
  readonly nextVersion: number
}

/** Decides on changes in their order. `storedVersion` says which version a row has on the disk; 0 where it is not there. */
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
      // The others have nothing to do with it. A write that expects nothing of it puts it right.
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

/** What is answered where a row is not as it was written. */
export function damaged(cause: Error): Error {
  return refusal(
    'internal',
    `${cause.message}: what it said is lost; \`millrace check\` tells of all such rows.`,
    {
      cause,
    },
  )
}
