// Closes what a composition root has opened. Runs in every process that composes a broker.
import type { Time } from './time.ts'

/** One closing function for each thing that was opened, in the order of opening. */
export type Closers = (() => unknown)[]

/** Closes everything in the reverse order of opening, even where a closer fails; then rejects with all failures. */
export async function closeAll(closers: Closers): Promise<void> {
  const failures: unknown[] = []
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
    try {
      await close()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'the broker did not close in good order')
}

/** Returns a function that says how much of `spanMs` is left since its first call: one deadline for several drains. */
export function remaining(spanMs: number, { elapsed }: Pick<Time, 'elapsed'>): () => number {
  let until: number | undefined
  return () => {
    until ??= elapsed() + spanMs
    return Math.ceil(Math.max(0, until - elapsed()))
  }
}
