// Changes of principals and their credentials, as pure plans: nobody gives what he may not pass on, however requests follow.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyone, EVERYTHING, nobody } from '../../../../broker/access/identity.ts'
import {
  planCreateAccessKey,
  planCreateToken,
  planDeletePrincipal,
  planRevoke,
  planUpdatePrincipal,
} from '../../../../broker/control/access/plans.ts'
import { isActive, isVisible, type Asker } from '../../../../broker/control/access/rules.ts'
import {
  applyWrites,
  readAccess,
  type AccessPlan,
  type AccessState,
} from '../../../../broker/control/access/state.ts'
import { mayPassOn, type Grant } from '../../../../protocol/access/grant.ts'
import { parseGrant } from '../../../../protocol/access/grant-text.ts'
import { limits } from '../../../../protocol/limits.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { fail } from '../../../support/fail.ts'

const NOW = 1_000
let lastId = 0

const newToken = () => ({ family: 'token', id: `token-${++lastId}`, secretHash: '0'.repeat(64) }) as const
const newKey = () => ({ family: 'accessKey', id: `key-${++lastId}`, sealed: 's', sealedBy: 'k' }) as const

function asker(principal: string, grants: readonly (string | Grant)[], expiresAt?: number): Asker {
  const held = grants.map((grant) => (typeof grant === 'string' ? parseGrant(grant) : grant))
  return { principal, grants: held, token: { id: 'used', expiresAt } }
}

const root = asker('root', [EVERYTHING])

type Grants = readonly (string | Grant)[]
const wire = (grants: Grants) =>
  grants.map((grant) => {
    const { expiresAt, ...rest } = typeof grant === 'string' ? parseGrant(grant) : grant
    return { ...rest, expiresAt }
  })

function createToken(
  state: AccessState,
  by: Asker,
  principal: string,
  { grants = [], expiresAt, now = NOW }: { grants?: Grants; expiresAt?: number; now?: number } = {},
): AccessPlan<void> {
  const request = { principal, description: '', expiresAt, grants: wire(grants) }
  return planCreateToken(state, request, { by, now }, newToken(), fail)
}

function update(
  state: AccessState,
  by: Asker,
  name: string,
  { add = [], remove = [], names }: { add?: Grants; remove?: Grants; names?: readonly string[] | undefined },
): AccessPlan<unknown> {
  const request = { name, add: wire(add), remove: wire(remove), certificateNames: names }
  return planUpdatePrincipal(state, request, { by, now: NOW }, fail)
}

const after = (state: AccessState, { writes }: AccessPlan<unknown>) => applyWrites(state, writes)
const empty = readAccess([])

function codeOf(plan: () => unknown): string {
  try {
    plan()
    return 'planned'
  } catch (error) {
    if (!MillraceError.is(error)) throw error
    return error.code
  }
}

describe('root', () => {
  it('is there before any row, and may do everything', () => {
    expect(empty.principal.get('root')?.grants).toEqual([{ ...EVERYTHING, actions: ['admin'] }])
  })

  it('is neither deleted nor deprived of its grant', () => {
    const remove = () => update(empty, root, 'root', { remove: ['*:*:admin'] })
    const destroy = () => planDeletePrincipal(empty, 'root', { by: root, now: NOW }, fail)
    expect([codeOf(remove), codeOf(destroy)]).toEqual(['permissionDenied', 'permissionDenied'])
  })

  it('is who asks where access is open and nobody has said so', () => {
    const state = after(empty, createToken(empty, anyone, 'shop', { grants: ['*:*:admin'] }))
    expect(state.principal.get('shop')?.madeBy).toEqual({ name: 'root', createdAt: 0 })
  })
})

describe('nobody, whose session ended while his request waited', () => {
  it('is not root: he sees, revokes and makes nothing', () => {
    let state = after(empty, createToken(empty, root, 'root'))
    const [rootToken] = [...state.token.keys()]
    // May do nothing yet, and so belongs to who made it: root.
    state = after(state, createToken(state, root, 'shop'))
    const asking = { by: nobody, now: NOW }
    expect(isVisible(state, nobody, 'root', NOW)).toBe(false)
    expect(codeOf(() => planRevoke(state, 'token', rootToken!, asking, fail))).toBe('credentialNotFound')
    expect(codeOf(() => createToken(state, nobody, 'shop'))).toBe('permissionDenied')
    expect(codeOf(() => update(state, nobody, 'shop', { names: ['DNS:evil'] }))).toBe('permissionDenied')
    expect(codeOf(() => planDeletePrincipal(state, 'shop', asking, fail))).toBe('principalNotFound')
  })
})

