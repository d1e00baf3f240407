// The limits of the listener. Pure. Each bounds what a client can make the endpoint hold, or how long it can make it wait.
const KIB = 1024
const MIB = 1024 * KIB

export const wireLimits = {
  /** Connections at a time; further ones are closed. */
  connectionsMax: 4096,
  /** Streams at a time of one HTTP/2 connection; the client is told, and queues by itself. */
  streamsPerSessionMax: 1024,
  /** Requests at a time, over all connections; further ones are answered ServiceUnavailableException. */
  requestsMax: 8192,
  /** Bytes of a request's head. */
  headBytesMax: 32 * KIB,
  /** Headers of a request. */
  headersMax: 200,
  /** Bytes of a request's body: ten MiB of records in Base64, and what stands around them. */
  bodyBytesMax: 16 * MIB,
  /** Bytes of bodies and answers in memory, over all connections; beyond it, requests are answered ServiceUnavailableException. */
  bytesInFlightMax: 256 * MIB,
  /** How long a connection may take to say which protocol it speaks, in each layer. */
  openingMs: 10_000,
  /** How long the head of a request may take. */
  headMs: 10_000,
  /** How long the body of a request may take. */
  bodyMs: 60_000,
  /** How long a client may take to read an answer, or to read on in one without end. */
  stallMs: 60_000,
  /** How long a connection may stay without a request. */
  idleMs: 300_000,
  /** How long requests in flight may take when the endpoint closes. */
  closingMs: 5000,
} as const

export type WireLimits = { readonly [N in keyof typeof wireLimits]: number }
