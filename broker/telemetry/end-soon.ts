// The end of a process that has nothing left to do. Runs in controller, hosts and command line.

/** How long such a process waits for its output to be taken. */
const OUTPUT_END_MS = 2_000

/**
 * Lets a process end by itself, or with its exit code after a bounded time where something that nobody takes still keeps it,
 * such as a message on a standard error whose reader stalls.
 */
export function endSoon(): void {
  setTimeout(() => process.exit(), OUTPUT_END_MS).unref()
}