describe('a token', () => {
  it('is made with its principal, and then adds grants to it', () => {
    let state = after(empty, createToken(empty, root, 'shop', { grants: ['orders-*:read'] }))
    state = after(state, createToken(state, root, 'shop', { grants: ['orders-*:write', 'x:read'] }))
    expect(state.principal.get('shop')?.grants).toEqual([
      { kind: 'stream', pattern: 'orders-*', actions: ['read', 'write'] },
      { kind: 'stream', pattern: 'x', actions: ['read'] },
    ])
    expect([...state.token.values()].map(({ principal }) => principal)).toEqual(['shop', 'shop'])
  })

  it('for a principal that may do more than its maker is refused', () => {
    const state = after(
      empty,
      createToken(empty, root, 'pay', { grants: ['payments-*:read', 'orders-1:read'] }),
    )
    const team = asker('team', ['orders-*:admin'])
    expect(codeOf(() => createToken(state, team, 'pay'))).toBe('permissionDenied')
    expect(codeOf(() => createToken(state, team, 'pay', { grants: ['orders-2:read'] }))).toBe(
      'permissionDenied',
    )
    expect(codeOf(() => createToken(state, team, 'root'))).toBe('permissionDenied')
  })

  it('of a principal that may do nothing yet is made by who made the principal, or may do everything', () => {
    const team = asker('team', ['orders-*:admin'])
    let state = after(empty, createToken(empty, root, 'team', { grants: ['orders-*:admin'] }))
    state = after(state, createToken(state, team, 'own'))
    state = after(state, createToken(state, root, 'foreign'))
    expect(codeOf(() => createToken(state, team, 'own'))).toBe('planned')
    expect(codeOf(() => createToken(state, team, 'foreign'))).toBe('permissionDenied')
    // One that has its maker's name is not its maker.
    state = after(state, planDeletePrincipal(state, 'team', { by: root, now: NOW }, fail))
    state = after(state, createToken(state, root, 'team', { grants: ['orders-*:admin'], now: NOW + 1 }))
    expect(codeOf(() => createToken(state, team, 'own'))).toBe('permissionDenied')
  })

  it('for oneself ends no later than the one that asks for it', () => {
    const state = after(empty, createToken(empty, root, 'shop', { grants: ['orders:read'] }))
    const ending = asker('shop', ['orders:read'], 5_000)
    expect(codeOf(() => createToken(state, ending, 'shop'))).toBe('permissionDenied')
    expect(codeOf(() => createToken(state, ending, 'shop', { expiresAt: 5_001 }))).toBe('permissionDenied')
    expect(codeOf(() => createToken(state, ending, 'shop', { expiresAt: 5_000 }))).toBe('planned')
    expect(codeOf(() => createToken(state, asker('shop', ['orders:read']), 'shop'))).toBe('planned')
    const byCertificate: Asker = { ...ending, token: undefined }
    expect(codeOf(() => createToken(state, byCertificate, 'shop', { expiresAt: 5_000 }))).toBe(
      'permissionDenied',
    )
  })

  it('may also be made for itself by who may pass on nothing, but for no other, and with no grants', () => {
    const shop = asker('shop', ['orders:read,write,manage'])
    const state = after(empty, createToken(empty, root, 'shop', { grants: ['orders:read,write,manage'] }))
    expect(codeOf(() => createToken(state, shop, 'shop', { grants: ['orders:read'] }))).toBe(
      'permissionDenied',
    )
    expect(codeOf(() => createToken(state, shop, 'new'))).toBe('permissionDenied')
  })

  it('replaces those of its principal that have expired, and has a limit', () => {
    let state = empty
    for (let i = 0; i < limits.tokensPerPrincipalMax; i++) {
      state = after(state, createToken(state, root, 'shop', { expiresAt: NOW + 1 + (i % 2) }))
    }
    expect(codeOf(() => createToken(state, root, 'shop'))).toBe('limitExceeded')
    state = after(state, createToken(state, root, 'shop', { now: NOW + 1 }))
    expect(state.token.size).toBe(limits.tokensPerPrincipalMax / 2 + 1)
  })

  it.each(['', 'a b', 'ключ', 'x'.repeat(129)])('for the principal %j is refused: it is no name', (name) => {
    expect(codeOf(() => createToken(empty, root, name))).toBe('invalidArgument')
  })
})

