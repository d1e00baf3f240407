// Calls, replies and notices over a channel, for both of its ends. Runs anywhere in the broker.
// Every call is settled exactly once: by its reply, by its failure, or by the end of the channel. A failure crosses as
// code, message and retry hint. A broken invariant does not cross: it crashes the thread or process where it occurs, the
// channel closes, and the caller gets `outcomeUnknown`.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import { invariant, InvariantError } from '../../protocol/invariant.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { refusal } from '../../protocol/refusal.ts'
import { revived } from './failure.ts'
import type { CallTable, Channel } from './channel.ts'

interface Failure {
  readonly code: ErrorCode
  readonly message: string
  readonly retryAfterMs?: number
  /** Stack of an unexpected failure, for the log of the calling side. */
  readonly stack?: string
}

/** A message on the channel. One channel may carry calls in both directions: each end reads only packets meant for it. */
type Packet =
  | readonly [kind: 'call', id: number, call: string, request: unknown]
  | readonly [kind: 'reply', id: number, reply: unknown]
  | readonly [kind: 'failure', id: number, failure: Failure]
  | readonly [kind: 'notice', notice: unknown]

interface OpenCall {
  readonly call: string
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: unknown) => void
}

/** The calling end of a channel. */
export interface Caller<T extends CallTable> {
  /**
   * Calls the peer. Buffers in `transfer` belong to the peer from then on. Rejects with the peer's MillraceError, with
   * `outcomeUnknown` when the channel closes before the reply, and with `unavailable` when it was closed before the call.
   */
  call<C extends keyof T & string>(
    call: C,
    request: T[C]['request'],
    transfer?: readonly ArrayBuffer[],
  ): Promise<T[C]['reply']>
  /** Notices arrive in order; the first listener also gets the notices that arrived before it was added. */
  onNotice(listener: (notice: unknown) => void): void
  /** Closes the channel; open calls reject with `outcomeUnknown`. */
  close(): void
}

/** Makes calls over `channel`. */
export function createCaller<T extends CallTable>(channel: Channel): Caller<T> {
  const open = new Map<number, OpenCall>()
  const noticeListeners: ((notice: unknown) => void)[] = []
  /** Notices that arrived before the first listener: a peer may send its state as soon as it has started. */
  let unheard: unknown[] = []
  let lastId = 0
  let closedBy: Error | undefined

  function take(id: number): OpenCall {
    const call = open.get(id)
    invariant(call, `an answer came for call ${id}, which is not open`)
    open.delete(id)
    return call
  }

  channel.onMessage((message) => {
    const packet = message as Packet
    // A 'call' is for serveCalls on this end.
    if (packet[0] === 'reply') {
      take(packet[1]).resolve(packet[2])
    } else if (packet[0] === 'failure') {
      const { call, reject } = take(packet[1])
      reject(revive(packet[2], call))
    } else if (packet[0] === 'notice') {
      if (noticeListeners.length === 0) unheard.push(packet[1])
      for (const listener of noticeListeners) listener(packet[1])
    }
  })

  channel.onClose((cause) => {
    closedBy = cause
    const unanswered = [...open.values()]
    open.clear()
    for (const { call, reject } of unanswered) {
      const message = `${call}: the other side went away before it answered: ${cause.message}`
      reject(refusal('outcomeUnknown', message, { cause }))
    }
  })

  return {
    call: (call, request, transfer) =>
      new Promise((resolve, reject) => {
        if (closedBy) {
          const message = `${call}: the other side is gone: ${closedBy.message}`
          reject(refusal('unavailable', message, { cause: closedBy }))
          return
        }
        const id = ++lastId
        // `post` throws where the request cannot be cloned: then nothing was sent, so no call may stay open.
        channel.post(['call', id, call, request] satisfies Packet, transfer)
        open.set(id, { call, resolve, reject })
      }),
    onNotice: (listener) => {
      noticeListeners.push(listener)
      const waiting = unheard
      unheard = []
      for (const notice of waiting) listener(notice)
    },
    close: () => channel.close(),
  }
}

/** One handler per call. A handler may answer without a promise: its reply then leaves in the same turn. */
export type CallHandlers<T extends CallTable> = {
  readonly [C in keyof T]: (request: T[C]['request']) => T[C]['reply'] | Promise<T[C]['reply']>
}

export interface ServeOptions<T extends CallTable> {
  /** Buffers of a reply that are transferred with it instead of cloned. */
  readonly transferOf?: (call: keyof T & string, reply: unknown) => readonly ArrayBuffer[]
  /** Called with a broken invariant of a handler. Default: throws outside every promise, which ends process or thread. */
  readonly onBroken?: (error: InvariantError) => void
}

/** Answers the calls that arrive on `channel`; handlers start in the order of arrival. */
export function serveCalls<T extends CallTable>(
  channel: Channel,
  handlers: CallHandlers<T>,
  options: ServeOptions<T> = {},
): { notify(notice: unknown): void } {
  const { transferOf, onBroken = crash } = options
  let closed = false
  channel.onClose(() => {
    closed = true
  })

  function fail(id: number, call: string, error: unknown): void {
    if (error instanceof InvariantError) return onBroken(error)
    if (!closed) channel.post(['failure', id, describe(error, call)] satisfies Packet)
  }

  function reply(id: number, call: string, value: unknown): void {
    if (closed) return
    try {
      channel.post(['reply', id, value] satisfies Packet, transferOf?.(call, value))
    } catch (error) {
      fail(id, call, error)
    }
  }

  channel.onMessage((message) => {
    const packet = message as Packet
    if (packet[0] !== 'call') return // meant for createCaller on this end
    const [, id, call, request] = packet
    try {
      invariant(Object.hasOwn(handlers, call), `no handler serves the call ${call}`)
      const answer = handlers[call]!(request)
      if (!(answer instanceof Promise)) return reply(id, call, answer)
      answer.then(
        (value) => reply(id, call, value),
        (error: unknown) => fail(id, call, error),
      )
    } catch (error) {
      fail(id, call, error)
    }
  })

  return {
    notify: (notice) => {
      if (!closed) channel.post(['notice', notice] satisfies Packet)
    },
  }
}

/** Throws `error` outside every promise: as an uncaught exception it ends the process or the thread. */
export function crash(error: Error): void {
  process.nextTick(() => {
    throw error
  })
}

function describe(error: unknown, call: string): Failure {
  if (MillraceError.is(error)) {
    const { code, message, retryAfterMs } = error
    return retryAfterMs === undefined ? { code, message } : { code, message, retryAfterMs }
  }
  // The handler did not expect this error, so its effects are unknown, which is what `internal` says.
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return { code: 'internal', message: `${call}: ${message}`, ...(stack !== undefined && { stack }) }
}

function revive({ code, message, retryAfterMs, stack }: Failure, call: string): MillraceError {
  const options: { cause?: unknown; retryAfterMs?: number } = {}
  if (retryAfterMs !== undefined) options.retryAfterMs = retryAfterMs
  if (stack !== undefined) {
    const cause = new Error(`${call} failed on the other side of the channel`)
    cause.stack = stack
    options.cause = cause
  }
  return revived({ code, message }, options)
}
