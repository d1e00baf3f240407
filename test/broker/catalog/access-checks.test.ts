// What the integrity check says of rows about principals and their credentials.
import { expect, it } from 'vitest'
import { accessProblems, type AccessRow } from '../../../broker/catalog/access-checks.ts'

type Principal = Extract<AccessRow, { family: 'principal' }>

const principal = (key: string, value: Partial<Principal['value']> = {}): Principal => ({
  family: 'principal',
  key,
  value: { createdAt: 1, grants: [], certificateNames: [], ...value },
})

const token = (key: string, owner: string): AccessRow => ({
  family: 'token',
  key,
  value: { principal: owner, description: '', createdAt: 1, secretHash: '0'.repeat(64) },
})

const accessKey = (key: string, owner: string): AccessRow => ({
  family: 'accessKey',
  key,
  value: { principal: owner, description: '', createdAt: 1, sealed: 's', sealedBy: 'k' },
})

function problemsOf(rows: readonly AccessRow[]): string[] {
  const problems: string[] = []
  accessProblems(rows, (what) => problems.push(what))
  return problems
}

const TOKEN_ID = 'A'.repeat(16)
const KEY_ID = 'K'.repeat(20)

it('nothing is wrong with credentials of principals that there are; root needs no row', () => {
  const grants: Principal['value']['grants'] = [{ kind: 'stream', pattern: 'orders-*', actions: ['read'] }]
  const rows = [principal('shop', { grants, certificateNames: ['DNS:shop'] }), token(TOKEN_ID, 'shop')]
  expect(problemsOf([...rows, token('B'.repeat(16), 'root'), accessKey(KEY_ID, 'shop')])).toEqual([])
})

it.each<[string, readonly AccessRow[], RegExp]>([
  ['a token of nobody', [token(TOKEN_ID, 'gone')], /belongs to the principal gone/],
  ['an access key of nobody', [accessKey(KEY_ID, 'gone')], /belongs to the principal gone/],
  ['an id of another length', [principal('shop'), token('short', 'shop')], /id of 5 characters/],
  ['a name that is none', [principal('a b')], /name of a principal/],
  [
    'a grant that is none',
    [principal('shop', { grants: [{ kind: 'broker', pattern: 'x', actions: ['read'] }] })],
    /grant that is none/,
  ],
  [
    'one certificate name of two principals',
    [principal('a', { certificateNames: ['DNS:x'] }), principal('b', { certificateNames: ['DNS:x'] })],
    /stands for the principals a and b/,
  ],
])('%s is reported', (_, rows, wanted) => {
  const problems = problemsOf(rows)
  expect(problems).toHaveLength(1)
  expect(problems[0]).toMatch(wanted)
})
