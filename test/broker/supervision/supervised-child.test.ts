// SupervisedChild launches, watches, restarts, drains and kills a child, in fake time; and whatever happens in any order,
// there are never two lives at once, and a stop ends.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChildGone } from '../../../broker/supervision/supervised-child.ts'
import { settled } from '../control/support/fake-time.ts'
import { Nursery, policy, well } from './support/fake-child.ts'

/** Starts a child and makes it ready. */
async function ready(nursery = new Nursery()): Promise<Nursery> {
  nursery.child.start()
  nursery.life.ready()
  await settled()
  return nursery
}

describe('SupervisedChild', () => {
  it('is down before start, and starting until the child is ready', async () => {
    const nursery = new Nursery()
    const { child } = nursery
    expect([child.phase, child.reason]).toEqual(['down', 'not started yet'])
    child.start()
    expect([child.phase, child.reason]).toEqual(['starting', 'starting'])
    nursery.life.ready()
    await settled()
    expect([child.phase, child.reason]).toEqual(['ready', undefined])
    expect(child.life).toBe(nursery.life)
    expect(nursery.news).toEqual([{ news: 'ready' }])
  })

  it('start: launches one child, however often it is called', async () => {
    const nursery = await ready()
    nursery.child.start()
    nursery.life.end()
    await settled()
    nursery.child.start()
    expect(nursery.lives).toHaveLength(1)
  })

  it('starts a child again after its end, and tells so', async () => {
    const nursery = await ready()
    nursery.life.end('it fell over')
    await settled()
    expect([nursery.child.phase, nursery.child.reason]).toEqual(['down', 'it fell over'])
    await nursery.time.advance(100)
    expect([nursery.child.phase, nursery.child.restarts]).toEqual(['starting', 1])
    expect(nursery.news.slice(1)).toEqual([
      { news: 'down', how: 'it fell over', failures: 1, delayMs: 100 },
      { news: 'restarting' },
    ])
  })

  it('doubles the delay with each failure up to a limit, and starts over after a stable time', async () => {
    const nursery = new Nursery()
    nursery.onLaunch = (life) => life.ready()
    nursery.child.start()
    await settled()
    for (let failure = 0; failure < 6; failure++) {
      nursery.life.end()
      await settled()
      await nursery.time.advance(policy.backoff.delayMsMax)
    }
    await nursery.time.advance(policy.backoff.stableAfterMs)
    nursery.life.end()
    await settled()
    const delays = nursery.news.flatMap((news) => (news.news === 'down' ? [news.delayMs] : []))
    expect(delays).toEqual([100, 200, 400, 800, 1_600, 1_600, 100])
  })

  it('kills a child whose start fails, and shows the reason that it gave', async () => {
    const nursery = new Nursery()
    nursery.child.start()
    nursery.life.fail(new Error('its directory is in use'))
    await settled()
    expect(nursery.life.kills).toBe(1)
    expect(nursery.child.reason).toBe('its directory is in use')
  })

  it('shows how the child ended where that cut its start off', async () => {
    const nursery = new Nursery()
    nursery.child.start()
    nursery.life.onKill = () => {}
    nursery.life.fail(new ChildGone('the channel closed'))
    await settled()
    nursery.life.end('ended by SIGSEGV')
    await settled()
    expect(nursery.child.reason).toBe('ended by SIGSEGV')
  })

  it('kills a child that is not ready in time', async () => {
    const nursery = new Nursery()
    nursery.child.start()
    await nursery.time.advance(policy.startDeadlineMs - 1)
    expect(nursery.life.kills).toBe(0)
    await nursery.time.advance(1)
    expect(nursery.life.kills).toBe(1)
    expect(nursery.child.reason).toBe('did not start within 60 seconds')
  })

  it('counts a failed launch as an end, and tries again', async () => {
    let tries = 0
    const nursery = new Nursery({
      launch: () => {
        tries++
        throw new Error('EAGAIN')
      },
    })
    nursery.child.start()
    expect(nursery.child.reason).toBe('could not be launched: EAGAIN')
    await nursery.time.advance(100)
    expect(tries).toBe(2)
  })

  it('kills and cuts off a child that does not answer, and restarts it only after its end', async () => {
    const nursery = await ready()
    nursery.life.answer = () => new Promise(() => {})
    nursery.life.onKill = () => {}
    await nursery.time.advance(3_000)
    expect(nursery.child.reason).toBe('does not answer: 2 of 3 heartbeats missed')
    await nursery.time.advance(1_000)
    const [first] = nursery.lives
    expect([first!.kills, first!.cutOffs]).toEqual([1, 1])
    expect([nursery.child.phase, nursery.child.reason]).toEqual([
      'down',
      'did not answer 3 heartbeats in a row',
    ])
    await nursery.time.advance(60_000)
    expect(nursery.lives).toHaveLength(1)
    first!.end()
    await nursery.time.advance(100)
    expect(nursery.lives).toHaveLength(2)
    expect(nursery.news).toContainEqual({
      news: 'down',
      how: 'did not answer 3 heartbeats in a row',
      failures: 1,
      delayMs: 100,
    })
  })

  it('shows that a child is stuck, and gives it up when it is stuck for long', async () => {
    const nursery = await ready()
    nursery.life.answer = () => Promise.resolve({ trouble: 'a slow disk', isStuck: true })
    await nursery.time.advance(3_000)
    expect([nursery.child.phase, nursery.child.reason]).toEqual(['ready', 'a slow disk'])
    await nursery.time.advance(1_000)
    expect(nursery.child.reason).toBe('it was stuck over 4 heartbeats')
  })

  it('leaves a stuck child inside this process alone', async () => {
    const nursery = new Nursery({}, null)
    nursery.onLaunch = (life) => (life.answer = () => Promise.resolve({ trouble: 'hm', isStuck: true }))
    await ready(nursery)
    await nursery.time.advance(60_000)
    expect([nursery.child.phase, nursery.child.restarts]).toEqual(['ready', 0])
  })

  it('sends no pings without a heartbeat policy', async () => {
    let asked = 0
    const { heartbeat, ...quiet } = policy
    const nursery = new Nursery({ policy: quiet, ping: () => (asked++, Promise.resolve(well)) })
    await ready(nursery)
    await nursery.time.advance(10 * heartbeat.intervalMs)
    expect(asked).toBe(0)
    expect(nursery.time.waiting).toEqual([])
  })

  it('stop: drains the child with the deadline, does not start it again, and leaves no timer', async () => {
    const nursery = await ready()
    let isStopped = false
    const stopped = nursery.child.stop(5_000).then(() => (isStopped = true))
    expect(nursery.life.drains).toEqual([5_000])
    await nursery.time.advance(4_000)
    expect([nursery.child.phase, isStopped]).toEqual(['draining', false])
    nursery.life.end('it was drained')
    await stopped
    expect([nursery.child.phase, nursery.child.reason]).toEqual(['down', 'stopping'])
    expect(nursery.time.waiting).toEqual([])
    expect(nursery.lives).toHaveLength(1)
  })

  it('stop: kills a child that does not end within the deadline and the grace', async () => {
    const nursery = await ready()
    const stopped = nursery.child.stop(5_000)
    await nursery.time.advance(6_999)
    expect(nursery.life.kills).toBe(0)
    await nursery.time.advance(1)
    await stopped
    expect(nursery.life.kills).toBe(1)
    expect(nursery.news.map(({ news }) => news)).toEqual(['ready', 'drainOverdue', 'stopped'])
  })

  it('stop: drains a starting child when its start has succeeded or failed', async () => {
    for (const outcome of ['ready', 'fail'] as const) {
      const nursery = new Nursery()
      nursery.child.start()
      const stopped = nursery.child.stop(5_000)
      expect(nursery.life.drains).toEqual([])
      nursery.life[outcome](new Error('no'))
      await settled()
      expect([nursery.life.drains, nursery.life.kills]).toEqual([[5_000], 0])
      nursery.life.end()
      await stopped
    }
  })

  it('stop: does not start a child that waits for its restart', async () => {
    const nursery = await ready()
    nursery.life.end()
    await settled()
    await nursery.child.stop(5_000)
    await nursery.time.advance(60_000)
    expect(nursery.lives).toHaveLength(1)
  })

  it('kill: ends a child in the middle of its drain', async () => {
    const nursery = await ready()
    const stopped = nursery.child.stop(60_000)
    nursery.child.kill()
    await stopped
    expect(nursery.life.isRunning).toBe(false)
    expect(nursery.time.waiting).toEqual([])
  })
})

