// An encrypted batch gives back what was put in, to who has the key, as long as not one bit of it was changed.
import { createSecretKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  batchOffsets,
  bodyCrcOf,
  checkBatch,
  checkBatchHeader,
  isEncryptedAt,
  readBatchHeader,
  sampledKeysOf,
  stampBatch,
} from '../../../protocol/batch/batch.ts'
import { encryptBatch, keyIdOf, openBatch } from '../../../protocol/batch/encryption.ts'
import { checkKeyId, ENCRYPTION_BYTES_MAX } from '../../../protocol/batch/envelope.ts'
import { checkSentBatch } from '../../../protocol/batch/record-walk.ts'
import {
  BatchBuilder,
  openWithoutKeys,
  readRecords,
  visitRecords,
  walkRecords,
} from '../../../protocol/batch/record.ts'
import { limits } from '../../../protocol/limits.ts'
import { plain } from '../arbitraries.ts'
import { anyRecord, batchOf, hashKeyOf, IDENTITY, record } from '../batches.ts'
import { refusalOf } from '../refusal.ts'

const STREAM = 'orders'
const key = { id: 'key-1', secret: createSecretKey(Buffer.alloc(32, 7)) }

function encrypted(batch: Uint8Array, options: { id?: string; nonce?: Uint8Array } = {}): Uint8Array {
  const { id = key.id, nonce = randomBytes(24) } = options
  return encryptBatch(batch, { key: { ...key, id }, stream: STREAM, nonce, random: Math.random })
}

/** Reads an encrypted batch as a client does, once it is stamped. */
function readOpened(batch: Uint8Array, { secret = key.secret, stream = STREAM } = {}): unknown[] {
  const stamped = Buffer.from(batch)
  stampBatch(stamped, 5, 6)
  const read: number[] = []
  visitRecords(
    stamped,
    0,
    (sequenceNumber) => read.push(sequenceNumber),
    (each) => (isEncryptedAt(each, 0) ? openBatch(each, secret, stream) : openWithoutKeys(each)),
  )
  return read
}

/** Makes both checksums right again, as one who tampers would. */
function signed(batch: Buffer): Buffer {
  batch.writeUInt32LE(bodyCrcOf(batch), batchOffsets.bodyCrc)
  return batch
}

const anyBatch = fc
  .tuple(fc.array(anyRecord, { minLength: 1, maxLength: 6 }), fc.constantFrom('none', 'gzip'))
  .map(([records, codec]) => batchOf(codec === 'none' ? records : [...records, ...records], { codec }))
const anyKeyId = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: limits.keyIdLengthMax,
})

