// Grants: what they allow, what may be passed on, and how they are written.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  actions,
  allows,
  grantKinds,
  mayPassOn,
  resourceKinds,
  type Action,
  type Grant,
} from '../../../protocol/access/grant.ts'
import { parseGrant, printGrant } from '../../../protocol/access/grant-text.ts'

const name = fc.stringMatching(/^[a-c]{1,3}$/)
const pattern = fc.oneof(
  name,
  name.map((text) => `${text}*`),
  fc.constant('*'),
)
const someActions = fc.subarray([...actions], { minLength: 1 })
const end = fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined })
const grant: fc.Arbitrary<Grant> = fc
  .record({ kind: fc.constantFrom(...grantKinds), pattern, actions: someActions, expiresAt: end })
  .map((given) => (given.kind === '*' || given.kind === 'broker' ? { ...given, pattern: '*' } : given))
const question = fc.record({
  kind: fc.constantFrom(...resourceKinds),
  name,
  action: fc.constantFrom(...actions),
  now: fc.integer({ min: 0, max: 20 }),
})

describe('what grants allow', () => {
  test.each<[Action, Action, boolean]>([
    ['read', 'describe', true],
    ['write', 'describe', true],
    ['manage', 'describe', true],
    ['admin', 'manage', true],
    ['read', 'write', false],
    ['manage', 'read', false],
    ['describe', 'read', false],
  ])('%s includes %s: %s', (given, action, expected) => {
    const grants = [parseGrant(`orders:${given}`)]
    expect(allows(grants, { kind: 'stream', name: 'orders', action, now: 0 })).toBe(expected)
  })

  test('a prefix ends in *, and nothing else is a pattern', () => {
    const may = (text: string, asked: string) =>
      allows([parseGrant(text)], { kind: 'stream', name: asked, action: 'read', now: 0 })
    expect(may('orders-*:read', 'orders-eu')).toBe(true)
    expect(may('orders-*:read', 'orders')).toBe(false)
    expect(may('orders.eu:read', 'ordersxeu')).toBe(false)
    expect(may('*:read', 'anything')).toBe(true)
    expect(may('group:*:read', 'anything')).toBe(false)
  })

  test('a grant counts for nothing from its end on', () => {
    const grants = [{ ...parseGrant('a:read'), expiresAt: 10 }]
    const may = (now: number) => allows(grants, { kind: 'stream', name: 'a', action: 'read', now })
    expect([may(9), may(10)]).toEqual([true, false])
  })
})

describe('what may be passed on', () => {
  test('never more than the giver has, of anything, at any time', () => {
    fc.assert(
      fc.property(fc.array(grant, { maxLength: 4 }), grant, question, (held, given, asked) => {
        if (!mayPassOn(held, given, asked.now) || !allows([given], asked)) return
        expect(allows(held, asked)).toBe(true)
        expect(allows(held, { ...asked, action: 'admin' })).toBe(true)
      }),
    )
  })

  test('an admin grant covers narrower ones, but not for longer', () => {
    const held = [{ ...parseGrant('orders-*:admin'), expiresAt: 10 }]
    const may = (text: string, expiresAt?: number) => mayPassOn(held, { ...parseGrant(text), expiresAt }, 0)
    expect(may('orders-eu*:read,admin', 10)).toBe(true)
    expect(may('orders-eu:read', 11)).toBe(false)
    expect(may('orders-eu:read')).toBe(false)
    expect(may('orders*:read', 5)).toBe(false)
    expect(may('group:orders-eu:read', 5)).toBe(false)
  })
})

describe('how grants are written', () => {
  test('what is printed is parsed to the same grant', () => {
    fc.assert(
      fc.property(grant, ({ expiresAt: _, ...given }) => {
        expect(parseGrant(printGrant(given))).toEqual(given)
      }),
    )
  })

  test('the kind may be left out for streams, and a pattern may have colons', () => {
    expect(parseGrant('orders-*:read, write')).toEqual({
      kind: 'stream',
      pattern: 'orders-*',
      actions: ['read', 'write'],
    })
    expect(parseGrant('document:app/a:b:read').pattern).toBe('app/a:b')
    expect(parseGrant('group:read')).toMatchObject({ kind: 'stream', pattern: 'group' })
  })

  test.each([
    ['orders', /no actions/],
    ['orders:', /no action; there are describe/],
    ['orders:fly', /"fly" is no action/],
    [':read', /names no stream/],
    ['groups:billing:read', /"groups" is no kind; kinds are stream, group/],
    ['stream:a:b:read', /the name of a stream has no colon/],
    ['a*b:read', /one \*/],
    ['broker:x:admin', /pattern of broker is \*/],
    ['*:x:admin', /pattern of \* is \*/],
  ])('%s is refused', (text, reason) => {
    expect(() => parseGrant(text)).toThrow(reason)
  })
})
