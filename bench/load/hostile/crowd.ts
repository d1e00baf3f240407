// Many connections to a broker from one process, opened a bounded number at a time. Runs in load processes. Each says hello as
// a client does; what it does then is up to the job. A refused or cut connection is counted, never waited for, and every
// attempt has a deadline.
import { connect, type Socket } from 'node:net'
import type { Endpoint } from '../../../client/connecting/address.ts'
import { type Connection, openConnection } from '../../../client/connecting/connection.ts'
import type { Dial } from '../../../client/connecting/transport.ts'
import { resolveSettings, type Settings } from '../../../client/settings.ts'

export interface CrowdOptions {
  readonly count: number
  /** The processes of the broker that are called in turn. */
  readonly endpoints: readonly Endpoint[]
  /** Addresses of this machine to call from, in turn. */
  readonly addresses: readonly string[]
  /** Attempts under way at a time. */
  readonly attemptsMax: number
  /** No attempt begins, or goes on, after this time. */
  readonly deadlineMs: number
  /** Called for each connection after its hello was answered. */
  readonly onOpen?: (member: Member) => void
}

export interface Member {
  readonly endpoint: Endpoint
  readonly connection: Connection
  readonly socket: Socket
}

/** How many connections there were, and what became of them. */
export interface CrowdCount {
  /** Attempts that were made. Fewer than asked for if file descriptors or time ran out. */
  readonly dialled: number
  /** Hellos that were answered. */
  readonly greeted: number
  /** Of these, the connections that have not ended since. */
  readonly open: number
  /** Why the others failed or ended: the innermost error's code, with the number of connections. */
  readonly reasons: Readonly<Record<string, number>>
  /** This process could open no more files. */
  readonly lacksDescriptors: boolean
}

/** A request of a connection that is not read is never answered; the client must not give it up. */
const PATIENCE_MS = 600_000

export class Crowd {
  readonly #options: CrowdOptions
  readonly #members = new Set<Member>()
  readonly #reasons: Record<string, number> = {}
  #dialled = 0
  #greeted = 0
  #lacksDescriptors = false

  constructor(options: CrowdOptions) {
    this.#options = options
  }

  get count(): CrowdCount {
    return {
      dialled: this.#dialled,
      greeted: this.#greeted,
      open: this.#members.size,
      reasons: { ...this.#reasons },
      lacksDescriptors: this.#lacksDescriptors,
    }
  }

  /** Makes all attempts; fulfils when each has succeeded or failed. Never rejects. */
  async gather(stopped: AbortSignal): Promise<void> {
    const { attemptsMax, deadlineMs } = this.#options
    const signal = AbortSignal.any([stopped, AbortSignal.timeout(deadlineMs)])
    await Promise.all(Array.from({ length: attemptsMax }, () => this.#dialOn(signal)))
  }

  /** Closes all connections at once. */
  disperse(): void {
    for (const { connection } of this.#members) connection.close(new Error('the crowd disperses'))
  }

  async #dialOn(signal: AbortSignal): Promise<void> {
    while (this.#dialled < this.#options.count && !this.#lacksDescriptors && !signal.aborted) {
      await this.#dial(this.#dialled++, signal)
    }
  }

  async #dial(index: number, signal: AbortSignal): Promise<void> {
    const { endpoints, addresses, onOpen } = this.#options
    let socket: Socket | undefined
    const dial = dialFrom(addresses[index % addresses.length]!, (dialled) => (socket = dialled))
    try {
      const endpoint = endpoints[index % endpoints.length]!
      const connection = await openConnection(endpoint, settingsWith(dial), signal)
      const member = { endpoint, connection, socket: socket! }
      this.#greeted++
      this.#members.add(member)
      connection.onEnd((error) => {
        this.#members.delete(member)
        this.#count(error)
      })
      if (connection.isOpen) onOpen?.(member)
    } catch (error) {
      this.#count(error)
    }
  }

  #count(error: unknown): void {
    const reason = innermostCode(error)
    this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1
    if (reason === 'EMFILE' || reason === 'ENFILE') this.#lacksDescriptors = true
  }
}

function settingsWith(dial: Dial): Settings {
  return resolveSettings({ dial, clientName: 'bench crowd', requestTimeoutMs: PATIENCE_MS })
}

/** TCP from one of this machine's addresses. */
function dialFrom(localAddress: string, onDialled: (socket: Socket) => void): Dial {
  return ({ host, port }, signal) =>
    new Promise((resolve, reject) => {
      const socket = connect({ host, port, localAddress, noDelay: true })
      onDialled(socket)
      const abandon = () => socket.destroy(new Error('nobody waits for this connection any more'))
      signal.addEventListener('abort', abandon, { once: true })
      // The listener stays: an error that comes before the connection listens must not end the process.
      socket.on('error', reject)
      socket.once('connect', () => resolve(socket))
      socket.once('close', () => signal.removeEventListener('abort', abandon))
    })
}

/** The code of the error that caused the others, or its message where it has none. */
function innermostCode(error: unknown): string {
  let inner = error
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause
  if (!(inner instanceof Error)) return String(inner)
  const { code } = inner as { code?: unknown }
  return typeof code === 'string' ? code : inner.message
}
