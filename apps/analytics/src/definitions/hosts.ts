// Whether processes run that carry queries out. Runs wherever there is a client.
import type { Client } from 'millrace'
import { queryKinds } from 'millrace/protocol'
import type { QueryHost } from '../run/query-hosts.ts'

/** A process says every few seconds that it is there; after this time it is gone. Clocks of machines may differ by the rest. */
const GONE_MS = 30_000

/** Tells whether one was there at a time, in milliseconds by the clock of the broker. */
export async function isServedAt(client: Client, at: number): Promise<boolean> {
  for await (const { updatedAt } of client.documents(queryKinds.hosts).list()) {
    if (at - updatedAt.getTime() < GONE_MS) return true
  }
  return false
}

/** Tells whether a process that was there at a time said last that it carries a query out. */
export async function isCarriedOutAt(client: Client, query: string, at: number): Promise<boolean> {
  for await (const { updatedAt, value } of client.documents<QueryHost>(queryKinds.hosts).list()) {
    if (at - updatedAt.getTime() < GONE_MS && value.queries.includes(query)) return true
  }
  return false
}
