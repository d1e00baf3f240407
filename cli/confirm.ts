// Asks before an action that cannot be undone. Asks only at a terminal, so that scripts are not stopped.
import { createInterface } from 'node:readline'
import { visible } from '../protocol/text/visible-text.ts'
import type { Terminal } from './terminal.ts'

/**
 * Resolves to true for y or yes, and if standard input is not a terminal. Resolves to false for any other answer, for Ctrl-C
 * and Ctrl-D, and if the terminal goes away.
 */
export async function confirm(terminal: Terminal, question: string): Promise<boolean> {
  const { stdin, stderr } = terminal
  if (stdin.isTTY !== true) return true
  const lines = createInterface({ input: stdin, output: stderr })
  const answer = await new Promise<string | undefined>((resolve) => {
    // Ctrl-C also closes the line reader, since it has no SIGINT listener.
    lines.once('close', () => resolve(undefined))
    lines.question(`${visible(question)} [y/N] `, resolve)
  })
  lines.close()
  // Without an answer the cursor is still after the question.
  if (answer === undefined) stderr.write('\n')
  return answer !== undefined && /^y(es)?$/i.test(answer.trim())
}
