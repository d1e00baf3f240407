// Who is at the other end of a session, while policies come and go.
import { expect, it } from 'vitest'
import { Bearer } from '../../../broker/access/bearer.ts'
import { Policy, secretHashOf, type PolicyData } from '../../../broker/access/policy.ts'
import type { Grant } from '../../../protocol/access/grant.ts'
import { parseGrant } from '../../../protocol/access/grant-text.ts'
import { printToken } from '../../../protocol/access/token.ts'

const secret = Buffer.alloc(32, 1)
const id = 'A'.repeat(16)
const arrival = { isPrivate: true, certificateNames: [] }

/** As it comes from another process: nothing of it is what an earlier one was made of. */
function dataOf(version: number, grants: Record<string, readonly Grant[]>): PolicyData {
  const secretHash = secretHashOf(secret).toString('hex')
  return structuredClone({
    version,
    access: 'required',
    principals: Object.entries(grants).map(([name, given]) => ({
      name,
      grants: given,
      certificateNames: [],
    })),
    tokens: [{ id, principal: 'shop', secretHash }],
  })
}

it('stays who he was through a change of others, and is another once his own grants change', () => {
  const orders = [parseGrant('orders:read'), parseGrant('group:orders:read')]
  const first = new Policy(dataOf(1, { shop: orders }))
  const bearer = new Bearer(arrival, first, () => 0)
  bearer.authenticate(printToken({ id, secret }))
  const { identity } = bearer
  const second = new Policy(dataOf(2, { shop: orders, other: [parseGrant('x:read')] }), first)
  expect(bearer.follow(second)).toBeUndefined()
  expect(bearer.identity).toBe(identity)
  const changes = [
    [],
    [parseGrant('orders:write'), orders[1]!],
    [{ ...orders[0]!, expiresAt: 5 }, orders[1]!],
  ]
  let before = second
  for (const [i, grants] of changes.entries()) {
    const next = new Policy(dataOf(3 + i, { shop: grants }), before)
    const { identity: was } = bearer
    expect(bearer.follow(next)).toBeUndefined()
    expect(bearer.identity).not.toBe(was)
    expect(bearer.identity.grants).toEqual(grants)
    before = next
  }
})
