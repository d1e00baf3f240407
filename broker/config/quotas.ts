// Reads and prints the option `quotas`. Runs in the controller and the command line; pure.
import {
  noQuotaSettings,
  quotaNames,
  quotas,
  type Quota,
  type QuotaName,
  type QuotaSettings,
} from '../access/quotas/quotas.ts'
import { checkPlainName } from '../../protocol/text/plain-name.ts'
import { limits } from '../../protocol/limits.ts'
import { kinds } from './kinds.ts'

type Scope = { readonly per: 'principal' | 'address'; readonly name?: string }

/** Reads `requests=1000, address/connections=50, principal/shop/bytesIn=10MiB`. Returns a sentence that says what is wrong. */
export function parseQuotas(text: string): QuotaSettings | string {
  let settings = noQuotaSettings
  for (const item of text.split(',').map((part) => part.trim())) {
    const parsed = parseItem(item)
    if (typeof parsed === 'string') return parsed
    const { scope, quota, value } = parsed
    if (scope.name === undefined) {
      settings = { ...settings, [scope.per]: { ...settings[scope.per], [quota]: value } }
    } else {
      const own = { ...settings.principals[scope.name], [quota]: value }
      settings = { ...settings, principals: { ...settings.principals, [scope.name]: own } }
    }
  }
  return settings
}

function parseItem(
  item: string,
): { readonly scope: Scope; readonly quota: QuotaName; readonly value: number } | string {
  const [path = '', amount, ...rest] = item.split('=').map((part) => part.trim())
  if (amount === undefined || rest.length > 0) return `${JSON.stringify(item)} is not of the form name=value`
  const parts = path.split('/')
  const scope = scopeOf(parts.slice(0, -1))
  if (typeof scope === 'string') return scope
  const quota = quotaNames.find((name) => name === parts.at(-1))
  if (quota === undefined) {
    return `${JSON.stringify(parts.at(-1))} is no quota; there are ${quotaNames.join(', ')}`
  }
  const { unit, ...about }: Quota = quotas[quota]
  if (about[scope.per] === undefined) return `${quota} is not counted for each ${scope.per}`
  const value = amount === 'unlimited' ? Infinity : kinds[unit].parse(amount)
  if (value === undefined)
    return `${quota} is ${JSON.stringify(amount)}: expected ${kinds[unit].expected} or unlimited`
  const least = leastOf(quota)
  if (value < least) return `${quota} is ${amount}: the least allowed is ${kinds[unit].format(least)}`
  return { scope, quota, value }
}

function scopeOf(parts: readonly string[]): Scope | string {
  const [kind, name] = parts
  if (parts.length === 0) return { per: 'principal' }
  if (parts.length === 1 && kind === 'address') return { per: 'address' }
  if (parts.length === 2 && kind === 'principal' && name !== undefined) {
    const wrong = checkPlainName('a principal', name, limits.principalNameLengthMax)
    return wrong === undefined ? { per: 'principal', name } : wrong.replace(/\.$/, '')
  }
  return `${JSON.stringify(parts.join('/'))} is neither address nor principal/NAME`
}

/** A rate of bytes below this would hold a large request for longer than its client waits for the answer. */
const BYTES_PER_SECOND_MIN = 1024 * 1024

function leastOf(quota: QuotaName): number {
  const { unit, perSecond }: Quota = quotas[quota]
  if (unit === 'bytes') return BYTES_PER_SECOND_MIN
  return perSecond ? 1 : 0
}
