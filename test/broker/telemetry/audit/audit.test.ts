// The audit trail: its lines, what one source can cause, and the file that it may go to.
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openAudit } from '../../../../broker/telemetry/audit/open.ts'
import { createLog } from '../../../../broker/telemetry/log.ts'
import { CountedMetrics } from '../../../support/counted-metrics.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-audit-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** A clock and an interval that the test drives. */
function steppedTime() {
  const time = { at: 0, tasks: [] as (() => void)[] }
  return {
    time: {
      now: () => time.at,
      elapsed: () => time.at,
      after: () => () => {},
      every: (_: number, task: () => void) => {
        time.tasks.push(task)
        return () => time.tasks.splice(time.tasks.indexOf(task), 1)
      },
      atTurnEnd: (task: () => void) => task(),
    },
    pass(ms: number) {
      time.at += ms
      for (const task of time.tasks) task()
    },
  }
}

function linesOf(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('the audit trail in the log', () => {
  function trail(level: string) {
    let text = ''
    const destination = { write: (line: string) => void (text += line) }
    const log = createLog({ level, format: 'json', process: 'controller', destination })
    const counted = new CountedMetrics()
    const { time, pass } = steppedTime()
    const opened = openAudit({
      path: undefined,
      process: 'controller',
      log,
      metrics: counted.instruments,
      time,
    })
    return { ...opened, counted, pass, lines: () => linesOf(text) }
  }

  it('writes a line for each event, whatever the level of the log', () => {
    const { audit, lines } = trail('fatal')
    audit.record('streamCreated', {
      principal: 'shop',
      address: '10.0.0.1:5',
      outcome: 'done',
      to: { shardCount: 2 },
    })
    expect(lines()).toEqual([
      expect.objectContaining({
        log: 'audit',
        code: 'STREAM-001',
        event: 'streamCreated',
        principal: 'shop',
        address: '10.0.0.1:5',
        outcome: 'done',
        to: { shardCount: 2 },
        process: 'controller',
      }),
    ])
  })

  it('shows no secret of a token, in no line of the log, wherever somebody put it', () => {
    const { audit, lines } = trail('info')
    const token = `mr_${'Ab0'.repeat(5)}z_${'s-_'.repeat(14)}A`
    audit.record('permissionDenied', {
      resource: token,
      outcome: 'permissionDenied',
      detail: `url ${token}?`,
    })
    const text = JSON.stringify(lines())
    expect(text).not.toContain('s-_s-_')
    expect(text).toContain('mr_Ab0Ab0Ab0Ab0Ab0z_***')
  })

  it('writes nothing where the log is silent', () => {
    const { audit, lines } = trail('silent')
    audit.record('streamCreated', { outcome: 'done' })
    expect(lines()).toEqual([])
  })

  it('leaves out repeated denials of a source, counts them all, and says how many were left out', () => {
    const { audit, counted, lines, pass } = trail('info')
    for (let i = 0; i < 1000; i++)
      audit.record('permissionDenied', { principal: 'shop', outcome: 'permissionDenied' })
    audit.record('permissionDenied', { principal: 'bank', outcome: 'permissionDenied' })
    const of = (principal: string) => lines().filter((line) => line['principal'] === principal).length
    expect(of('shop')).toBe(10)
    expect(of('bank')).toBe(1)
    expect(counted.sums('millrace_audit_events_total')).toEqual({ permissionDenied: 1001 })
    pass(60_000)
    expect(lines().at(-1)).toMatchObject({ code: 'ACCESS-001', source: 'shop', leftOut: 990 })
  })

  it('leaves out no administrative change, however many there are', () => {
    const { audit, lines } = trail('info')
    for (let i = 0; i < 500; i++) audit.record('documentDeleted', { principal: 'shop', outcome: 'done' })
    expect(lines()).toHaveLength(500)
  })
})

describe('the audit trail in a file', () => {
  function trail(process = 'controller') {
    const path = join(directory, 'audit.log')
    const { time, pass } = steppedTime()
    const log = createLog({ level: 'silent', format: 'json', process })
    const { instruments: metrics } = new CountedMetrics()
    return { path, pass, ...openAudit({ path, process, log, metrics, time }) }
  }

  it('is readable by its owner alone, holds the lines of several processes, and survives a restart', async () => {
    const first = trail('controller')
    const second = trail('host-1')
    first.audit.record('streamCreated', { outcome: 'done' })
    second.audit.record('permissionDenied', { outcome: 'permissionDenied' })
    await first.close()
    await second.close()
    const third = trail()
    third.audit.record('streamDeleted', { outcome: 'done' })
    await third.close()
    expect(statSync(third.path).mode & 0o777).toBe(0o600)
    const events = linesOf(readFileSync(third.path, 'utf8')).map(
      ({ event, process }) => `${String(process)} ${String(event)}`,
    )
    expect(events.toSorted()).toEqual([
      'controller streamCreated',
      'controller streamDeleted',
      'host-1 permissionDenied',
    ])
  })

  it('goes on in a new file when the old one was moved away', async () => {
    const { audit, close, path, pass } = trail()
    audit.record('streamCreated', { outcome: 'done' })
    const written = (file: string) => linesOf(readFileSync(file, 'utf8')).map(({ event }) => event)
    await vi.waitFor(() => expect(written(path)).toEqual(['streamCreated']), { timeout: 60_000 })
    renameSync(path, `${path}.1`)
    pass(1000)
    audit.record('streamDeleted', { outcome: 'done' })
    await vi.waitFor(() => expect(written(path)).toEqual(['streamDeleted']), { timeout: 60_000 })
    expect(written(`${path}.1`)).toEqual(['streamCreated'])
    await close()
  })

  it('is refused with the reason where its directory does not exist', () => {
    const log = createLog({ level: 'silent', format: 'json', process: 'controller' })
    const { instruments: metrics } = new CountedMetrics()
    const options = { process: 'controller', log, metrics, time: steppedTime().time }
    expect(() => openAudit({ ...options, path: join(directory, 'nowhere', 'audit.log') })).toThrow(/ENOENT/)
  })
})