describe('encryptBatch', () => {
  it('makes a batch that brokers take, and from which its key alone gives back the records', () => {
    fc.assert(
      fc.property(anyBatch, anyKeyId, (batch, id) => {
        const sealed = encrypted(batch, { id })
        expect(checkSentBatch(sealed)).toBeUndefined()
        expect(walkRecords(sealed)).toBeUndefined()
        expect(keyIdOf(sealed)).toBe(id)
        expect(sealed.length).toBeLessThanOrEqual(batch.length + ENCRYPTION_BYTES_MAX)
        const { batchLength: _, isEncrypted, ...header } = readBatchHeader(sealed)
        expect(isEncrypted).toBe(true)
        expect(plain(readBatchHeader(batch))).toMatchObject(plain(header) as object)

        const stamped = Buffer.from(batch)
        stampBatch(stamped, 5, 6)
        const opened = Buffer.from(sealed)
        stampBatch(opened, 5, 6)
        const records: unknown[] = []
        const bytes = visitRecords(
          opened,
          0,
          (number, at, _, end, from) => records.push([number, from.toString('hex', at, end)]),
          (each) => openBatch(each, key.secret, STREAM),
        )
        expect(records).toHaveLength(readRecords(stamped).length)
        const open: unknown[] = []
        const plainBytes = visitRecords(stamped, 0, (number, at, _, end, from) =>
          open.push([number, from.toString('hex', at, end)]),
        )
        expect(records).toEqual(open)
        expect(bytes.equals(plainBytes)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('leaves nothing of keys, headers and data in the bytes', () => {
    const secret = 'a secret that nobody must see'
    const batch = batchOf([
      { partitionKey: secret, data: Buffer.from(secret), headers: { [secret]: Buffer.from(secret) } },
    ])
    expect(Buffer.from(batch).includes(secret)).toBe(true)
    expect(Buffer.from(encrypted(batch)).includes(secret)).toBe(false)
  })

  it('samples the keys of an uncompressed batch, whose load the broker could not spread otherwise', () => {
    const keys = Array.from({ length: 200 }, (_, i) => record(`key-${i}`, 'x'.repeat(50)))
    expect(sampledKeysOf(encrypted(batchOf(keys)))).toHaveLength(limits.batchSampledKeysMax)
    const hashes = new Set(keys.map((each) => `${hashKeyOf(each)}`))
    for (const sampled of sampledKeysOf(encrypted(batchOf(keys)))) expect(hashes).toContain(`${sampled}`)
    expect(sampledKeysOf(encrypted(batchOf([record('a'), record('a')])))).toEqual([])
  })

  it('fits where the builder left room, up to the largest record', () => {
    const builder = new BatchBuilder({
      bytesMax: limits.batchBytesMax,
      reservedBytes: ENCRYPTION_BYTES_MAX,
    })
    const headers = Object.fromEntries(
      Array.from({ length: 64 }, (_, i) => [`h${i}`, new Uint8Array(i < 31 ? 65_536 : 2000)]),
    )
    const largest = { ...record('a', new Uint8Array(limits.recordBytesMax - 1)), headers }
    const tooLarge = refusalOf(() => builder.tryAdd(largest, hashKeyOf(largest), 0))
    expect(tooLarge.message).toContain(`the limit is ${limits.batchBytesMax - 96 - ENCRYPTION_BYTES_MAX}`)
    const small = { ...largest, headers: { a: new Uint8Array(65_536) } }
    expect(builder.tryAdd(small, hashKeyOf(small), 0)).toBe(true)
    const sealed = encrypted(builder.finish(IDENTITY), { id: 'x'.repeat(limits.keyIdLengthMax) })
    expect(checkSentBatch(sealed)).toBeUndefined()
  })
})

describe('openBatch', () => {
  const records = [record('ada', 'one'), record('bob', 'two'), record('eve', 'x'.repeat(80))]

  it.each(['none', 'gzip'] as const)(
    'refuses every single flipped bit that the broker did not stamp (%s)',
    (codec) => {
      const sealed = encrypted(batchOf([...records, ...records], { producerId: 77, producerEpoch: 3, codec }))
      expect(readOpened(sealed)).toHaveLength(6)
      let opened = 0
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const at = bit >> 3
        const isStampedOrSum = at >= batchOffsets.bodyCrc && at < batchOffsets.attributes
        if (isStampedOrSum) continue
        const changed = Buffer.from(sealed)
        changed[at]! ^= 1 << (bit & 7)
        // Without its checksum, any reader sees the damage.
        expect(checkBatch(changed)).toBeDefined()
        signed(changed)
        const isRefusedAtOnce = checkBatchHeader(changed) !== undefined
        const code = refusalOf(() => readOpened(changed)).code
        expect([bit, code]).toEqual([bit, isRefusedAtOnce ? 'corruptData' : codeWithout(changed)])
        opened++
      }
      expect(opened).toBeGreaterThan(1000)
    },
  )

  /** Without its attribute, the envelope is no record and no compressed one. */
  function codeWithout(changed: Buffer): string {
    return (changed[batchOffsets.attributes]! & 64) === 0 ? 'malformedBatch' : 'decryptionFailed'
  }

  it('refuses another key, another stream, and a payload under the header of another batch', () => {
    const [one, two] = [1, 2].map((sequence) =>
      Buffer.from(encrypted(batchOf(records, { producerId: 9, firstProducerSequence: sequence }))),
    )
    expect(readOpened(one!)).toHaveLength(3)
    const other = createSecretKey(Buffer.alloc(32, 8))
    expect(refusalOf(() => readOpened(one!, { secret: other }))).toMatchObject({
      code: 'decryptionFailed',
      message: expect.stringContaining('key key-1') as string,
    })
    expect(refusalOf(() => readOpened(one!, { stream: 'payments' })).code).toBe('decryptionFailed')
    const grafted = signed(Buffer.concat([one!.subarray(0, 96), two!.subarray(96)]))
    expect(checkSentBatch(grafted)).toBeUndefined()
    expect(refusalOf(() => readOpened(grafted)).code).toBe('decryptionFailed')
  })

  it('is needed: without it the error names the key and says what to pass', () => {
    const sealed = Buffer.from(encrypted(batchOf(records)))
    stampBatch(sealed, 1, 1)
    const { code, message } = refusalOf(() => readRecords(sealed))
    expect(code).toBe('keyUnavailable')
    expect(message).toMatch(/key key-1.*encryption: \{ keys \}.*--encryption-keys/)
  })
})

describe('checkSentBatch', () => {
  it('refuses envelopes whose lengths or key ids are wrong, and attributes that nobody knows', () => {
    const sealed = Buffer.from(encrypted(batchOf([record('ada', 'one')])))
    const envelopeAt = 96
    const faultOf = (change: (batch: Buffer) => void): string | undefined => {
      const changed = Buffer.from(sealed)
      change(changed)
      return checkSentBatch(signed(changed))?.message
    }
    expect(faultOf(() => {})).toBeUndefined()
    expect(faultOf((batch) => (batch[envelopeAt] = 0))).toMatch(/key id has 0 bytes/)
    expect(faultOf((batch) => (batch[envelopeAt] = 129))).toMatch(/key id has 129 bytes/)
    expect(faultOf((batch) => (batch[envelopeAt] = 4))).toMatch(/records have \d+ bytes; \d+ are encrypted/)
    expect(faultOf((batch) => (batch[envelopeAt] = 100))).toMatch(/too short/)
    expect(faultOf((batch) => (batch[envelopeAt + 1] = 0x20))).toMatch(/visible ASCII/)
    for (let bit = 7; bit < 16; bit++) {
      const unknown = faultOf((batch) =>
        batch.writeUInt16LE(
          batch.readUInt16LE(batchOffsets.attributes) | (1 << bit),
          batchOffsets.attributes,
        ),
      )
      expect(unknown).toMatch(/attribute that this version does not know/)
    }
  })
})

it('checkKeyId: takes what can be printed, and no more than its limit', () => {
  for (const id of ['k', 'arn:aws:kms:eu-west-1:1:key/1', 'x'.repeat(128)]) {
    expect(checkKeyId(id)).toBeUndefined()
  }
  for (const id of ['', 'x'.repeat(129), 'a b', 'é', 'a\n']) expect(checkKeyId(id)).toMatch(/visible ASCII/)
})
