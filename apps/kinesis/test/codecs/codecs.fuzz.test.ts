// Whatever is sent, an input or an error of the API comes of it; whatever is answered, AWS' own readers read it.
import { cbor } from '@smithy/core/cbor'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeAnswer } from '../../src/codecs/answers.ts'
import { parseCborValue } from '../../src/codecs/cbor-parser.ts'
import type { Protocol } from '../../src/codecs/protocol.ts'
import { decodeRequest } from '../../src/codecs/requests.ts'
import { KinesisError } from '../../src/model/errors.ts'
import { operations, type OperationName } from '../../src/model/operations.ts'
import type { Shape, StructureShape } from '../../src/model/shape.ts'
import { valuesOf } from '../support/arbitrary-shapes.ts'

const names = Object.keys(operations) as OperationName[]

/** Fails where anything else than an error of the two looks at a request is thrown. */
function decodeOrRefuse(operation: OperationName, body: Uint8Array, protocol: Protocol): unknown {
  try {
    return decodeRequest(operation, body, protocol)
  } catch (error) {
    if (!(error instanceof KinesisError)) throw error
    expect(['SerializationException', 'ValidationException']).toContain(error.code)
    expect(error.message.length).toBeLessThan(250_000)
    return undefined
  }
}

/** A value of a shape as a client writes it in JSON; with `forCbor`, as AWS' CBOR writes it. */
function written(value: unknown, shape: Shape, forCbor: boolean): unknown {
  switch (shape.kind) {
    case 'blob':
      return forCbor ? value : Buffer.from(value as Uint8Array).toString('base64')
    case 'timestamp':
      return (value as Date).getTime() / (forCbor ? 1 : 1000)
    case 'list':
      return (value as unknown[]).map((item) => written(item, shape.of, forCbor))
    case 'map':
      return Object.fromEntries(
        Object.entries(value as object).map(([key, item]) => [key, written(item, shape.value, forCbor)]),
      )
    case 'structure':
      return Object.fromEntries(
        Object.entries(value as object).map(([key, item]) => [
          key,
          written(item, shape.members[key]!.shape, forCbor),
        ]),
      )
    default:
      return value
  }
}

/** Bytes as an array of numbers, so that views and buffers compare equal. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value]
  if (value instanceof Date) return value.getTime()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}

describe.each(names)('%s', (operation) => {
  const { input, output }: { input: StructureShape; output: StructureShape } = operations[operation]
  const inputs = valuesOf(input)

  test('takes every input within bounds as it was meant, in both protocols', () => {
    fc.assert(
      fc.property(inputs, (value) => {
        const json = Buffer.from(JSON.stringify(written(value, input, false)))
        const bytes = cborOf(written(value, input, true))
        expect(plain(decodeRequest(operation, json, 'json'))).toEqual(plain(value))
        expect(plain(decodeRequest(operation, bytes, 'cbor'))).toEqual(plain(value))
      }),
    )
  })

  test('takes or refuses inputs with a changed, lost or foreign part', () => {
    fc.assert(
      fc.property(inputs, fc.infiniteStream(fc.nat()), fc.jsonValue(), (value, choices, foreign) => {
        const changed = withForeign(written(value, input, false), foreign, choices)
        decodeOrRefuse(operation, Buffer.from(JSON.stringify(changed)), 'json')
        decodeOrRefuse(operation, cborOf(changed), 'cbor')
      }),
    )
  })

  if (Object.values(output.members).every((member) => member.shape.kind !== 'eventStream')) {
    test('answers what AWS reads as it was meant, in both protocols', () => {
      fc.assert(
        fc.property(valuesOf(output), (value) => {
          const json = encodeAnswer(operation, value as never, 'json')
          const bytes = encodeAnswer(operation, value as never, 'cbor')
          if (Object.keys(output.members).length === 0) {
            expect([json, bytes]).toEqual(['', ''])
            return
          }
          const wanted = written(value, output, false)
          expect(JSON.parse(Buffer.from(json).toString())).toEqual(JSON.parse(JSON.stringify(wanted)))
          expect(plain(untagged(cbor.deserialize(bytes as Uint8Array)))).toEqual(
            plain(written(value, output, true)),
          )
        }),
      )
    })
  }
})

describe('any operation', () => {
  const anyOperation = fc.constantFrom(...names)

  test('takes or refuses any JSON', () => {
    fc.assert(
      fc.property(anyOperation, fc.json(), (operation, json) => {
        decodeOrRefuse(operation, Buffer.from(json), 'json')
      }),
      { numRuns: 2000 },
    )
  })

  test('takes or refuses any bytes, in both protocols', () => {
    fc.assert(
      fc.property(anyOperation, fc.uint8Array({ maxLength: 200 }), (operation, bytes) => {
        decodeOrRefuse(operation, bytes, 'json')
        decodeOrRefuse(operation, bytes, 'cbor')
      }),
      { numRuns: 5000 },
    )
  })

  test('takes or refuses CBOR of which bytes were changed or cut off', () => {
    const entries = fc.array(fc.record({ Data: fc.uint8Array({ maxLength: 20 }), PartitionKey: fc.string() }))
    fc.assert(
      fc.property(entries, fc.infiniteStream(fc.nat()), (Records, choices) => {
        const bytes = Buffer.from(cborOf({ StreamName: 'a', Records }))
        for (const choice of choices.take(4)) bytes[choice % bytes.length] = choice >> 8
        const [cut = 0] = choices.take(1)
        decodeOrRefuse('PutRecords', bytes, 'cbor')
        decodeOrRefuse('PutRecords', bytes.subarray(0, cut % (bytes.length + 1)), 'cbor')
      }),
      { numRuns: 3000 },
    )
  })

  test('CBOR of any JSON value reads as that value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ depthSize: 'large' }), (value) => {
        expect(plain(parseCborValue(cborOf(value)))).toEqual(plain(JSON.parse(JSON.stringify(value))))
      }),
    )
  })
})

/** By AWS' own writer. */
function cborOf(value: unknown): Uint8Array {
  return cbor.serialize(value)
}

/** AWS' reader leaves tags to the reader of the shape. */
function untagged(value: unknown): unknown {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value
  if ('tag' in value && 'value' in value && Object.keys(value).length === 2) return value.value
  if (Array.isArray(value)) return value.map(untagged)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, untagged(item)]))
}

/** Puts a foreign value in the place of some part of a value, or loses that part. */
function withForeign(value: unknown, foreign: unknown, choices: fc.Stream<number>): unknown {
  const [choice = 0] = choices.take(1)
  if (typeof value !== 'object' || value === null || choice % 5 === 0) return foreign
  const entries = Object.entries(value)
  if (entries.length === 0) return foreign
  const [key, part] = entries[choice % entries.length]!
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) =>
      String(index) === key ? withForeign(item, foreign, choices) : item,
    )
  }
  if (choice % 7 === 0) return Object.fromEntries(entries.filter(([name]) => name !== key))
  return { ...value, [key]: withForeign(part, foreign, choices) }
}
