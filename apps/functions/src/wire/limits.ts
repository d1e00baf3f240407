// The limits of the port where functions are called. Pure. Each bounds what a client can make the app hold, or how long it can make it wait.
const KIB = 1024
const MIB = 1024 * KIB

export const wireLimits = {
  /** Connections at a time; further ones are closed. */
  connectionsMax: 1024,
  /** Calls at a time; further ones are answered TooManyRequestsException. */
  callsMax: 512,
  /** Bytes of an event: Lambda's. */
  bodyBytesMax: 6 * MIB,
  /** Bytes of an event that nobody waits for: Lambda's. */
  eventBytesMax: 1 * MIB,
  /** Bytes of all events and answers in memory; further calls are answered TooManyRequestsException. */
  bytesInFlightMax: 256 * MIB,
  /** Events that nobody waits for, waiting or under way. */
  eventsMax: 1000,
  headBytesMax: 16 * KIB,
  /** How long the head of a request may take, and the whole request. */
  headMs: 10_000,
  requestMs: 60_000,
  /** How long a client may take to read an answer. */
  answerMs: 60_000,
  /** How long a connection may stay without a request. */
  idleMs: 120_000,
  /** How long calls in flight may take when the app closes. */
  closingMs: 10_000,
} as const

export type WireLimits = { readonly [N in keyof typeof wireLimits]: number }
