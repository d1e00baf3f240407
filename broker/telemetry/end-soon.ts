// Ends a process that has nothing left to do. Runs in controller, hosts and command line.

/** Longest time that such a process waits for its output to be taken. */
const OUTPUT_END_MS = 2_000

/**
 * Lets the process end by itself; after a bounded time it exits with its exit code even if something still keeps it alive,
 * such as a message on standard error whose reader stalls.
 */
export function endSoon({ withinMs = OUTPUT_END_MS }: { withinMs?: number } = {}): void {
  setTimeout(() => process.exit(), withinMs).unref()
}
