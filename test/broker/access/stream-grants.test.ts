// What may be done with streams is decided once for each identity and stream, and anew when that may have changed.
import { describe, expect, it } from 'vitest'
import { createGate } from '../../../broker/access/gate.ts'
import { identityOf, type Identity } from '../../../broker/access/identity.ts'
import { StreamGrants } from '../../../broker/access/stream-grants.ts'
import { parseGrant } from '../../../protocol/access/grant-text.ts'

const orders = { streamId: 1, streamName: 'orders' }
const views = { streamId: 2, streamName: 'views' }

/** An identity that counts how often its grants are read. */
function counted(identity: Identity): Identity & { readonly questions: number } {
  let questions = 0
  return {
    principal: identity.principal,
    grants: identity.grants,
    token: identity.token,
    may: (...asked) => (questions++, identity.may(...asked)),
    shown: (...asked) => identity.shown(...asked),
    get standing() {
      return identity.standing
    },
    get questions() {
      return questions
    },
  }
}

describe('grants on streams', () => {
  it('are read once, however many requests follow', () => {
    const grants = new StreamGrants()
    const who = counted(identityOf('shop', [parseGrant('orders:read')], () => 0))
    const decide = () => [
      grants.of(who, 'read', orders),
      grants.of(who, 'write', orders),
      grants.of(who, 'read', views),
    ]
    expect(decide()).toEqual(['allowed', 'lacking', 'hidden'])
    const { questions } = who
    for (let i = 0; i < 100; i++) expect(decide()).toEqual(['allowed', 'lacking', 'hidden'])
    expect(who.questions).toBe(questions)
  })

  it('cost a data request no look into them, allowed or not', () => {
    const gate = createGate((streamId) => (streamId === 1 ? 'orders' : 'views'))
    const who = counted(identityOf('shop', [parseGrant('orders:read')], () => 0))
    const position = { type: 'LATEST', sequenceNumber: undefined, timestamp: undefined } as const
    const ask = () =>
      [1, 2].map((streamId) => gate('resolvePosition', { streamId, shardIndex: 0, position }, who)?.code)
    expect(ask()).toEqual([undefined, 'shardNotFound'])
    const { questions } = who
    for (let i = 0; i < 100; i++) ask()
    expect(who.questions).toBe(questions)
  })

  it('are decided anew for another identity, and when one of them ends', () => {
    let now = 0
    const grants = new StreamGrants()
    const ending = identityOf('shop', [{ ...parseGrant('orders:read'), expiresAt: 10 }], () => now)
    expect(grants.of(ending, 'read', orders)).toBe('allowed')
    now = 10
    expect(grants.of(ending, 'read', orders)).toBe('hidden')
    expect(
      grants.of(
        identityOf('shop', [parseGrant('orders:read')], () => now),
        'read',
        orders,
      ),
    ).toBe('allowed')
  })
})
