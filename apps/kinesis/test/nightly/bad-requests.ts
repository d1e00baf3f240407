// Requests that a service of the Kinesis API must refuse, made from the shapes of its operations: each member of a wrong type,
// too short, too long, out of bounds or of a wrong pattern; and requests that are wrong as HTTP. Pure.
import type { OperationName } from '@millrace/kinesis'

/** The parts of a shape that matter here. */
interface Shape {
  readonly kind: string
  readonly min?: number
  readonly max?: number
  readonly pattern?: string
  readonly of?: Shape
  readonly members?: Readonly<Record<string, { readonly shape: Shape; readonly required: boolean }>>
}

export interface BadRequest {
  readonly operation: OperationName
  readonly input: unknown
}

export interface RawRequest {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

const anything: readonly unknown[] = ['23', true, 23, -2_147_483_648, 2_147_483_648, 34.56, [], {}]
const notBase64 = ['23456', '=+/=', '+/+=']

/** Inputs for an operation, each with something wrong. */
export function badRequests(input: Shape): readonly object[] {
  return [{}, ...wrongTypes(input), ...outOfBounds(input)]
}

function* wrongTypes(shape: Shape): Generator<object> {
  if (shape.kind === 'structure') {
    for (const [name, member] of Object.entries(shape.members!)) {
      for (const value of anything) yield { [name]: value }
      if (member.shape.kind === 'blob') for (const value of notBase64) yield { [name]: value }
      for (const value of wrongTypes(member.shape)) yield { [name]: value }
    }
  }
  if (shape.kind === 'list') {
    for (const value of anything) yield [value]
    for (const value of wrongTypes(shape.of!)) yield [value]
  }
  if (shape.kind === 'map') for (const value of anything) yield { a: value }
}

function* outOfBounds(input: Shape): Generator<object> {
  const members = Object.entries(input.members!)
  const good = Object.fromEntries(
    members.filter(([, member]) => member.required).map(([name, member]) => [name, goodValue(member.shape)]),
  )
  const named = 'StreamName' in input.members! ? { StreamName: 'missing' } : {}
  yield { ...named, ...good }
  for (const [name, { shape }] of members) {
    for (const value of badValues(shape)) {
      yield { [name]: value }
      yield { ...named, ...good, [name]: value }
    }
  }
}

function goodValue({ kind, of, pattern, min = 0 }: Shape): unknown {
  if (kind === 'list') return [goodValue(of!)]
  if (kind === 'map') return { a: 'b' }
  if (kind === 'structure') return {}
  if (kind === 'integer' || kind === 'long') return Math.max(min, 1)
  if (kind === 'blob') return ''
  return pattern?.includes('0|') === true ? '1' : 'shardId-0'
}

function badValues({ kind, min, max, pattern, of }: Shape): readonly unknown[] {
  switch (kind) {
    case 'text':
    case 'choice':
      return [
        '',
        'é!',
        ...(max === undefined || max > 2048 ? [] : ['a'.repeat(max + 1)]),
        ...(pattern ? ['^'] : []),
      ]
    case 'integer':
    case 'long':
      return [-1, 0, (min ?? 1) - 1, (max ?? 2_147_483_647) + 1]
    case 'list': {
      const one = goodValue(of!)
      return [[], ...(max === undefined ? [] : [Array.from({ length: max + 1 }, () => one)])]
    }
    case 'map':
      return [{}, { '': 'a' }, { ['a'.repeat(129)]: 'b' }, { a: 'b'.repeat(257) }, { ';': '^' }]
    default:
      return []
  }
}

const json = { 'content-type': 'application/x-amz-json-1.1' }
const target = { 'x-amz-target': 'Kinesis_20131202.ListStreams' }
const plain = { 'content-type': 'application/json' }
const whole = { ...json, ...target }
const of = (name: string, request: RawRequest) => ({ name, request })

/** Requests that are wrong before any operation sees them. */
export const connections: readonly { readonly name: string; readonly request: RawRequest }[] = [
  ...['OPTIONS', 'GET', 'PUT', 'POST'].map((method) => of(`${method} without anything`, { method })),
  of('a signature without a type', { headers: { authorization: 'X' } }),
  of('a body without a type', { headers: { authorization: 'X' }, body: '{}' }),
  of('JSON 1.0', { headers: { authorization: 'X', 'content-type': 'application/x-amz-json-1.0' } }),
  of('an unknown target without a type', {
    headers: { authorization: 'X', 'x-amz-target': 'Kinesis_20131202.ListStream' },
  }),
  of('a target without a type', { headers: { authorization: 'X', ...target } }),
  of('no target', { headers: json }),
  of('an unknown target', {
    headers: { ...json, 'x-amz-target': 'Kinesis_20131202.ListStream' },
    body: '{}',
  }),
  of('plain JSON without a target', { headers: plain }),
  of('plain JSON with a target', { headers: { ...plain, ...target } }),
  of('plain JSON with a target and a body', { headers: { ...plain, ...target }, body: '{}' }),
  of('plain JSON that is none', { headers: { ...plain, ...target }, body: 'hello' }),
  of('no body', { headers: whole }),
  of('a body that is no JSON', { headers: whole, body: 'hello' }),
  of('no signature', { headers: whole, body: '{}' }),
  of('a signature that is none', { headers: { ...whole, authorization: 'X' }, body: '{}' }),
  of('half a query', { path: '/?X-Amz-Algorith', headers: { ...whole, authorization: 'X' }, body: '{}' }),
  of('a query without an algorithm', {
    path: '/?X-Amz-Credential=a&X-Amz-Signature=b&X-Amz-SignedHeaders=c&X-Amz-Date=d',
    headers: whole,
    body: '{}',
  }),
  of('a query and a header', {
    path: '/?X-Amz-Algorithm',
    headers: { ...whole, authorization: 'X' },
    body: '{}',
  }),
  ...[
    'AWS4- Signature=b Credential=a',
    'AWS4- Signature=b,Credential=a',
    'AWS4- Signature=b, Credential=a',
  ].map((authorization) =>
    of(authorization, { headers: { ...whole, authorization, 'x-amz-date': 'a' }, body: '{}' }),
  ),
  of('an algorithm of no text', { path: '/?X-Amz-Algorithm', headers: whole, body: '{}' }),
  of('an algorithm and a credential', {
    path: '/?X-Amz-Algorithm=a&X-Amz-Credential=b',
    headers: whole,
    body: '{}',
  }),
  of('a query without a date', {
    path: '/?X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Signature=c&X-Amz-SignedHeaders=d',
    headers: whole,
    body: '{}',
  }),
]
