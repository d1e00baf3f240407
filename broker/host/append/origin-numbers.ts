// The numbers by which owners count producers: of a session's network address, and of a principal. Host main thread, pure.
import { createHash } from 'node:crypto'
import { sourceOf } from '../../access/quotas/source-address.ts'

/** Numbers of principals begin here: sessions are numbered from 1. */
const PRINCIPALS_FROM = 2 ** 48

/** Returns a number below 2^48 that all sessions of one address share. `remote` is the peer's address, as the server gives it. */
export function addressNumberOf(remote: string): number {
  return hashOf(sourceOf(remote))
}

/** Returns a number of 49 bits for a principal. */
export function principalNumberOf(name: string): number {
  return PRINCIPALS_FROM + hashOf(name)
}

function hashOf(text: string): number {
  return createHash('sha256').update(text).digest().readUIntBE(0, 6)
}
