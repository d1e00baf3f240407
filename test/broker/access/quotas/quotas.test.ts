// The table of quotas, what holds for whom, and the option that sets them.
import { describe, expect, it } from 'vitest'
import {
  noQuotaSettings,
  quotaNames,
  quotas,
  quotasOfAddress,
  quotasOfPrincipal,
  type Quota,
} from '../../../../broker/access/quotas/quotas.ts'
import { quotasPage } from '../../../../broker/access/quotas/docs-page.ts'
import { parseQuotas } from '../../../../broker/config/quotas.ts'

const ROOT = 'root'

function parsed(text: string) {
  const settings = parseQuotas(text)
  if (typeof settings === 'string') throw new Error(settings)
  return settings
}

describe('quotas', () => {
  it.each(Object.entries<Quota>(quotas))('%s is counted for somebody, and is on the page', (name, quota) => {
    expect(quota.principal ?? quota.address).toBeDefined()
    expect(quotasPage()).toContain(`\`${name}\``)
    expect(quotasPage()).toContain(quota.doc)
  })

  it('hold by default for everybody but root', () => {
    expect(quotasOfPrincipal(noQuotaSettings, 'shop').streams).toBe(quotas.streams.principal.value)
    for (const name of quotaNames) expect(quotasOfPrincipal(noQuotaSettings, 'root')[name]).toBe(Infinity)
    expect(quotasOfAddress(noQuotaSettings).streams).toBe(Infinity)
  })

  it('of one principal go before those of each, and those before the defaults', () => {
    const settings = parsed(
      `streams=7, requests=100, principal/shop/requests=5, principal/${ROOT}/requests=9`,
    )
    expect(quotasOfPrincipal(settings, 'shop')).toMatchObject({
      streams: 7,
      requests: 5,
      connections: Infinity,
    })
    expect(quotasOfPrincipal(settings, 'bank')).toMatchObject({ streams: 7, requests: 100 })
    expect(quotasOfPrincipal(settings, 'root')).toMatchObject({ streams: Infinity, requests: 9 })
    // A principal may have the name of something that every object has.
    expect(quotasOfPrincipal(settings, 'constructor')).toMatchObject({ streams: 7, requests: 100 })
  })

  it('are read in their units', () => {
    const settings = parsed('address/connections=500,bytesIn=10MiB, principal/a.b-c_1/streams=unlimited')
    expect(settings).toEqual({
      principal: { bytesIn: 10 * 1024 * 1024 },
      address: { connections: 500 },
      principals: { 'a.b-c_1': { streams: Infinity } },
    })
  })

  it.each([
    ['', 'not of the form name=value'],
    ['requests', 'not of the form name=value'],
    ['requests=1=2', 'not of the form name=value'],
    ['request=5', 'is no quota; there are connections'],
    ['requests=many', 'expected a whole number or unlimited'],
    ['requests=0', 'the least allowed is 1'],
    ['bytesIn=5', 'the least allowed is 1MiB'],
    ['address/streams=5', 'not counted for each address'],
    ['failedLogins=5', 'not counted for each principal'],
    ['group/x/requests=5', 'neither address nor principal/NAME'],
    ['principal//requests=5', 'must not be empty'],
    ['principal/a b/requests=5', 'is made of'],
  ])('%s is refused: %s', (text, why) => {
    expect(parseQuotas(text)).toContain(why)
  })
})
