// How a line is split into words, and what bash keeps of the last one.
import { expect, it } from 'vitest'
import { keptByBash, shellWords } from '../../../cli/completion/shell-words.ts'

it.each([
  ['', ['']],
  ['millrace', ['millrace']],
  ['millrace ', ['millrace', '']],
  ['millrace  put\tclicks x', ['millrace', 'put', 'clicks', 'x']],
  [`put 'a b' "c d`, ['put', 'a b', 'c d']],
  [`put 'it is' `, ['put', 'it is', '']],
  [String.raw`put a\ b "q\"r" 'x\y' `, ['put', 'a b', 'q"r', String.raw`x\y`, '']],
  [`put "" x`, ['put', '', 'x']],
  ['list --url millrace://a:1 ', ['list', '--url', 'millrace://a:1', '']],
])('shellWords: %j', (line, words) => {
  expect(shellWords(line)).toEqual(words)
})

it.each([
  ['--profile=pr', '=:', '--profile='],
  ['millrace://a', '=:', 'millrace:'],
  ['millrace://a', '=', ''],
  ['clicks', '=:', ''],
])('keptByBash: of %s with the breaks %s it is %j', (word, breaks, kept) => {
  expect(keptByBash(word, breaks)).toBe(kept)
})
