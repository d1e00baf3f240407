// The progress of a long verb: drawn for people who look, never into a file or a pipe.
import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { formatBytes } from '../../../cli/output/amounts.ts'
import { startProgress } from '../../../cli/output/progress.ts'
import type { Terminal } from '../../../cli/terminal.ts'

interface Drawing {
  readonly isTTY: boolean
  readonly quiet: boolean
  readonly total?: number
  readonly said?: string
}

function drawn({ isTTY, quiet, total, said }: Drawing): string {
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 100, cursorTo() {}, clearLine() {} })
  const terminal: Terminal = {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr,
    outputClosed: new AbortController().signal,
    interrupted: () => new AbortController().signal,
    beforeKilled: () => () => {},
  }
  const progress = startProgress(terminal, { verb: 'produce', total, format: formatBytes, quiet })
  progress.update(512, '7 records')
  if (said !== undefined) progress.say(said)
  progress.stop()
  return String(stderr.read() ?? '')
}

it('progress: is a bar if the amount of input is known, and a count otherwise', () => {
  expect(drawn({ isTTY: true, quiet: false, total: 1024 })).toMatch(/produce .*50% of 1\.0 KiB {2}7 records/)
  expect(drawn({ isTTY: true, quiet: false })).toMatch(/produce {2}512 B {2}7 records/)
})

it('progress: is not drawn if standard error is no terminal, or with --quiet', () => {
  expect(drawn({ isTTY: false, quiet: false, total: 1024 })).toBe('')
  expect(drawn({ isTTY: true, quiet: true, total: 1024 })).toBe('')
})

it('progress: says a line beside the bar and draws the bar again, and says it without a bar if none is drawn', () => {
  expect(drawn({ isTTY: true, quiet: false, total: 1024, said: 'a word' })).toMatch(
    /50% [^\n]*a word\n[^\n]*50% of 1\.0 KiB {2}7 records/,
  )
  expect(drawn({ isTTY: false, quiet: false, said: 'a word' })).toBe('a word\n')
})
