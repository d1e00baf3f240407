// Turns what dependencies print with `console` into log lines. Runs in the controller's process.
import { format } from 'node:util'
import type { Logger } from './log.ts'

const printing = ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const

/** Logs everything that is printed with `console` as `strayOutput`, until the returned function is called. */
export function logConsole(log: Logger): () => void {
  const originals = printing.map((name) => [name, console[name]] as const)
  for (const name of printing) {
    console[name] = (...said: unknown[]) => log.warn({ code: 'strayOutput' }, '%s', format(...said))
  }
  return () => {
    for (const [name, original] of originals) console[name] = original
  }
}
