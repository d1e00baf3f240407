// A question before something that cannot be undone. Runs where a person sits at the terminal; a script is not asked.
import { createInterface } from 'node:readline'
import { visible } from '../protocol/visible-text.ts'
import type { Terminal } from './terminal.ts'

/**
 * Resolves to true for y or yes, and where standard input is no terminal. Anything else is a no: another answer, Ctrl-C,
 * Ctrl-D, and a terminal that goes away.
 */
export async function confirm(terminal: Terminal, question: string): Promise<boolean> {
  const { stdin, stderr } = terminal
  if (stdin.isTTY !== true) return true
  const lines = createInterface({ input: stdin, output: stderr })
  const answer = await new Promise<string | undefined>((resolve) => {
    // Ctrl-C closes it too, as there is no listener for it.
    lines.once('close', () => resolve(undefined))
    lines.question(`${visible(question)} [y/N] `, resolve)
  })
  lines.close()
  // The cursor still stands behind the question.
  if (answer === undefined) stderr.write('\n')
  return answer !== undefined && /^y(es)?$/i.test(answer.trim())
}
