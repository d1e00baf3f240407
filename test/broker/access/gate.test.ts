// What a gate refuses, and in which words: what may not be seen is not there, what may be seen lacks a grant that is named.
import { describe, expect, it } from 'vitest'
import { createGate } from '../../../broker/access/gate.ts'
import { anyone, identityOf } from '../../../broker/access/identity.ts'
import { parseGrant } from '../../../protocol/access/grant-text.ts'
import { universalErrors } from '../../../protocol/error-codes.ts'
import {
  operations,
  type Operation,
  type OperationName,
  type RequestOf,
} from '../../../protocol/operations.ts'

const gate = createGate((streamId) => ({ 1: 'orders', 2: 'secrets' })[streamId])

function refused<N extends OperationName>(operation: N, request: Partial<RequestOf<N>>, ...grants: string[]) {
  const identity = identityOf('shop', grants.map(parseGrant), () => 0)
  const denial = gate(operation, request as RequestOf<N>, identity)
  return denial && `${denial.code}: ${denial.message}`
}

describe('a gate', () => {
  it('lets pass what is granted', () => {
    expect(refused('describeStream', { name: 'orders' }, 'orders:read')).toBeUndefined()
    expect(refused('deleteStream', { name: 'orders' }, 'ord*:manage')).toBeUndefined()
    expect(refused('putDocument', { kind: 'plans', name: 'a' }, 'document:plans/*:write')).toBeUndefined()
    expect(refused('describeBroker', {}, 'broker:*:describe')).toBeUndefined()
    expect(refused('ping', {})).toBeUndefined()
    expect(gate('deleteStream', { name: 'orders', expectedId: undefined }, anyone)).toBeUndefined()
  })

  it('says that what may not be seen is not there', () => {
    expect(refused('describeStream', { name: 'secrets' }, 'orders:admin')).toBe(
      'streamNotFound: There is no stream called secrets.',
    )
    expect(refused('getDocument', { kind: 'plans', name: 'a' })).toBe(
      'documentNotFound: There is no document "plans/a".',
    )
    expect(refused('pauseGroup', { group: 'g' })).toBe('groupNotFound: There is no group called g.')
    expect(refused('renewMember', { group: 'g', memberId: 'm' })).toBe(
      'memberNotFound: m is no member of group g, or its lease has ended: join again.',
    )
    expect(refused('subscribe', { streamId: 2, shardIndex: 3 }, 'orders:read')).toBe(
      'shardNotFound: shardId-000000000003 of stream number 2 is not served here.',
    )
  })

  it('names the grant that is missing for what may be seen', () => {
    const text = (grant: string) =>
      `permissionDenied: This needs the grant '${grant}', which shop does not have. Whoever holds an admin grant on it can give it.`
    expect(refused('deleteStream', { name: 'orders' }, 'orders:read')).toBe(text('orders:manage'))
    expect(refused('resolvePosition', { streamId: 1, shardIndex: 0 }, 'orders:write')).toBe(
      text('orders:read'),
    )
    expect(refused('deleteGroup', { group: 'g' }, 'group:*:read')).toBe(text('group:g:manage'))
    expect(refused('getDocument', { kind: 'k', name: 'n' }, 'document:k/n:write')).toBe(
      text('document:k/n:read'),
    )
    expect(refused('describeBroker', {}, '*:read')).toBe(text('broker:*:describe'))
  })

  it('does not say whether a name is free that may not be used', () => {
    expect(refused('createStream', { name: 'secrets' }, 'orders:admin')).toMatch(
      /^permissionDenied: .*'secrets:manage'/,
    )
    expect(refused('putDocument', { kind: 'k', name: 'n' })).toMatch(
      /^permissionDenied: .*'document:k\/n:write'/,
    )
    expect(refused('joinGroup', { group: 'g', streams: [] })).toMatch(/^permissionDenied: .*'group:g:read'/)
  })

  it('looks at every name of a list', () => {
    const from = { type: 'TRIM_HORIZON', sequenceNumber: undefined, timestamp: undefined } as const
    const streams = [
      { name: 'orders', from },
      { name: 'secrets', from },
    ]
    expect(refused('joinGroup', { group: 'g', streams }, 'orders:read', 'group:g:read')).toBe(
      'streamNotFound: There is no stream called secrets.',
    )
  })

  it('leaves an id that is not served here to the handler, which says the same', () => {
    expect(refused('subscribe', { streamId: 9, shardIndex: 0 })).toBeUndefined()
  })
})

describe('the grant column', () => {
  it('hides a thing behind an error that its operation declares', () => {
    const undeclared = Object.entries<Operation>(operations).flatMap(([name, { grant, errors }]) =>
      grant.flatMap((rule) => {
        if (rule.rule !== 'may' || rule.each) return []
        const declared: readonly string[] = [...errors, ...universalErrors]
        return declared.includes(rule.hidden) ? [] : [`${name}: ${rule.hidden}`]
      }),
    )
    expect(undeclared).toEqual([])
  })
})