describe('a credential', () => {
  it('is revoked by its own principal and by who may administer that; for others it does not exist', () => {
    let state = after(empty, createToken(empty, root, 'shop', { grants: ['orders:read'] }))
    state = after(state, planCreateAccessKey(state, keyFor('shop'), { by: root, now: NOW }, newKey(), fail))
    const [id] = [...state.token.keys()]
    const revoke = (by: Asker) => codeOf(() => planRevoke(state, 'token', id!, { by, now: NOW }, fail))
    expect(revoke(asker('shop', []))).toBe('planned')
    expect(revoke(asker('team', ['orders:admin']))).toBe('planned')
    expect(revoke(asker('team', ['payments:admin']))).toBe('credentialNotFound')
    const key = [...state.accessKey.keys()][0]!
    expect(codeOf(() => planRevoke(state, 'token', key, { by: root, now: NOW }, fail))).toBe(
      'credentialNotFound',
    )
  })

  it('ends with its principal', () => {
    let state = after(empty, createToken(empty, root, 'shop'))
    state = after(state, planCreateAccessKey(state, keyFor('shop'), { by: root, now: NOW }, newKey(), fail))
    state = after(state, planDeletePrincipal(state, 'shop', { by: root, now: NOW }, fail))
    expect([state.principal.has('shop'), state.token.size, state.accessKey.size]).toEqual([false, 0, 0])
  })
})

const keyFor = (principal: string) => ({ principal, description: '', expiresAt: undefined })

describe('a principal', () => {
  it('may take from itself, and gives itself nothing', () => {
    const shop = asker('shop', ['orders:read,write'])
    const made = createToken(empty, root, 'shop', { grants: ['orders:read,write'] })
    const state = after(
      after(empty, made),
      update(after(empty, made), root, 'shop', { names: ['DNS:a', 'DNS:b'] }),
    )
    const less = after(state, update(state, shop, 'shop', { remove: ['orders:write'], names: ['DNS:a'] }))
    expect(less.principal.get('shop')).toMatchObject({
      grants: [{ actions: ['read'] }],
      certificateNames: ['DNS:a'],
    })
    expect(codeOf(() => update(state, shop, 'shop', { add: ['orders:read'] }))).toBe('permissionDenied')
    expect(codeOf(() => update(state, shop, 'shop', { names: ['DNS:c'] }))).toBe('permissionDenied')
  })

  it('that is asked to be as it is costs nothing', () => {
    const state = after(empty, createToken(empty, root, 'shop', { grants: ['orders:read,write'] }))
    const shop = asker('shop', ['orders:read,write'])
    expect(update(state, shop, 'shop', {}).writes).toEqual([])
    expect(update(state, root, 'shop', { add: ['orders:read'] }).writes).toEqual([])
    expect(update(state, shop, 'shop', { remove: ['orders:write'] }).writes).toHaveLength(1)
  })

  it('shares no certificate name with another', () => {
    const state = after(empty, update(empty, root, 'shop', { names: ['DNS:shop'] }))
    expect(codeOf(() => update(state, root, 'audit', { names: ['DNS:shop'] }))).toBe('invalidArgument')
    expect(codeOf(() => update(state, root, 'shop', { names: ['DNS:shop'] }))).toBe('planned')
    for (const name of ['shop', 'DNS:', ':x', 'DNS:a\nb']) {
      expect(codeOf(() => update(state, root, 'audit', { names: [name] }))).toBe('invalidArgument')
    }
  })

  it('has certificate names from who may do everything: a little admin does not claim those of others', () => {
    const state = after(empty, createToken(empty, root, 'team', { grants: ['orders-*:admin'] }))
    const team = asker('team', ['orders-*:admin'])
    const made = after(state, update(state, team, 'shop', { add: ['orders-1:read'] }))
    for (const name of ['shop', 'another', 'team']) {
      expect(codeOf(() => update(made, team, name, { names: ['DNS:payments'] }))).toBe('permissionDenied')
    }
    const named = after(made, update(made, root, 'shop', { names: ['DNS:shop', 'DNS:b'] }))
    expect(codeOf(() => update(named, team, 'shop', { names: ['DNS:shop'] }))).toBe('planned')
  })

  it('loses grants that have expired when it is changed, and is given none that have', () => {
    const brief = { kind: 'stream', pattern: 'orders', actions: ['read'], expiresAt: NOW + 1 } as const
    const state = after(empty, createToken(empty, root, 'shop', { grants: [brief, 'x:read'] }))
    const later = createToken(state, root, 'shop', { grants: ['y:read'], now: NOW + 1 })
    expect(
      after(state, later)
        .principal.get('shop')
        ?.grants.map(({ pattern }) => pattern),
    ).toEqual(['x', 'y'])
    expect(codeOf(() => createToken(empty, root, 'shop', { grants: [brief], now: NOW + 1 }))).toBe(
      'invalidArgument',
    )
  })

  it('has a limited number of grants', () => {
    const many = Array.from({ length: limits.grantsPerPrincipalMax }, (_, i) => `s-${i}:read`)
    const state = after(empty, update(empty, root, 'shop', { add: many }))
    expect(codeOf(() => update(state, root, 'shop', { add: ['one-more:read'] }))).toBe('limitExceeded')
    expect(codeOf(() => update(state, root, 'shop', { add: many }))).toBe('planned')
  })
})

