// Checks of what must be true if the program is right. Runs anywhere. A broken invariant is a defect, never an answer
// to a peer: the process or thread that holds it stops and is restarted from what is on disk.

/** Thrown by `invariant`. Nobody catches it to go on. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Throws an InvariantError unless the condition holds. The message says what was believed. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}
