// Checks conditions that hold unless the program has a defect. Runs anywhere. A broken invariant is never sent to a peer:
// the process or thread stops and is restarted from what is on disk.

/** Thrown by `invariant`. No code catches it in order to continue. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Throws an InvariantError if the condition is false. The message states the condition. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}
