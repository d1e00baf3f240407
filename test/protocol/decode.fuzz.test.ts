// Hostile bytes through everything that reads them: only the named errors come out, and memory stays in proportion to
// what was sent. A failing run prints its seed.
import { createSecretKey, randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { batchOffsets, checkStoredBatch, isEncryptedAt, stampBatch } from '../../protocol/batch/batch.ts'
import { encryptBatch, openBatch } from '../../protocol/batch/encryption.ts'
import { FrameReader } from '../../protocol/frame/frame.ts'
import { limits } from '../../protocol/limits.ts'
import { decodeMessage, decodeResponse, messageKinds, RequestRefused } from '../../protocol/frame/messages.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { operations, type OperationName } from '../../protocol/operations.ts'
import { openWithoutKeys, readRecords, visitRecords, walkRecords } from '../../protocol/batch/record.ts'
import { anyRecord, batchOf } from './batches.ts'
import { golden } from './golden-bytes.ts'

/** Bytes allocated for each byte received, at most. */
const ALLOCATION_BUDGET = 64

const frames = Object.entries(golden)
  .filter(([name]) => !name.startsWith('batch'))
  .map(([, hex]) => Buffer.from(hex, 'hex'))

interface Mutation {
  readonly place: number
  readonly kind: 'set' | 'insert' | 'remove' | 'repeat'
  readonly byte: number
}

const mutations = fc.array(
  fc.record<Mutation>({
    place: fc.double({ min: 0, max: 0.999, noNaN: true }),
    kind: fc.constantFrom('set', 'set', 'insert', 'remove', 'repeat'),
    // Tags of arrays, bytes, text and numbers, and anything.
    byte: fc.oneof(
      fc.constantFrom(0, 0x7f, 0x90, 0x9f, 0xc0, 0xc4, 0xc6, 0xcf, 0xd9, 0xdc, 0xdd, 0xff),
      fc.nat(255),
    ),
  }),
  { minLength: 1, maxLength: 6 },
)

function mutate(bytes: Uint8Array, changes: readonly Mutation[]): Buffer {
  let mutated = Buffer.from(bytes)
  for (const { place, kind, byte } of changes) {
    const at = Math.floor(place * mutated.length)
    const [before, after] = [mutated.subarray(0, at), mutated.subarray(at)]
    if (kind === 'set')
      mutated = Buffer.concat([before, [byte], after.subarray(1)].map((part) => Buffer.from(part)))
    else if (kind === 'insert') mutated = Buffer.concat([before, Buffer.of(byte), after])
    else if (kind === 'remove') mutated = Buffer.concat([before, after.subarray(1 + (byte & 3))])
    else mutated = Buffer.concat([before, after, after.subarray(0, byte)])
  }
  return mutated
}

/** Runs `work`; answers the code of the error that it may end with, and throws on any other. */
function outcomeOf(work: () => unknown): string {
  try {
    work()
    return 'ok'
  } catch (error) {
    if (error instanceof RequestRefused) return error.error.code
    if (MillraceError.is(error)) return error.code
    throw error
  }
}

/** All that a receiver does with bytes, responses included. */
function receive(bytes: Uint8Array): void {
  const reader = new FrameReader({ frameBytesMax: limits.frameBytesBeforeHello })
  for (const payload of reader.push(bytes)) {
    const message = decodeMessage(payload)
    if (message.kind !== 'response') continue
    const operation = (Object.keys(operations) as OperationName[]).find(
      (name) => operations[name].id === message.id,
    )
    decodeResponse(operation ?? 'fetch', message.wire)
  }
}

const RECEIVED = ['ok', 'malformedFrame', 'frameTooLarge', 'invalidArgument', 'unknownOperation', 'internal']

describe('received bytes', () => {
  test('random ones end in a message or a named error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, framed) => {
        const prefix = Buffer.alloc(4)
        prefix.writeUInt32LE(Math.max(bytes.length, 1))
        expect(RECEIVED).toContain(outcomeOf(() => receive(framed ? Buffer.concat([prefix, bytes]) : bytes)))
      }),
      { numRuns: 20_000 },
    )
  })

  test('damaged messages end in a message or a named error', () => {
    fc.assert(
      fc.property(fc.constantFrom(...frames), mutations, fc.boolean(), (frame, changes, reframed) => {
        const mutated = mutate(frame, changes)
        // A right length prefix, so that the damage is met by the decoder and not by the frame reader.
        if (reframed && mutated.length > 4) mutated.writeUInt32LE(mutated.length - 4)
        expect(RECEIVED).toContain(outcomeOf(() => receive(mutated)))
      }),
      { numRuns: 20_000 },
    )
  })

  test('damaged batches, signed again so that the damage reaches the records, are data, corruptData or malformedBatch', () => {
    const batch = fc
      .tuple(fc.array(anyRecord, { minLength: 1, maxLength: 6 }), fc.constantFrom('none', 'gzip'))
      // Said again, they take less compressed, and have a sample of their keys.
      .map(([records, codec]) => batchOf(codec === 'none' ? records : [...records, ...records], { codec }))
    fc.assert(
      fc.property(batch, mutations, fc.boolean(), (sent, changes, signed) => {
        const mutated = mutate(sent, changes)
        if (signed && mutated.length >= 96) {
          mutated.writeUInt32LE(mutated.length, batchOffsets.batchLength)
          mutated.writeUInt32LE(crc32(mutated.subarray(batchOffsets.attributes)), batchOffsets.bodyCrc)
          stampBatch(mutated, 1, 1)
        }
        const read = outcomeOf(() => {
          for (const record of readRecords(mutated)) {
            void [record.partitionKey, record.data, record.headers, record.explicitHashKey, record.timestamp]
          }
        })
        expect(['ok', 'corruptData', 'malformedBatch']).toContain(read)
        expect(read === 'corruptData').toBe(checkStoredBatch(mutated) !== undefined)
        if (read !== 'corruptData') expect(read).toBe(walkRecords(mutated)?.code ?? 'ok')
      }),
      { numRuns: 5_000 },
    )
  })

  test('damaged encrypted batches, signed again, are corruptData or decryptionFailed, or were left as they are', () => {
    const secret = createSecretKey(Buffer.alloc(32, 1))
    const batch = fc
      .tuple(fc.array(anyRecord, { minLength: 1, maxLength: 6 }), fc.constantFrom('none', 'gzip'))
      .map(([records, codec]) => {
        const nonce = randomBytes(24)
        const sent = batchOf([...records, ...records], { codec })
        return encryptBatch(sent, { key: { id: 'key-1', secret }, stream: 'a', nonce, random: Math.random })
      })
    fc.assert(
      fc.property(batch, mutations, (sent, changes) => {
        const mutated = mutate(sent, changes)
        if (mutated.length >= 96) {
          mutated.writeUInt32LE(mutated.length, batchOffsets.batchLength)
          mutated.writeUInt32LE(crc32(mutated.subarray(batchOffsets.attributes)), batchOffsets.bodyCrc)
          stampBatch(mutated, 1, 1)
        }
        const isTouched = !mutated
          .subarray(batchOffsets.attributes)
          .equals(Buffer.from(sent.subarray(batchOffsets.attributes)))
        const read = outcomeOf(() => {
          visitRecords(mutated, 0, () => {}, (each) => (isEncryptedAt(each, 0) ? openBatch(each, secret, 'a') : openWithoutKeys(each))) // prettier-ignore
        })
        if (checkStoredBatch(mutated) !== undefined) expect(read).toBe('corruptData')
        else if (!isTouched) expect(read).toBe('ok')
        else if (isEncryptedAt(mutated, 0)) expect(read).toBe('decryptionFailed')
        else expect(['malformedBatch', 'codecUnavailable']).toContain(read)
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('memory', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void

  function heldBytes(): number {
    collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }

  /** Bytes that stay allocated for each byte given to `work`, which answers what it made of one payload. */
  function amplification(payload: Uint8Array, work: (payload: Uint8Array) => unknown): number {
    const times = Math.ceil(1_000_000 / payload.length)
    const held: unknown[] = [work(payload)]
    const before = heldBytes()
    for (let i = 0; i < times; i++) held.push(work(payload))
    const grown = heldBytes() - before
    expect(held).toHaveLength(times + 1)
    return grown / (times * payload.length)
  }

  const packr = new Packr({ useRecords: false })
  const bodyOf = (count: number, ...item: number[]): Buffer =>
    Buffer.concat([
      Buffer.of(0xdc, count >> 8, count & 0xff),
      ...Array<Buffer>(count).fill(Buffer.from(item)),
    ])
  /** [response, fetch, 1, body]: the envelope whose body is handed on as it is. */
  const inResponse = (body: Buffer): Buffer =>
    Buffer.concat([Buffer.of(0x94, messageKinds.response, 34, 1), body])

  test.each([
    ['empty arrays', bodyOf(16_000, 0x90)],
    ['arrays of one', bodyOf(16_000, 0x91, 0xc0)],
    ['arrays of two', bodyOf(16_000, 0x92, 0xc0, 0xc0)],
    ['arrays in arrays', bodyOf(8_000, ...Array<number>(13).fill(0x91), 0xc0)],
    ['empty bytes', bodyOf(16_000, 0xc4, 0)],
    ['single bytes', bodyOf(16_000, 0xc4, 1, 7)],
    ['empty text', bodyOf(16_000, 0xa0)],
    ['short text', bodyOf(16_000, 0xa2, 0x61, 0x62)],
    ['numbers on the heap', bodyOf(8_000, 0xca, 0x3f, 0x99, 0x99, 0x9a)],
    ['maps', bodyOf(16_000, 0x81, 0xc0, 0xc0)],
    ['extensions', bodyOf(16_000, 0xd4, 1, 1)],
  ])('a response full of %s stays within the budget', (_, body) => {
    expect(amplification(inResponse(body), decodeMessage)).toBeLessThan(ALLOCATION_BUDGET)
  })

  const none = Buffer.alloc(0)
  test.each([
    ['appends', packr.pack([1, operations.append.id, 1, [Array(4096).fill([0, 0, none])]])],
    ['fetches', packr.pack([1, operations.fetch.id, 1, [Array(4096).fill([0, 0, 0, 0]), 0, 0]])],
  ])('the densest request of %s stays within the budget', (_, payload) => {
    expect(amplification(payload, decodeMessage)).toBeLessThan(ALLOCATION_BUDGET)
  })

  test('a claimed length allocates nothing: only bytes that arrive are held', () => {
    const claim = Buffer.alloc(4)
    claim.writeUInt32LE(limits.frameBytesMax)
    const readers = Array.from(
      { length: 1000 },
      () => new FrameReader({ frameBytesMax: limits.frameBytesMax }),
    )
    for (const reader of readers) reader.push(Uint8Array.from(claim))
    const before = heldBytes()
    for (const reader of readers) for (let i = 0; i < 200; i++) reader.push(Uint8Array.of(i))
    expect((heldBytes() - before) / 200_000).toBeLessThan(ALLOCATION_BUDGET)
    expect(readers.every((reader) => reader.pendingBytes === 204)).toBe(true)
  })
})
