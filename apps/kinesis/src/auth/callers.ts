// Clients of the broker that may do what a caller may: one for each principal that sends requests. Runs in the endpoint.
// They are bounded in number, and closed when nobody has used them for a while; one that a request uses stays open.
import type { Action, Client } from 'millrace'
import { heldGrant } from 'millrace/app'
import { allows } from 'millrace/protocol'
import type { Caller } from '../call.ts'
import { KinesisError } from '../model/errors.ts'

export interface CallersOptions {
  /** Connects as a principal: sessions have its grants, and its name in quotas and in the audit. */
  readonly connectAs: (principal: string) => Promise<Client>
  /** Milliseconds since the epoch: grants end. */
  readonly now: () => number
  /** Monotonic milliseconds. */
  readonly elapsed: () => number
}

/** Principals with a client at a time. */
export const CALLERS_MAX = 1024
/** A client that nobody uses is closed after so long. */
export const IDLE_MS = 300_000
/** How long grants that were asked for count. */
export const GRANTS_FRESH_MS = 2000

interface Entry {
  readonly caller: Promise<Caller>
  readonly client: Promise<Client>
  uses: number
  usedAt: number
}

export class Callers {
  readonly #options: CallersOptions
  /** Those used the longest ago come first. */
  readonly #entries = new Map<string, Entry>()
  #closed = false

  constructor(options: CallersOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#entries.size
  }

  /** The caller that a principal is, for as long as the signal has not fired. */
  async use(principal: string, signal: AbortSignal): Promise<Caller> {
    if (this.#closed) throw closing()
    const entry = this.#entries.get(principal) ?? this.#open(principal)
    entry.uses += 1
    this.#touch(principal, entry)
    let ended = false
    const end = (): void => {
      if (ended) return
      ended = true
      signal.removeEventListener('abort', end)
      entry.uses -= 1
      this.#touch(principal, entry)
    }
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    this.sweep()
    try {
      return await entry.caller
    } catch (error) {
      // The next request tries again.
      if (this.#entries.get(principal) === entry) this.#entries.delete(principal)
      end()
      throw error
    }
  }

  /** Closes clients that nobody uses: those that were idle for long, and beyond the bound the longest unused. */
  sweep(): void {
    const now = this.#options.elapsed()
    for (const [principal, entry] of this.#entries) {
      const isOver = this.#entries.size > CALLERS_MAX
      if (!isOver && now - entry.usedAt < IDLE_MS) break
      if (entry.uses > 0) continue
      this.#entries.delete(principal)
      void closeClient(entry.client)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const clients = [...this.#entries.values()].map(({ client }) => client)
    this.#entries.clear()
    await Promise.all(clients.map(closeClient))
  }

  #open(principal: string): Entry {
    if (this.#entries.size >= CALLERS_MAX && [...this.#entries.values()].every(({ uses }) => uses > 0)) {
      throw new KinesisError('ServiceUnavailableException', 'The endpoint has too many callers at a time.')
    }
    const client = this.#options.connectAs(principal)
    const caller = client.then((connected) => this.#callerOf(principal, connected))
    const entry: Entry = { client, caller, uses: 0, usedAt: 0 }
    this.#entries.set(principal, entry)
    return entry
  }

  #touch(principal: string, entry: Entry): void {
    entry.usedAt = this.#options.elapsed()
    if (this.#entries.get(principal) !== entry) return
    this.#entries.delete(principal)
    this.#entries.set(principal, entry)
  }

  #callerOf(principal: string, client: Client): Caller {
    const { elapsed, now } = this.#options
    let grants: Promise<readonly HeldGrant[]> | undefined
    let since = 0
    const askGrants = (): Promise<readonly HeldGrant[]> => {
      if (grants !== undefined && elapsed() - since < GRANTS_FRESH_MS) return grants
      since = elapsed()
      const asked = client.access.describePrincipal().then((described) => described.grants.map(heldGrant))
      grants = asked
      asked.catch(() => {
        if (grants === asked) grants = undefined
      })
      return asked
    }
    return {
      principal,
      client,
      may: async (action: Action, stream: string) =>
        allows(await askGrants(), { kind: 'stream', name: stream, action, now: now() }),
    }
  }
}

type HeldGrant = Parameters<typeof allows>[0][number]

async function closeClient(client: Promise<Client>): Promise<void> {
  try {
    await (await client).close()
  } catch {
    // It never opened, or its broker is gone: there is nothing to close.
  }
}

function closing(): KinesisError {
  return new KinesisError('ServiceUnavailableException', 'The endpoint closes.')
}
