// Which connection makes room for a new one.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  leastUseful,
  mayMakeRoom,
  mayUseReserve,
  reserveOf,
  type Occupant,
} from '../../../broker/server/making-room.ts'

const occupant = (given: Partial<Occupant> & { name?: string }): Occupant & { name?: string } => ({
  address: '10.0.0.1',
  isGreeting: false,
  hasAsked: false,
  isBusy: false,
  quietMs: 0,
  ...given,
})

const arbitrary: fc.Arbitrary<Occupant> = fc.record({
  address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'),
  isGreeting: fc.boolean(),
  hasAsked: fc.boolean(),
  isBusy: fc.boolean(),
  quietMs: fc.integer({ min: 0, max: 100_000 }),
})

describe('leastUseful', () => {
  it('chooses a connection of the address that holds most', () => {
    const many = [1, 2, 3].map((quietMs) => occupant({ quietMs }))
    const alone = occupant({ address: '10.0.0.2', quietMs: 99, isGreeting: true })
    expect(leastUseful([alone, ...many], 1)).toEqual([many[2]])
  })

  it('chooses first connections without a hello, then those that never asked, then those that did', () => {
    const used = occupant({ hasAsked: true, quietMs: 90_000 })
    const open = occupant({ quietMs: 80_000 })
    const greeting = occupant({ isGreeting: true, quietMs: 0 })
    expect(leastUseful([used, open, greeting], 3)).toEqual([greeting, open, used])
    expect(leastUseful([used, open, greeting], 2)).toEqual([greeting, open])
  })

  it('chooses the connection that has been quiet for longest, and of equals the oldest', () => {
    const [older, newer] = [occupant({ quietMs: 5 }), occupant({ quietMs: 5 })]
    expect(leastUseful([occupant({ quietMs: 4 }), older, newer], 1)[0]).toBe(older)
  })

  it('never chooses a connection that is busy, or asked for something a moment ago', () => {
    fc.assert(
      fc.property(fc.array(arbitrary), (occupants) => {
        const isFree = ({ isBusy, hasAsked, quietMs }: Occupant) => !isBusy && !(hasAsked && quietMs < 30_000)
        const chosen = leastUseful(occupants, occupants.length)
        expect(new Set(chosen)).toEqual(new Set(occupants.filter(isFree)))
        expect(occupants.filter(mayMakeRoom)).toEqual(occupants.filter(isFree))
      }),
    )
  })
})

describe('reserveOf and mayUseReserve', () => {
  it('keep some connections for addresses that hold few', () => {
    expect(reserveOf(4096)).toBe(256)
    expect([mayUseReserve(0), mayUseReserve(100)]).toEqual([true, false])
  })
})