/** Something that may happen to a child or its supervision. */
const happenings = fc.constantFrom(
  'start',
  'ready',
  'fail',
  'gone',
  'crash',
  'hang',
  'slowEnd',
  'wait',
  'stop',
  'kill',
)

/** Lets it happen, to the current life where it concerns one. */
async function happen(nursery: Nursery, happening: string, ms: number): Promise<void> {
  const life = nursery.lives.at(-1)
  if (happening === 'start') nursery.child.start()
  else if (happening === 'stop') void nursery.child.stop(ms)
  else if (happening === 'kill') nursery.child.kill()
  else if (happening === 'ready') life?.ready()
  else if (happening === 'fail') life?.fail(new Error('cannot start'))
  else if (happening === 'gone') life?.fail(new ChildGone('the channel closed'))
  else if (happening === 'crash') life?.end()
  else if (happening === 'hang' && life) life.answer = () => new Promise(() => {})
  else if (happening === 'slowEnd' && life)
    life.onKill = () => void nursery.time.after(ms, () => life.end('killed'))
  if (happening === 'wait') await nursery.time.advance(ms)
  else await settled()
}

describe('SupervisedChild, whatever happens in any order,', () => {
  const orders = fc.array(fc.tuple(happenings, fc.integer({ min: 0, max: 20_000 })), { maxLength: 25 })

  it('never has two lives at once, and shows the true phase', async () => {
    await fc.assert(
      fc.asyncProperty(orders, async (order) => {
        const nursery = new Nursery()
        for (const [happening, ms] of order) {
          await happen(nursery, happening, ms)
          const running = nursery.lives.filter(({ isRunning }) => isRunning)
          expect(nursery.runningMax).toBeLessThanOrEqual(1)
          expect(nursery.child.life).toBe(running[0])
          if (nursery.child.phase === 'ready') expect(running).toHaveLength(1)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('ends a stop within its deadline and the grace, launches nothing after it, and leaves no timer', async () => {
    await fc.assert(
      fc.asyncProperty(orders, async (order) => {
        const nursery = new Nursery()
        for (const [happening, ms] of order) await happen(nursery, happening, ms)
        // The system guarantees that a kill takes effect.
        for (const life of nursery.lives) life.onKill = () => life.end('killed')
        const launched = nursery.lives.length
        let isStopped = false
        void nursery.child.stop(1_000).then(() => (isStopped = true))
        // An earlier stop may have set a longer deadline.
        await nursery.time.advance(20_000 + policy.closeGraceMs)
        expect(isStopped).toBe(true)
        expect(nursery.lives.filter(({ isRunning }) => isRunning)).toEqual([])
        await nursery.time.advance(policy.startDeadlineMs)
        expect(nursery.lives).toHaveLength(launched)
        expect(nursery.time.waiting).toEqual([])
      }),
      { numRuns: 60 },
    )
  })

  it('starts a child again soon after its end, unless it is stopped', async () => {
    const going = orders.map((order) =>
      order.filter(([happening]) => happening !== 'stop' && happening !== 'kill'),
    )
    await fc.assert(
      fc.asyncProperty(going, async (order) => {
        const nursery = new Nursery()
        nursery.child.start()
        for (const [happening, ms] of order) await happen(nursery, happening, ms)
        for (const life of nursery.lives) life.end()
        nursery.onLaunch = (life) => life.ready()
        await nursery.time.advance(policy.backoff.delayMsMax)
        expect(nursery.child.phase).toBe('ready')
      }),
      { numRuns: 60 },
    )
  })
})
