// Supervised programs: real processes, which become ready, are drained by a signal, and are killed where they ignore it.
import { describe, expect, it } from 'vitest'
import { programCharge, type ProgramChargeOptions } from '../../../broker/supervision/program.ts'
import { SupervisedChild } from '../../../broker/supervision/supervised-child.ts'
import { silentLog } from '../../../broker/telemetry/log.ts'
import { systemTime } from '../../../broker/time.ts'
import { until } from '../../support/checker/progress.ts'

const policy = {
  startDeadlineMs: 60_000,
  closeGraceMs: 0,
  backoff: { firstDelayMs: 1, delayMsMax: 1, stableAfterMs: 60_000 },
}

/** Makes a program from a line of JavaScript. */
function supervised(script: string, ready: ProgramChargeOptions['ready'], command = process.execPath) {
  const downs: string[] = []
  const program = { command, args: ['-e', script], env: { WHO: 'child' } }
  const onNews: ProgramChargeOptions['onNews'] = (news) => {
    if (news.news === 'down') downs.push(news.how)
  }
  const charge = programCharge({ program, ready, policy, log: silentLog(), onNews })
  return { child: new SupervisedChild(charge, { time: systemTime, random: () => 0 }), downs }
}

const speaks = `process.send(process.env.WHO); setInterval(() => {}, 1000);`

describe('programCharge', () => {
  it('is ready at the first message, passes only the given environment, and drains by SIGTERM', async () => {
    const { child, downs } = supervised(
      `if (process.env.WHO === 'child' && !process.env.PATH) { ${speaks} }`,
      'message',
    )
    child.start()
    await until('the program is ready', () => child.phase === 'ready')
    const { ended } = child.life!
    await child.stop(60_000)
    expect(await ended).toMatch(/^process \d+ ended by SIGTERM$/)
    expect(downs).toEqual([])
  })

  it('kills a program that ignores SIGTERM when its time is over', async () => {
    const { child } = supervised(`process.on('SIGTERM', () => {}); ${speaks}`, 'message')
    child.start()
    await until('the program is ready', () => child.phase === 'ready')
    const { ended } = child.life!
    await child.stop(0)
    expect(await ended).toMatch(/ended by SIGKILL$/)
  })

  it('starts a program again that exits, and says how it ended', async () => {
    const { child, downs } = supervised('process.exit(3)', 'launched')
    child.start()
    await until('the program was started again', () => child.restarts >= 2)
    await child.stop(0)
    expect(downs[0]).toMatch(/^process \d+ ended by code 3$/)
  })

  it('says so where the program does not exist', async () => {
    const { child, downs } = supervised('', 'message', '/nowhere/at-all')
    child.start()
    await until('the program was tried', () => downs.length > 0)
    await child.stop(0)
    expect(downs[0]).toMatch(/^the process could not be started: spawn \/nowhere\/at-all ENOENT$/)
  })
})
