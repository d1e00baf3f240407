// The pure parts of the port: what a request asks for, and the end of a log.
import { expect, test } from 'vitest'
import { invokeRequestOf } from '../../src/wire/invoke-request.ts'
import { LogTail } from '../../src/wire/log-tail.ts'

const head = (url: string, headers: Record<string, string> = {}) => ({
  method: 'POST',
  url,
  header: (name: string) => headers[name],
})

test.each([
  ['enrich', 'enrich'],
  ['enrich:$LATEST', 'enrich'],
  ['function:enrich', 'enrich'],
  ['000000000000:function:enrich', 'enrich'],
  ['arn:aws:lambda:us-east-1:000000000000:function:enrich', 'enrich'],
  ['arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aenrich%3A%24LATEST', 'enrich'],
])('finds the function that %s names', (named, name) => {
  expect(invokeRequestOf(head(`/2015-03-31/functions/${named}/invocations`))).toEqual({
    name,
    type: 'RequestResponse',
    wantsLog: false,
  })
})

test.each([
  ['/', 404],
  ['/2015-03-31/functions/a/b/invocations', 404],
  ['/2015-03-31/functions/%E0%A4%A/invocations', 400],
  ['/2015-03-31/functions/a/invocations?Qualifier=live', 404],
])('refuses %s', (url, status) => {
  expect(() => invokeRequestOf(head(url))).toThrow(
    expect.objectContaining({ answer: expect.objectContaining({ status }) }),
  )
})

test('the end of a log has at most 4 KiB, also of one long line, and never less than fits', () => {
  const tail = new LogTail()
  tail.add('first')
  expect(Buffer.from(tail.base64(), 'base64').toString()).toBe('first\n')
  for (let i = 0; i < 500; i++) tail.add(`line ${i}`.padEnd(99, '.'))
  const text = Buffer.from(tail.base64(), 'base64').toString()
  expect(text.length).toBe(4096)
  expect(text.endsWith(`${'line 499'.padEnd(99, '.')}\n`)).toBe(true)
  tail.add('x'.repeat(10_000))
  expect(Buffer.from(tail.base64(), 'base64').toString()).toBe(`${'x'.repeat(4095)}\n`)
})
