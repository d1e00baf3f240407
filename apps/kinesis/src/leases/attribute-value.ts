// Values of items as the wire has them, and how they are compared and added. Pure.

/** One value: an object with one member, its type. */
export type AttributeValue =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: string }
  | { readonly BOOL: boolean }
  | { readonly NULL: boolean }
  | { readonly SS: readonly string[] }
  | { readonly NS: readonly string[] }
  | { readonly BS: readonly string[] }
  | { readonly L: readonly AttributeValue[] }
  | { readonly M: Item }

export type Item = Readonly<Record<string, AttributeValue>>
export type AttributeType = 'S' | 'N' | 'B' | 'BOOL' | 'NULL' | 'SS' | 'NS' | 'BS' | 'L' | 'M'

const types = ['S', 'N', 'B', 'BOOL', 'NULL', 'SS', 'NS', 'BS', 'L', 'M'] as const

export function isAttributeValue(value: unknown): value is AttributeValue {
  if (typeof value !== 'object' || value === null) return false
  const members = Object.entries(value as Record<string, unknown>)
  const [type, content] = members[0] ?? []
  if (members.length !== 1) return false
  switch (type) {
    case 'S':
    case 'B':
      return typeof content === 'string'
    case 'N':
      return typeof content === 'string' && decimalOf(content) !== undefined
    case 'BOOL':
    case 'NULL':
      return typeof content === 'boolean'
    case 'SS':
    case 'BS':
      return isSet(content)
    case 'NS':
      return isSet(content) && content.every((number) => decimalOf(number) !== undefined)
    case 'L':
      return Array.isArray(content) && content.every(isAttributeValue)
    case 'M':
      return isItem(content)
    default:
      return false
  }
}

export function isItem(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && Object.values(value).every(isAttributeValue)
}

export function typeOf(value: AttributeValue): AttributeType {
  return types.find((type) => type in value)!
}

/** Returns undefined for values that have no order: of two types, or of a type without one. */
export function compared(a: AttributeValue, b: AttributeValue): number | undefined {
  if ('S' in a && 'S' in b) return Buffer.compare(Buffer.from(a.S), Buffer.from(b.S))
  if ('B' in a && 'B' in b) return Buffer.compare(Buffer.from(a.B, 'base64'), Buffer.from(b.B, 'base64'))
  if ('N' in a && 'N' in b) {
    const [x, y] = aligned(a.N, b.N)
    return x < y ? -1 : x > y ? 1 : 0
  }
  return undefined
}

export function isEqual(a: AttributeValue, b: AttributeValue): boolean {
  const order = compared(a, b)
  if (order !== undefined) return order === 0
  return canonical(a) === canonical(b)
}

/** A number plus another, or minus it, exactly. */
export function sum(a: string, b: string, sign: 1 | -1): string {
  const [x, y, scale] = aligned(a, b)
  return decimalText(x + BigInt(sign) * y, scale)
}

/** The same text for equal values, whatever the order of sets and maps. */
export function canonical(value: AttributeValue): string {
  if ('N' in value) return JSON.stringify({ N: normalNumber(value.N) })
  if ('NS' in value) return JSON.stringify({ NS: value.NS.map(normalNumber).sort() })
  if ('SS' in value) return JSON.stringify({ SS: [...value.SS].sort() })
  if ('BS' in value) return JSON.stringify({ BS: [...value.BS].sort() })
  if ('L' in value) return `[${value.L.map(canonical).join()}]`
  if ('M' in value) {
    const members = Object.entries(value.M).map(
      ([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`,
    )
    return `{${members.sort().join()}}`
  }
  return JSON.stringify(value)
}

/** Elements of a set; undefined for what is none. */
export function elementsOf(value: AttributeValue): readonly string[] | undefined {
  if ('SS' in value) return value.SS
  if ('NS' in value) return value.NS.map(normalNumber)
  return 'BS' in value ? value.BS : undefined
}

/** A number as it is stored and answered: without leading or trailing zeros, and without an exponent. */
export function normalNumber(text: string): string {
  const { unscaled, scale } = decimalOf(text)!
  return decimalText(unscaled, scale)
}

/** An item as it is stored: its numbers without what says nothing, such as zeros at their ends. */
export function normalItem(item: Item): Item {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, normalValue(value)]))
}

function normalValue(value: AttributeValue): AttributeValue {
  if ('N' in value) return { N: normalNumber(value.N) }
  if ('NS' in value) return { NS: value.NS.map(normalNumber) }
  if ('L' in value) return { L: value.L.map(normalValue) }
  return 'M' in value ? { M: normalItem(value.M) } : value
}

interface Decimal {
  readonly unscaled: bigint
  /** Digits after the point. */
  readonly scale: number
}

/** Magnitudes beyond this are no numbers of the service. */
const EXPONENT_MAX = 130

function decimalOf(text: string): Decimal | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text)
  if (match === null) return undefined
  const [, sign = '', whole = '', part = '', exponent = '0'] = match
  if (whole + part === '' || Math.abs(Number(exponent)) > EXPONENT_MAX || text.length > 200) return undefined
  const scale = part.length - Number(exponent)
  const digits = BigInt(whole + part) * (sign === '-' ? -1n : 1n)
  return scale >= 0 ? { unscaled: digits, scale } : { unscaled: digits * 10n ** BigInt(-scale), scale: 0 }
}

function aligned(a: string, b: string): [bigint, bigint, number] {
  const [x, y] = [decimalOf(a)!, decimalOf(b)!]
  const scale = Math.max(x.scale, y.scale)
  return [x.unscaled * 10n ** BigInt(scale - x.scale), y.unscaled * 10n ** BigInt(scale - y.scale), scale]
}

function decimalText(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? '-' : ''
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale)
  const part = digits.slice(digits.length - scale).replace(/0+$/, '')
  const text = part === '' || scale === 0 ? whole : `${whole}.${part}`
  return text === '0' ? text : sign + text
}

function isSet(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((element) => typeof element === 'string')
}
