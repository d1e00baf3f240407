// What a composition has opened, and how it is closed again. Runs in every process that composes a broker.
import type { Time } from './time.ts'

/** One for each thing that was opened, in the order of opening. */
export type Closers = (() => unknown)[]

/** Closes in the opposite order of opening, all of it whatever fails; rejects with what failed. */
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

/** What is left of a span of milliseconds that begins when it is first asked for: one deadline for several drains. */
export function remaining(spanMs: number, { elapsed }: Pick<Time, 'elapsed'>): () => number {
  let until: number | undefined
  return () => {
    until ??= elapsed() + spanMs
    return Math.ceil(Math.max(0, until - elapsed()))
  }
}
