// The operator's lines: the first of each kind, and how many more there were.
import { expect, test } from 'vitest'
import { LINES_MAX, pacedLog, PERIOD_MS } from '../src/log-pace.ts'

function paced() {
  let now = 0
  const lines: string[] = []
  const log = pacedLog(
    ({ message }) => lines.push(message),
    () => now,
  )
  const fail = (message: string) => log({ level: 'warn', message })
  return { lines, fail, pass: (ms: number) => (now += ms) }
}

test('pacedLog: tells the first lines of a message, and counts the others', () => {
  const { lines, fail, pass } = paced()
  for (let i = 0; i < LINES_MAX + 5; i++) fail('PutRecord failed.')
  expect(lines).toEqual(Array.from({ length: LINES_MAX }, () => 'PutRecord failed.'))
  pass(PERIOD_MS)
  fail('PutRecord failed.')
  expect(lines.at(-1)).toBe('PutRecord failed. (5 lines more like this one were left out before it.)')
})

test('pacedLog: one message does not withhold another', () => {
  const { lines, fail } = paced()
  for (let i = 0; i < LINES_MAX + 5; i++) fail('PutRecord failed.')
  fail('GetRecords failed.')
  expect(lines.at(-1)).toBe('GetRecords failed.')
})

test('pacedLog: says nothing of lines left out where there were none', () => {
  const { lines, fail, pass } = paced()
  fail('PutRecord failed.')
  pass(PERIOD_MS)
  fail('PutRecord failed.')
  expect(lines).toEqual(['PutRecord failed.', 'PutRecord failed.'])
})
