// An identity decides by its grants at the moment of asking, and tells when what was decided no longer holds.
import { describe, expect, it } from 'vitest'
import { anyone, identityOf } from '../../../broker/access/identity.ts'
import { parseGrant } from '../../../protocol/access/grant-text.ts'

const at = (expiresAt: number, text: string) => ({ ...parseGrant(text), expiresAt })

describe('an identity', () => {
  it('may do what is granted, on the names that are granted', () => {
    const shop = identityOf(
      'shop',
      [parseGrant('orders-*:read'), parseGrant('group:billing:manage')],
      () => 0,
    )
    expect(shop.may('read', 'stream', 'orders-eu')).toBe(true)
    expect(shop.may('describe', 'stream', 'orders-eu')).toBe(true)
    expect(shop.may('write', 'stream', 'orders-eu')).toBe(false)
    expect(shop.may('read', 'stream', 'order')).toBe(false)
    expect(shop.may('manage', 'group', 'billing')).toBe(true)
    expect(shop.may('read', 'group', 'billing')).toBe(false)
    expect(shop.may('describe', 'document', 'orders-eu')).toBe(false)
    expect(shop.may('describe', 'broker', '*')).toBe(false)
  })

  it('loses a grant at its end, and says so by its standing', () => {
    let now = 0
    const shop = identityOf('shop', [at(10, 'a*:read'), at(20, 'b:read'), parseGrant('c:read')], () => now)
    const { standing } = shop
    expect(shop.shown('stream')).toEqual(['a*', 'b', 'c'])
    now = 9
    expect(shop.standing).toBe(standing)
    expect(shop.may('read', 'stream', 'a')).toBe(true)
    now = 10
    expect(shop.may('read', 'stream', 'a')).toBe(false)
    expect(shop.standing).not.toBe(standing)
    expect(shop.shown('stream')).toEqual(['b', 'c'])
    now = 25
    expect(shop.shown('stream')).toEqual(['c'])
    expect(shop.may('read', 'stream', 'c')).toBe(true)
  })

  it('shows names in order, none within another', () => {
    const grants = [
      'b:write',
      'a-*:read',
      'a-1:manage',
      'a-1-*:read',
      'c*:describe',
      'group:z:read',
      'a:read',
      'b:read',
    ]
    const shop = identityOf('shop', grants.map(parseGrant), () => 0)
    expect(shop.shown('stream')).toEqual(['a', 'a-*', 'b', 'c*'])
    expect(shop.shown('group')).toEqual(['z'])
    expect(shop.shown('document')).toEqual([])
    expect(
      identityOf('root', [parseGrant('*:*:admin'), parseGrant('x:read')], () => 0).shown('stream'),
    ).toEqual(['*'])
  })

  it('is everybody who reaches the port where access is open', () => {
    expect(anyone.may('admin', 'broker', '*')).toBe(true)
    expect(anyone.shown('group')).toEqual(['*'])
  })
})
