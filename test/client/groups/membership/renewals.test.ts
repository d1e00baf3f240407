// Renewals one after another: their pace, what ends them, and what is told.
import { expect, it } from 'vitest'
import { keepRenewing } from '../../../../client/groups/membership/renewals.ts'
import { MillraceError } from '../../../../protocol/index.ts'

/** Runs renewals for some pauses, with these outcomes; answers what was told, in order. */
async function renewals(outcomes: readonly ('done' | 'fails' | 'unknown' | 'hangs')[]): Promise<string[]> {
  const told: string[] = []
  let place = 0
  let now = 0
  const end = new Error('the test is over')
  const running = keepRenewing({
    intervalMs: 1000,
    now: () => now,
    mayRenew: () => outcomes[place] !== 'hangs',
    renew: async () => {
      const outcome = outcomes[place]
      if (outcome === 'fails') throw new MillraceError('connectionLost', 'lost')
      if (outcome === 'unknown') throw new MillraceError('memberNotFound', 'unknown')
    },
    onRenewed: (sentAt) => told.push(`renewed ${sentAt}`),
    onUnknown: () => told.push('unknown'),
    pause: async (ms) => {
      now += ms
      if (++place === outcomes.length) throw end
    },
  })
  await expect(running).rejects.toBe(end)
  return told
}

it('follow at their interval, and sooner after one that failed or could not be sent', async () => {
  expect(await renewals(['done', 'done', 'fails', 'done', 'hangs', 'done'])).toEqual([
    'renewed 0',
    'renewed 1000',
    'renewed 2200',
    'renewed 3400',
  ])
})

it('tell that the broker knows no such member, and go on: it may join again', async () => {
  expect(await renewals(['done', 'unknown', 'done'])).toEqual(['renewed 0', 'unknown', 'renewed 1200'])
})
