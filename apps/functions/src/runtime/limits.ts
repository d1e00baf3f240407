// The limits of running functions. Pure. Each bounds what a handler can make the app hold, or how long it can make it wait.
const KIB = 1024
const MIB = 1024 * KIB

export const runtimeLimits = {
  /** How long a module may take to load, before the time of its first call begins. */
  loadMs: 30_000,
  /** Bytes of an answer: Lambda's, to the byte. */
  answerBytesMax: 6 * MIB + 100,
  /** Calls of one function that wait for a thread; further ones are answered as throttled. */
  waitingMax: 1000,
  /** How long a thread may be without a call. */
  idleMs: 60_000,
  /** Characters of a line that a handler prints. */
  lineCharsMax: 32 * KIB,
  /** Characters that one call may print. */
  printedCharsMax: 256 * KIB,
  /** Lines that one call may print. */
  printedLinesMax: 10_000,
  /** Characters of an error's message. */
  errorCharsMax: 32 * KIB,
  /** Frames of an error's stack. */
  stackFramesMax: 50,
  /** Share of its memory from which on a thread is replaced, in hundredths. */
  memoryPercentMax: 80,
  /** How often a call whose thread ended before it came to it is given to another. */
  restartsMax: 3,
  /** How long threads may take to end their calls when the app closes. */
  drainMs: 30_000,
} as const

export type RuntimeLimits = { readonly [N in keyof typeof runtimeLimits]: number }