describe('whatever is asked, and by whomever', () => {
  const grant = fc.record({
    kind: fc.constantFrom('stream' as const, 'group' as const),
    pattern: fc.constantFrom('*', 'a*', 'ab*', 'ab', 'abc', 'b*', 'b'),
    actions: fc.constantFrom(['read' as const], ['admin' as const], ['write' as const, 'describe' as const]),
    expiresAt: fc.constantFrom(undefined, NOW + 10, NOW + 20),
  })
  const name = fc.constantFrom('p', 'q', 'r')
  const step = fc.oneof(
    fc.record({ is: fc.constant('token' as const), name, grants: fc.array(grant, { maxLength: 2 }) }),
    fc.record({ is: fc.constant('key' as const), name }),
    fc.record({
      is: fc.constant('update' as const),
      name,
      add: fc.array(grant, { maxLength: 2 }),
      remove: fc.array(grant, { maxLength: 2 }),
      names: fc.constantFrom(undefined, ['DNS:x'], []),
    }),
    fc.record({ is: fc.constant('delete' as const), name }),
  )

  function plan(state: AccessState, by: Asker, asked: typeof step extends fc.Arbitrary<infer S> ? S : never) {
    switch (asked.is) {
      case 'token':
        return createToken(state, by, asked.name, { grants: asked.grants, expiresAt: NOW + 5 })
      case 'key':
        return planCreateAccessKey(
          state,
          { ...keyFor(asked.name), expiresAt: NOW + 5 },
          { by, now: NOW },
          newKey(),
          fail,
        )
      case 'update':
        return update(state, by, asked.name, asked)
      case 'delete':
        return planDeletePrincipal(state, asked.name, { by, now: NOW }, fail)
    }
  }

  it('nobody gets by it what the asker may not pass on', () => {
    const steps = fc.array(fc.record({ by: fc.constantFrom('root', 'p', 'q'), asked: step }), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(steps, (asked) => {
        let state = empty
        for (const { by: who, asked: request } of asked) {
          const by = asker(who, state.principal.get(who)?.grants ?? [], NOW + 5)
          let made: AccessPlan<unknown>
          try {
            made = plan(state, by, request)
          } catch (error) {
            if (!MillraceError.is(error)) throw error
            continue
          }
          const next = after(state, made)
          for (const { family, key, value } of made.writes) {
            if (value === undefined) {
              // What is taken away was visible.
              const owner = family === 'principal' ? key : state[family].get(key)!.principal
              expect(isVisible(state, by, owner, NOW)).toBe(true)
            } else if (family === 'principal') {
              const before = state.principal.get(key)?.grants ?? []
              const isNew = (held: Grant) => !before.some((other) => covers(other, held))
              for (const held of (value as { grants: readonly Grant[] }).grants.filter(isNew)) {
                expect(mayPassOn(by.grants, held, NOW)).toBe(true)
              }
            } else {
              // A credential stands for nothing that its maker did not have.
              const { principal } = value as { principal: string }
              if (principal === who) continue
              const active = next.principal.get(principal)!.grants.filter((held) => isActive(held, NOW))
              for (const held of active) expect(mayPassOn(by.grants, held, NOW)).toBe(true)
            }
          }
          state = next
          expect(state.principal.get('root')?.grants).toEqual(empty.principal.get('root')?.grants)
          for (const { principal } of [...state.token.values(), ...state.accessKey.values()]) {
            expect(state.principal.has(principal)).toBe(true)
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})

/** True if the earlier grant has every action of the later one, on the same things for as long. */
function covers(earlier: Grant, later: Grant): boolean {
  return (
    earlier.kind === later.kind &&
    earlier.pattern === later.pattern &&
    earlier.expiresAt === later.expiresAt &&
    later.actions.every((action) => earlier.actions.includes(action))
  )
}
