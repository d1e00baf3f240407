// Paths and values in expressions: `#a.b[2]`, `:value`, `size(path)`. Pure.
import type { AttributeValue, Item } from '../attribute-value.ts'
import { elementsOf } from '../attribute-value.ts'
import type { Tokens } from './tokens.ts'

/** What the words that begin with # and : stand for. */
export interface Placeholders {
  readonly names: Readonly<Record<string, string>>
  readonly values: Item
}

/** A place in an item: names of attributes and members, and indexes of lists. */
export type Path = readonly (string | number)[]

/** Something that has a value in an item, or none. */
export type Operand = (item: Item) => AttributeValue | undefined

export function parsePath(tokens: Tokens, placeholders: Placeholders): Path {
  const path: (string | number)[] = [nameIn(tokens, placeholders)]
  for (;;) {
    if (tokens.takes('.')) path.push(nameIn(tokens, placeholders))
    else if (tokens.takes('[')) {
      const index = tokens.next()
      if (!/^\d+$/.test(index)) throw tokens.syntax()
      path.push(Number(index))
      tokens.expect(']')
    } else return path
  }
}

/** A path, a value, or the size of what is at a path. */
export function parseOperand(tokens: Tokens, placeholders: Placeholders): Operand {
  if (tokens.peek().startsWith(':')) {
    const value = valueIn(tokens, placeholders)
    return () => value
  }
  if (tokens.peek().toUpperCase() === 'SIZE' && tokens.peek(1) === '(') {
    tokens.next()
    tokens.expect('(')
    const path = parsePath(tokens, placeholders)
    tokens.expect(')')
    return (item) => sizeOf(valueAt(item, path))
  }
  const path = parsePath(tokens, placeholders)
  return (item) => valueAt(item, path)
}

export function valueIn(tokens: Tokens, { values }: Placeholders): AttributeValue {
  const name = tokens.next()
  const value = Object.hasOwn(values, name) ? values[name] : undefined
  if (name.startsWith(':') && value !== undefined) return value
  throw tokens.error(
    `An expression attribute value used in expression is not defined; attribute value: ${name}`,
  )
}

export function valueAt(item: Item, path: Path): AttributeValue | undefined {
  return path.reduce(memberOf, { M: item } as AttributeValue | undefined)
}

function memberOf(value: AttributeValue | undefined, step: string | number): AttributeValue | undefined {
  if (value === undefined) return undefined
  if (typeof step === 'number') return 'L' in value ? value.L[step] : undefined
  return 'M' in value && Object.hasOwn(value.M, step) ? value.M[step] : undefined
}

function nameIn(tokens: Tokens, { names }: Placeholders): string {
  const name = tokens.next()
  if (name.startsWith('#')) {
    if (Object.hasOwn(names, name)) return names[name]!
    throw tokens.error(
      `An expression attribute name used in the document path is not defined; attribute name: ${name}`,
    )
  }
  if (/^[A-Za-z_]/.test(name)) return name
  throw tokens.error(`Syntax error; token: "${name || '<EOF>'}"`)
}

function sizeOf(value: AttributeValue | undefined): AttributeValue | undefined {
  if (value === undefined) return undefined
  const length =
    'S' in value
      ? value.S.length
      : 'B' in value
        ? Buffer.from(value.B, 'base64').length
        : 'L' in value
          ? value.L.length
          : 'M' in value
            ? Object.keys(value.M).length
            : elementsOf(value)?.length
  return length === undefined ? undefined : { N: String(length) }
}
