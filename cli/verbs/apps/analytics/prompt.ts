// Questions one after the other, at a prompt: a question ends with a semicolon; earlier ones come back by the arrow keys, also those of
// other days.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Surroundings } from '../../../connecting/surroundings.ts'
import type { Terminal } from '../../../terminal.ts'

const HISTORY_MAX = 1000

/** Where earlier questions are kept, by the convention of the XDG base directories; undefined where there is no home. */
export function historyPath({
  environment,
  homeDirectory,
}: Pick<Surroundings, 'environment' | 'homeDirectory'>): string | undefined {
  const state = environment['XDG_STATE_HOME'] ?? (homeDirectory && join(homeDirectory, '.local', 'state'))
  return state && join(state, 'millrace', 'sql-history')
}

/** Asks until the input ends or `\q` is written. `answer` never rejects; its signal fires on Ctrl-C. */
export async function prompt(
  { stdin, stdout }: Terminal,
  path: string | undefined,
  answer: (question: string, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const known = path === undefined ? '' : await readFile(path, 'utf8').catch(() => '')
  const history = known.split('\n').filter((line) => line !== '')
  const lines = createInterface({
    input: stdin,
    output: stdout,
    terminal: stdin.isTTY === true,
    history: [...history].reverse(),
    historySize: HISTORY_MAX,
    prompt: 'millrace> ',
  })
  let question = ''
  let asking: AbortController | undefined
  lines.on('SIGINT', () => {
    if (asking !== undefined) return asking.abort(new Error('The question was ended.'))
    if (question === '' && lines.line === '') return lines.close()
    question = ''
    lines.write(null, { ctrl: true, name: 'u' })
    lines.setPrompt('millrace> ')
    lines.prompt()
  })
  lines.prompt()
  for await (const line of lines) {
    if (question === '' && /^\s*(\\q|exit|quit)\s*;?\s*$/.test(line)) break
    question += `${question === '' ? '' : '\n'}${line}`
    if (question.trim() === '') question = ''
    else if (question.trimEnd().endsWith(';')) {
      const whole = question
      question = ''
      history.push(whole.replaceAll('\n', ' '))
      asking = new AbortController()
      await answer(whole, asking.signal)
      asking = undefined
    }
    lines.setPrompt(question === '' ? 'millrace> ' : '       -> ')
    lines.prompt()
  }
  lines.close()
  if (path === undefined) return
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `${history.slice(-HISTORY_MAX).join('\n')}\n`, { mode: 0o600 })
}
