// The log: lines for machines, lines for people.
import { describe, expect, it } from 'vitest'
import { createLog, type LogOptions } from '../../../broker/telemetry/log.ts'

function written(options: Partial<LogOptions>): { log: ReturnType<typeof createLog>; lines: string[] } {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  return {
    log: createLog({ level: 'info', format: 'json', process: 'host-2', destination, ...options }),
    lines,
  }
}

describe('createLog', () => {
  it('writes one JSON object a line, with process, time, level by name and component', () => {
    const { log, lines } = written({})
    log.child({ component: 'server' }).warn({ port: 7401 }, 'slow')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0]!)).toMatchObject({
      level: 'warn',
      process: 'host-2',
      pid: process.pid,
      component: 'server',
      port: 7401,
      msg: 'slow',
    })
    expect(JSON.parse(lines[0]!)).toHaveProperty('time', expect.stringMatching(/^\d{4}-\d\d-\d\dT/))
  })

  it('writes lines for people: process, message, and details below', () => {
    const { log, lines } = written({ format: 'pretty' })
    log.child({ component: 'server' }).info({ port: 7401 }, 'listening')
    log.error({ err: new Error('gone') }, 'failed')
    expect(lines[0]).toMatch(/INFO: host-2 server: listening\n {4}port: 7401\n$/)
    expect(lines[1]).toMatch(/ERROR: host-2: failed\n[^]*gone/)
  })

  it('escapes control characters in both formats, and JSON parses to the same text', () => {
    const hostile = '\u001b[2J\u009b\u202e\u200b\ufeff\u2028\b\r\u007f'
    const shown = String.raw`\u001b[2J\u009b\u202e\u200b\ufeff\u2028\u0008\u000d\u007f`
    for (const format of ['json', 'pretty'] as const) {
      const { log, lines } = written({ format })
      const details = { name: hostile, err: new Error(hostile), nested: { [hostile]: [hostile] } }
      log.child({ component: hostile }).warn(details, `${hostile}\nINFO: forged`)
      expect(lines[0]!.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u)
      if (format === 'json') {
        expect(JSON.parse(lines[0]!)).toMatchObject({ name: hostile, nested: { [hostile]: [hostile] } })
      } else {
        expect(lines[0]!.split('\n')[0]).toContain(`${shown}\\u000aINFO: forged`)
      }
    }
  })

  it('leaves out what is below its level', () => {
    const { log, lines } = written({ level: 'error' })
    log.warn('not this')
    expect(lines).toEqual([])
  })
})
