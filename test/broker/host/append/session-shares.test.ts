// Shares of sessions: which sessions are held back, and that none is held for ever.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SessionShares } from '../../../../broker/host/append/session-shares.ts'
import { FakeSession } from '../support/fake-session.ts'

it('SessionShares: a single session may use half of the queue, and less among others', () => {
  const shares = new SessionShares(1200)
  const [one, two] = [new FakeSession(), new FakeSession()]
  shares.take(one, 600)
  expect(one.holds).toBe(0)
  shares.take(one, 1)
  expect(one.holds).toBe(1)
  shares.take(two, 400)
  expect(two.holds).toBe(0)
  shares.give(one, 201)
  expect(one.holds).toBe(0)
})

it('SessionShares: a session is held at most once, and never without unanswered bytes', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ session: fc.nat(4), bytes: fc.integer({ min: 1, max: 500 }), answers: fc.nat(3) }),
      ),
      (steps) => {
        const shares = new SessionShares(1000)
        const sessions = Array.from({ length: 5 }, () => new FakeSession())
        const underWay: { session: FakeSession; bytes: number }[] = []
        const answerOldest = (): void => {
          const oldest = underWay.shift()
          if (oldest) shares.give(oldest.session, oldest.bytes)
        }
        for (const { session: index, bytes, answers } of steps) {
          const session = sessions[index]!
          // A held session sends nothing more.
          if (session.holds === 0) {
            shares.take(session, bytes)
            underWay.push({ session, bytes })
          }
          for (let i = 0; i < answers; i++) answerOldest()
          for (const each of sessions) {
            const idle = underWay.every((entry) => entry.session !== each)
            expect(each.holds === 0 || (each.holds === 1 && !idle)).toBe(true)
          }
        }
        while (underWay.length > 0) answerOldest()
        expect(sessions.map(({ holds }) => holds)).toEqual([0, 0, 0, 0, 0])
      },
    ),
  )
})
