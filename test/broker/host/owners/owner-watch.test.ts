// Owners that do not answer: what the log, a scrape and the controller get to know, and that nothing else happens.
import { describe, expect, it } from 'vitest'
import { OwnerWatch } from '../../../../broker/host/owners/owner-watch.ts'
import { createLog } from '../../../../broker/telemetry/log.ts'
import { FakeSession } from '../support/fake-session.ts'
import { makeBatch, startTestHost, type TestHost } from '../support/test-host.ts'
import { SteppedTime, rest } from '../support/stepped-time.ts'

/** Holds back every flush of the owner until `release` is called. */
function stalled({ owner }: TestHost): { readonly release: () => void } {
  let release = (): void => {}
  const released = new Promise<void>((resolve) => (release = resolve))
  owner.beforeFlush = () => released
  return { release }
}

describe('an owner whose disk does not answer', () => {
  it('is reported after ten seconds, for as long as it lasts; the host goes on', async () => {
    const host = await startTestHost()
    const { release } = stalled(host)
    const appended = host.append(new FakeSession(), makeBatch(['a']))
    await rest()
    host.time.advance(10_000)
    expect(host.engine.trouble).toBeNull()
    host.time.advance(2_000)
    expect(host.engine.trouble).toBe('owner 0 has not answered for 12 seconds')
    release()
    expect(await appended).toMatchObject({ results: [{ code: 0 }] })
    expect(host.engine.trouble).toBeNull()
    expect(host.broken).toEqual([])
  })

  it('counts as stuck from then on, even if it gives its counters, until it has answered another call', async () => {
    const host = await startTestHost()
    const isStuck = (): boolean => host.engine.isStuck()
    const { release } = stalled(host)
    const appended = host.append(new FakeSession(), makeBatch(['a']))
    await rest()
    expect([isStuck(), isStuck()]).toEqual([false, false])
    host.time.advance(10_001)
    expect(isStuck()).toBe(true)
    await host.engine.measure()
    expect(isStuck()).toBe(true)
    release()
    await appended
    expect([isStuck(), isStuck()]).toEqual([false, false])
  })

  it('is measured by its oldest unanswered call, until that is answered', async () => {
    const host = await startTestHost()
    const waitingSeconds = () => host.measured('millrace_owner_waiting_seconds', '0')
    expect(await waitingSeconds()).toBe(0)
    const { release } = stalled(host)
    const session = new FakeSession()
    const first = host.append(session, makeBatch(['a']))
    await rest()
    host.time.advance(3_000)
    const second = host.append(session, makeBatch(['b']))
    await rest()
    host.time.advance(4_000)
    expect(await waitingSeconds()).toBe(7)
    release()
    await Promise.all([first, second])
    expect(await waitingSeconds()).toBe(0)
  })
})

it('an owner whose thread hangs: does not delay a scrape, and gets no further call until it answers', async () => {
  const host = await startTestHost()
  let asked = 0
  host.owner.onStats = () => {
    asked += 1
    return new Promise(() => {})
  }
  for (const seconds of [0, 1, 2]) {
    const measured = host.measured('millrace_owner_waiting_seconds', '0')
    host.time.advance(1_000)
    expect(await measured).toBe(seconds)
    expect(host.counted.sums('millrace_owner_commits_total')).toEqual({})
  }
  expect(asked).toBe(1)
})

it('OwnerWatch: logs once when an owner stops answering, and once when it answers again', () => {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const log = createLog({ level: 'info', format: 'json', process: 'test', destination })
  const time = new SteppedTime()
  const owners = [
    { ownerId: 0, waitingMs: 0, answers: 0 },
    { ownerId: 1, waitingMs: 9_000, answers: 0 },
  ]
  const watch = new OwnerWatch({ owners: { all: owners }, time, log })
  watch.start()
  for (const waitingMs of [0, 10_001, 20_000, 5_000, 0, 11_000]) {
    owners[0]!.waitingMs = waitingMs
    time.advance(1_000)
  }
  const told = lines.map((line) => JSON.parse(line) as { level: string; ownerId: number; msg: string })
  expect(told.map(({ level, ownerId, msg }) => `${level} ${ownerId}: ${msg}`)).toEqual([
    'warn 0: owner 0 has not answered for 10 seconds: its disk or its thread hangs',
    'info 0: owner answers again',
    'warn 0: owner 0 has not answered for 11 seconds: its disk or its thread hangs',
  ])
  watch.stop()
  expect(time.timerCount).toBe(0)
})
