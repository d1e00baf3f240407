// The limit on how often one message is logged.
import { describe, expect, it } from 'vitest'
import { LineBudget } from '../../../broker/telemetry/line-budget.ts'
import { createLog } from '../../../broker/telemetry/log.ts'

describe('LineBudget', () => {
  function budget() {
    const clock = { now: 0 }
    const options = { linesMax: 2, windowMs: 100, messagesMax: 3, elapsed: () => clock.now }
    return { clock, lines: new LineBudget(options) }
  }

  it('admit: admits a message a number of times in a window, and says how many lines it left out', () => {
    const { clock, lines } = budget()
    expect([1, 2, 3, 4].map(() => lines.admit('again'))).toEqual([0, 0, undefined, undefined])
    expect(lines.admit('another')).toBe(0)
    clock.now = 100
    expect([lines.admit('again'), lines.admit('again'), lines.admit('again')]).toEqual([2, 0, undefined])
  })

  it('admit: counts messages beyond its number together, and forgets windows that are over', () => {
    const { clock, lines } = budget()
    const admitted = Array.from({ length: 100 }, (_, i) => lines.admit(`message ${i}`))
    expect(admitted.filter((leftOut) => leftOut !== undefined)).toHaveLength(5)
    clock.now = 100
    lines.admit('other messages')
    expect(lines.admit('a new one')).toBe(0)
  })
})

describe('createLog', () => {
  function logOf(level: string) {
    const lines: Record<string, unknown>[] = []
    const destination = {
      write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    }
    const log = createLog({ level, format: 'json', process: 'controller', destination })
    return { log, lines }
  }

  it('leaves out lines that repeat one message too often, over the log and its children', () => {
    const { log, lines } = logOf('info')
    const [one, other] = [log.child({ component: 'one' }), log.child({ component: 'other' })]
    for (let i = 0; i < 500; i++) {
      one.info({ i }, 'session ended')
      other.warn('session ended')
    }
    one.info('something else')
    expect(lines.filter(({ msg }) => msg === 'session ended')).toHaveLength(100)
    expect(lines.at(-1)).toMatchObject({ msg: 'something else' })
  })

  it('never leaves out fatal lines or debug lines', () => {
    const { log, lines } = logOf('debug')
    for (let i = 0; i < 500; i++) {
      log.debug('a detail')
      log.fatal('the end')
    }
    expect(lines).toHaveLength(1000)
  })
})
