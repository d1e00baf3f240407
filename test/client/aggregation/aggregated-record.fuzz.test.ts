// Payloads that no sound writer makes, with a checksum that is right: they are read within their bytes, or refused by name.
import fc from 'fast-check'
import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { AggregateBuilder } from '../../../client/aggregation/aggregate-builder.ts'
import { readAggregated, type AggregatedPart } from '../../../client/aggregation/aggregated-record.ts'
import { ProtobufCursor, wireTypes } from '../../../client/aggregation/protobuf-cursor.ts'
import { MillraceError } from '../../../client/index.ts'
import { records as generated } from './support/generated.ts'
import { messageOf, sealed } from './support/kinesis-agg.ts'

interface Decoded {
  readonly partition_key_table: readonly string[]
  readonly explicit_hash_key_table: readonly string[]
  readonly records: readonly { readonly data: Buffer }[]
}

/** protobufjs, with the schema of aws-kinesis-agg. */
const { AggregatedRecord: other } = createRequire(import.meta.url)('aws-kinesis-agg/lib/common') as {
  readonly AggregatedRecord: { decode(message: Uint8Array): Decoded }
}

/** Returns what is read, or undefined where it is refused. Fails for any other outcome. */
function read(payload: Uint8Array): AggregatedPart[] | undefined {
  try {
    const parts = readAggregated(payload)
    expect(parts).toBeDefined()
    return parts
  } catch (error) {
    if (!MillraceError.is(error, 'codecFailed')) throw error
    return undefined
  }
}

function decodedByOther(message: Uint8Array): Decoded | undefined {
  try {
    return other.decode(message)
  } catch {
    return undefined
  }
}

/** Reads a message alone, and between other bytes: what is around it makes no difference, and all data lie within it. */
function readAnywhere(message: Uint8Array): AggregatedPart[] | undefined {
  const payload = sealed(message)
  const alone = read(payload)
  for (const filler of [0x00, 0xff]) {
    const memory = Buffer.alloc(payload.length + 64, filler)
    memory.set(payload, 32)
    const within = memory.subarray(32, 32 + payload.length)
    expect(read(within)).toEqual(alone)
    for (const { data } of read(within) ?? []) {
      expect(data.buffer).toBe(memory.buffer)
      expect(data.byteOffset).toBeGreaterThanOrEqual(within.byteOffset + 4)
      expect(data.byteOffset + data.length).toBeLessThanOrEqual(within.byteOffset + within.length - 16)
    }
  }
  // Every part took bytes of its own: a payload of n bytes gives fewer than n records.
  expect(alone?.length ?? 0).toBeLessThan(message.length)
  return alone
}

const message = generated.map((records) => {
  const builder = new AggregateBuilder()
  for (const { partitionKey, data, ...others } of records.slice(0, 20)) {
    builder.add({ partitionKey, explicitHashKey: others.explicitHashKey, data: data.subarray(0, 30) })
  }
  return messageOf(builder.build())
})

/** Tags, lengths and numbers of the message, and such as do not belong there. */
const pieces = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(0x08, 0x0a, 0x10, 0x12, 0x1a, 0x22, 0x00, 0x01, 0x02, 0x05, 0x61) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(0x03, 0x0b, 0x13, 0x1b, 0x23, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x25, 0x29),
  },
  { weight: 1, arbitrary: fc.constantFrom(0x7f, 0x80, 0xff) },
  { weight: 1, arbitrary: fc.nat({ max: 255 }) },
)

it('reading: a message that was changed anywhere is read within its bytes, or refused', () => {
  const outcomes = { read: 0, refused: 0 }
  const change = fc.record({
    at: fc.nat(),
    with: fc.array(pieces, { maxLength: 4 }),
    without: fc.nat({ max: 4 }),
  })
  fc.assert(
    fc.property(message, fc.array(change, { minLength: 1, maxLength: 4 }), (sound, changes) => {
      let bytes = [...sound]
      for (const { at, with: inserted, without } of changes) {
        bytes = bytes.toSpliced(at % (bytes.length + 1), without, ...inserted)
      }
      if (bytes.length === 0) return
      outcomes[readAnywhere(Uint8Array.from(bytes)) === undefined ? 'refused' : 'read']++
    }),
    { numRuns: 3000 },
  )
  expect(outcomes.read).toBeGreaterThan(50)
  expect(outcomes.refused).toBeGreaterThan(50)
})

it('reading: any bytes are read within them, or refused', () => {
  const bytes = fc.oneof(
    fc.array(pieces, { minLength: 1, maxLength: 60 }),
    fc.array(fc.nat({ max: 255 }), { minLength: 1 }),
  )
  fc.assert(
    fc.property(bytes, (any) => {
      readAnywhere(Uint8Array.from(any))
    }),
    { numRuns: 20_000 },
  )
})

it('stepping: no byte outside of the message is looked at, and each field lies within it, behind the one before', () => {
  const places = fc.record({ before: fc.nat({ max: 5 }), after: fc.nat({ max: 5 }) })
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 60 }), places, (message, { before, after }) => {
      const memory = Uint8Array.from([
        ...Array<number>(before).fill(1),
        ...message,
        ...Array<number>(after).fill(1),
      ])
      const end = before + message.length
      const watched = new Proxy(memory, {
        get(bytes, name) {
          const index = Number(name)
          if (index < before || index >= end)
            throw new Error(`byte ${index} lies outside of ${before} to ${end}`)
          return bytes[index]
        },
      })
      const cursor = new ProtobufCursor(watched, before, end)
      let last = before
      try {
        while (cursor.next()) {
          if (cursor.wireType !== wireTypes.bytes) continue
          expect(cursor.from).toBeGreaterThan(last)
          expect(cursor.to).toBeGreaterThanOrEqual(cursor.from)
          expect(cursor.to).toBeLessThanOrEqual(end)
          last = cursor.to
        }
      } catch (error) {
        if (!MillraceError.is(error, 'codecFailed')) throw error
      }
    }),
    { numRuns: 10_000 },
  )
})

it('reading: where another reader of protobuf takes the message too, it finds the same records', () => {
  let both = 0
  fc.assert(
    fc.property(message, fc.nat(), fc.nat({ max: 255 }), (sound, at, byte) => {
      const changed = Uint8Array.from(sound)
      changed[at % changed.length] = byte
      const parts = read(sealed(changed))
      const theirs = decodedByOther(changed)
      if (parts === undefined || theirs === undefined) return
      both++
      const data = ({ data }: { readonly data: Uint8Array }) => Buffer.from(data).toString('hex')
      expect(parts.map(data)).toEqual(theirs.records.map(data))
      for (const { partitionKey } of parts) expect(theirs.partition_key_table).toContain(partitionKey)
    }),
    { numRuns: 5000 },
  )
  expect(both).toBeGreaterThan(500)
})
