// Who may have the metrics: whoever may describe the broker, and everybody where access is open.
import { describe, expect, it } from 'vitest'
import { Policy, secretHashOf, type PolicyData } from '../../../broker/access/policy.ts'
import { scrapeRefusal } from '../../../broker/access/scraper.ts'
import { parseGrant } from '../../../protocol/access/grant-text.ts'

const idOf = (name: string) => name.padEnd(16, '0')
const secret = Buffer.alloc(32, 7)
const tokenOf = (name: string) => `mr_${idOf(name)}_${secret.toString('base64url')}`

const grants = {
  watcher: ['broker:*:describe'],
  shop: ['orders:admin'],
  root: ['*:*:admin'],
  late: ['*:*:admin'],
}
const data: PolicyData = {
  version: 1,
  access: 'required',
  principals: Object.entries(grants).map(([name, given]) => ({
    name,
    grants: given.map(parseGrant),
    certificateNames: [],
  })),
  tokens: Object.keys(grants).map((name) => ({
    id: idOf(name),
    principal: name,
    secretHash: secretHashOf(secret).toString('hex'),
    ...(name === 'late' && { expiresAt: 5 }),
  })),
}

const refused = (authorization: string | undefined, isPrivate = true, policy = new Policy(data)) =>
  scrapeRefusal(policy, { authorization, isPrivate }, () => 10)?.code

describe('the metrics', () => {
  it('are for who may describe the broker', () => {
    expect(refused(`Bearer ${tokenOf('watcher')}`)).toBeUndefined()
    expect(refused(`bearer ${tokenOf('root')}`)).toBeUndefined()
    expect(refused(`Bearer ${tokenOf('shop')}`)).toBe('permissionDenied')
  })

  it('are for nobody who does not say who he is, or could be overheard', () => {
    for (const wrong of [
      undefined,
      '',
      'Bearer',
      `Basic ${tokenOf('root')}`,
      `Bearer ${tokenOf('nobody')}`,
    ]) {
      expect(refused(wrong)).toBe('unauthenticated')
    }
    expect(refused(`Bearer ${tokenOf('late')}`)).toBe('unauthenticated')
    expect(refused(`Bearer ${tokenOf('root')}`, false)).toBe('unauthenticated')
  })

  it('are for everybody where access is open', () => {
    expect(refused(undefined, false, new Policy({ ...data, access: 'open' }))).toBeUndefined()
  })
})
