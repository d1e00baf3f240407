// Heartbeats are sent one at a time, and silence is counted in intervals.
import { describe, expect, it } from 'vitest'
import { startHeartbeat, type SignOfLife } from '../../../broker/supervision/heartbeat.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { settled } from '../control/support/fake-time.ts'

/** Starts a heartbeat whose intervals the test triggers. */
function beating(ping: () => Promise<SignOfLife>) {
  const told: string[] = []
  let tick = (): void => {}
  const stop = startHeartbeat({
    ping,
    time: {
      every: (_, task) => {
        tick = task
        return () => (tick = () => {})
      },
    },
    intervalMs: 5_000,
    onAnswer: ({ trouble }) => told.push(trouble ?? 'well'),
    onSilence: (intervals) => told.push(`silent ${intervals}`),
  })
  const pass = async (intervals: number): Promise<string[]> => {
    for (let i = 0; i < intervals; i++) {
      await settled()
      tick()
    }
    await settled()
    return told.splice(0)
  }
  return { pass, stop }
}

describe('startHeartbeat', () => {
  it('asks at once and at every interval, and reports each answer', async () => {
    let asked = 0
    const { pass } = beating(() =>
      Promise.resolve({ trouble: ++asked === 2 ? 'a slow owner' : null, isStuck: false }),
    )
    expect(await pass(2)).toEqual(['well', 'a slow owner', 'well'])
  })

  it('asks one question at a time, and counts the intervals until its answer', async () => {
    const answers: ((pong: SignOfLife) => void)[] = []
    const { pass } = beating(() => new Promise((resolve) => answers.push(resolve)))
    expect(await pass(2)).toEqual(['silent 1', 'silent 2'])
    expect(answers).toHaveLength(1)
    answers[0]!({ trouble: null, isStuck: false })
    expect(await pass(1)).toEqual(['well'])
    expect(await pass(1)).toEqual(['silent 1'])
  })

  it('counts intervals and not time: an interval of an hour, while this process was suspended, counts once', async () => {
    let answer = (_: SignOfLife): void => {}
    const { pass } = beating(() => new Promise((resolve) => (answer = resolve)))
    expect(await pass(1)).toEqual(['silent 1'])
    // An answer from the time of the suspension is read right after the one due timer.
    answer({ trouble: null, isStuck: false })
    expect(await pass(0)).toEqual(['well'])
  })

  it('counts a failed question as silence', async () => {
    const { pass } = beating(() => Promise.reject(new MillraceError('unavailable', 'the channel is gone')))
    expect(await pass(2)).toEqual(['silent 1', 'silent 2'])
  })

  it('reports nothing after its stop', async () => {
    let answer = (_: SignOfLife): void => {}
    const { pass, stop } = beating(() => new Promise((resolve) => (answer = resolve)))
    stop()
    answer({ trouble: null, isStuck: false })
    expect(await pass(3)).toEqual([])
  })
})
