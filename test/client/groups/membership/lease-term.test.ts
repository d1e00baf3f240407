// How long a member trusts its leases: from when a renewal was sent, and not to the very end.
import { expect, it } from 'vitest'
import { LeaseTerm } from '../../../../client/groups/membership/lease-term.ts'

it('a lease is trusted from its renewal on, a little shorter than it lasts, and never again once it is ended', () => {
  const term = new LeaseTerm(10_000)
  expect(term.isSure(0)).toBe(false)
  term.renewed(1000)
  expect([term.isSure(1000), term.isSure(10_000), term.isSure(11_000)]).toEqual([true, true, false])
  // An answer that comes late says nothing of what was renewed since.
  term.renewed(500)
  expect(term.isSure(10_000)).toBe(true)
  term.end()
  expect(term.isSure(1000)).toBe(false)
})
