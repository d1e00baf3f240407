// What is kept of the lines of functions: Lambda's lines, the share of each function, and what is said of lines that were lost.
import { expect, test } from 'vitest'
import { FunctionLog, type LoggedLine } from '../../src/logs/function-log.ts'

function logged(limits?: { linesPerSecond: number; linesAtOnce: number }) {
  const lines: [string, LoggedLine][] = []
  let now = 1000
  const log = new FunctionLog({
    sink: { write: (name, line) => void lines.push([name, line]) },
    now: () => now,
    ...(limits !== undefined && { limits }),
  })
  return {
    log,
    lines,
    texts: () => lines.splice(0).map(([, { line }]) => line),
    pass: (ms: number) => (now += ms),
  }
}

const ended = { durationMs: 1.234, memoryBytes: 30 * 1024 * 1024, error: undefined }

test('a call has the lines that Lambda writes, under its request and the name of its function', () => {
  const { log, lines } = logged()
  const call = log.begin('enrich', 'r1', { memoryMiB: 128 })
  call.line({ at: 1001, level: 'warn', line: 'hm' })
  call.end(ended)
  expect(lines).toEqual([
    [
      'enrich',
      { at: 1000, level: 'platform', requestId: 'r1', line: 'START RequestId: r1 Version: $LATEST' },
    ],
    ['enrich', { at: 1001, level: 'warn', requestId: 'r1', line: 'hm' }],
    ['enrich', { at: 1000, level: 'platform', requestId: 'r1', line: 'END RequestId: r1' }],
    [
      'enrich',
      {
        at: 1000,
        level: 'platform',
        requestId: 'r1',
        line: 'REPORT RequestId: r1\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB',
      },
    ],
  ])
})

test('the error of a call that failed is a line, and the report names it', () => {
  const { log, texts } = logged()
  const error = { errorType: 'TypeError', errorMessage: 'no', stackTrace: ['TypeError: no', 'at x'] }
  log.begin('enrich', 'r1', { memoryMiB: 128 }).end({ ...ended, error })
  const [, line, , report] = texts()
  expect(line).toBe(
    'Invoke Error\t{"errorType":"TypeError","errorMessage":"no","stack":["TypeError: no","at x"]}',
  )
  expect(report).toMatch(/\tStatus: error\tError Type: TypeError$/)
  const timedOut = { errorType: 'Sandbox.Timedout', errorMessage: 'late' }
  log.begin('enrich', 'r2', { memoryMiB: 128 }).end({ ...ended, error: timedOut })
  expect(texts().at(-1)).toMatch(/\tStatus: timeout$/)
})

test('a function that prints more than its share loses lines, is told how many, and harms no other', () => {
  const { log, texts, pass } = logged({ linesPerSecond: 2, linesAtOnce: 3 })
  for (let i = 0; i < 10; i++) log.line('loud', undefined, { at: 0, level: 'info', line: `l${i}` })
  log.line('quiet', undefined, { at: 0, level: 'info', line: 'q' })
  expect(texts()).toEqual(['l0', 'l1', 'l2', 'q'])
  pass(500)
  log.line('loud', undefined, { at: 0, level: 'info', line: 'again' })
  expect(texts()).toEqual([
    '7 lines of this function were left out: it printed more than 2 lines a second.',
    'again',
  ])
})

test('the caller gets all lines of its call, whatever is kept of them', () => {
  const { log } = logged({ linesPerSecond: 1, linesAtOnce: 1 })
  const seen: string[] = []
  const call = log.begin('loud', 'r1', { memoryMiB: 128 }, (line) => seen.push(line))
  call.line({ at: 0, level: 'info', line: 'one' })
  call.line({ at: 0, level: 'info', line: 'two' })
  expect(seen).toEqual(['START RequestId: r1 Version: $LATEST', 'one', 'two'])
})
