// The policy: what tokens and certificates prove, and what lapses when it changes.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Policy, secretHashOf, type PolicyData } from '../../../broker/access/policy.ts'
import { parseToken, printToken } from '../../../protocol/access/token.ts'

const secretOf = (seed: number) => Buffer.alloc(32, seed)
const token = (id: string, seed: number) => printToken({ id, secret: secretOf(seed) })
const ID = 'A'.repeat(16)
const OTHER_ID = 'B'.repeat(16)

function policyOf(changes: Partial<PolicyData> = {}): Policy {
  return new Policy({
    version: 1,
    access: 'required',
    principals: [
      {
        name: 'shop',
        grants: [{ kind: 'stream', pattern: 'orders-*', actions: ['read'] }],
        certificateNames: ['DNS:shop'],
      },
      { name: 'audit', grants: [], certificateNames: ['DNS:audit'] },
    ],
    tokens: [
      { id: ID, principal: 'shop', secretHash: secretHashOf(secretOf(1)).toString('hex') },
      { id: OTHER_ID, principal: 'gone', secretHash: secretHashOf(secretOf(2)).toString('hex') },
    ],
    ...changes,
  })
}

const refusalOf = (policy: Policy, text: string, now = 0): string => {
  const verdict = policy.verify(text, now)
  return 'refused' in verdict ? verdict.refused : ''
}

describe('a token', () => {
  it('proves its principal, who may do what it is granted', () => {
    const policy = policyOf()
    const verdict = policy.verify(token(ID, 1), 0)
    if ('refused' in verdict) throw new Error(verdict.refused)
    const identity = policy.identityOf(verdict.credential, () => 0)
    expect(identity).toMatchObject({ principal: 'shop', token: { id: ID, expiresAt: undefined } })
    expect(identity.may('read', 'stream', 'orders-eu')).toBe(true)
    expect(identity.may('write', 'stream', 'orders-eu')).toBe(false)
    expect(identity.may('describe', 'group', 'orders-eu')).toBe(false)
  })

  it('is refused by one text, whether its id, its secret or its principal is unknown', () => {
    const wrong = [token('C'.repeat(16), 1), token(ID, 2), token(OTHER_ID, 2)]
    expect(new Set(wrong.map((text) => refusalOf(policyOf(), text))).size).toBe(1)
  })

  it('that has expired says so to its bearer, and to nobody else', () => {
    const secretHash = secretHashOf(secretOf(1)).toString('hex')
    const policy = policyOf({ tokens: [{ id: ID, principal: 'shop', secretHash, expiresAt: 10 }] })
    expect(refusalOf(policy, token(ID, 1), 9)).toBe('')
    expect(refusalOf(policy, token(ID, 1), 10)).toContain('expired')
    expect(refusalOf(policy, token(ID, 3), 10)).not.toContain('expired')
  })

  it('lapses when it is revoked, expires, or its principal is deleted', () => {
    const credential = { is: 'token', id: ID, principal: 'shop', expiresAt: undefined } as const
    expect(policyOf().lapseOf(credential, 0)).toBeUndefined()
    expect(policyOf({ tokens: [] }).lapseOf(credential, 0)).toContain('revoked')
    expect(policyOf({ principals: [] }).lapseOf(credential, 0)).toContain('deleted')
  })

  it('has one text, and every other text is no token', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (secret) => {
        const text = printToken({ id: ID, secret })
        const parts = parseToken(text)!
        expect([parts.id, Buffer.from(parts.secret)]).toEqual([ID, Buffer.from(secret)])
      }),
    )
    const right = token(ID, 1)
    // The last character has two bits that belong to no byte: with other bits it would be a second text of the same token.
    const slack = right.slice(0, -1) + String.fromCharCode(right.charCodeAt(right.length - 1) + 1)
    for (const text of [
      '',
      'mr_',
      slack,
      `${right} `,
      ` ${right}`,
      right.toUpperCase(),
      `${right}A`,
      right.slice(1),
    ]) {
      expect(parseToken(text)).toBeUndefined()
    }
    fc.assert(fc.property(fc.string(), (text) => parseToken(text) === undefined))
  })
})

describe('a certificate', () => {
  it('proves the principal that one of its names stands for, by exact match', () => {
    expect(policyOf().certified(['DNS:other', 'DNS:shop'])).toMatchObject({ principal: 'shop' })
    for (const names of [[], ['DNS:shop.example'], ['DNS:SHOP'], ['URI:shop'], ['shop']]) {
      expect(policyOf().certified(names)).toBeUndefined()
    }
  })

  it('that names two principals proves neither', () => {
    expect(policyOf().certified(['DNS:shop', 'DNS:audit'])).toBeUndefined()
  })

  it('lapses when its name stands for nobody, or for another', () => {
    const credential = policyOf().certified(['DNS:shop'])!
    const principals = (first: string[], second: string[]) => [
      { name: 'shop', grants: [], certificateNames: first },
      { name: 'audit', grants: [], certificateNames: second },
    ]
    expect(policyOf().lapseOf(credential, 0)).toBeUndefined()
    expect(policyOf({ principals: principals([], []) }).lapseOf(credential, 0)).toContain('no longer')
    expect(policyOf({ principals: principals([], ['DNS:shop']) }).lapseOf(credential, 0)).toContain(
      'no longer',
    )
  })
})
