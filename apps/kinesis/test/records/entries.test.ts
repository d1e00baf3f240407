// Records to put: what the service refuses, and what the broker is given.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KinesisError } from '../../src/model/errors.ts'
import { isKeyless } from '../../src/records/keyless.ts'
import { checkEntries, recordOf, type PutEntry, type PutRules } from '../../src/records/put/entries.ts'

const MiB = 1024 * 1024
const byKey: PutRules = { distribution: 'USER_PARTITION_KEY', maxRecordSizeInKiB: 1024 }
const spread: PutRules = { ...byKey, distribution: 'AUTO' }
const data = new Uint8Array(3)

function refusal(entries: readonly PutEntry[], rules = byKey): string {
  try {
    checkEntries(entries, rules, (index) => `records.${index + 1}.member.`)
  } catch (error) {
    if (error instanceof KinesisError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'none'
}

describe('records to put', () => {
  it('are taken up to the size that the stream allows, data and key together', () => {
    const key = 'é'
    expect(refusal([{ PartitionKey: key, Data: new Uint8Array(MiB - 2) }])).toBe('none')
    expect(refusal([{ PartitionKey: key, Data: new Uint8Array(MiB - 1) }])).toMatch(
      /^InvalidArgumentException: Record size of 1048577 bytes/,
    )
    expect(refusal([{ PartitionKey: key, Data: new Uint8Array(MiB + 1) }])).toBe(
      "ValidationException: 1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=1048577 cap=1048577]' " +
        "at 'records.1.member.data' failed to satisfy constraint: Member must have length less than or equal to 1048576",
    )
    const large = { ...byKey, maxRecordSizeInKiB: 10_240 }
    expect(refusal([{ PartitionKey: 'a', Data: new Uint8Array(MiB * 10 - 1) }], large)).toBe('none')
  })

  it('are taken up to 10 MiB in all', () => {
    const entries = Array.from({ length: 10 }, () => ({ PartitionKey: 'a', Data: new Uint8Array(MiB - 1) }))
    expect(refusal(entries)).toBe('none')
    expect(refusal([...entries, { PartitionKey: 'a', Data: new Uint8Array(0) }])).toBe(
      'InvalidArgumentException: Records size exceeds 10 MB limit',
    )
  })

  it('need a partition key, unless the stream spreads its records', () => {
    expect(refusal([{ PartitionKey: 'a', Data: data }, { Data: data }, { Data: data }])).toBe(
      "ValidationException: 2 validation errors detected: Value null at 'records.2.member.partitionKey' failed to satisfy " +
        "constraint: Member must not be null; Value null at 'records.3.member.partitionKey' failed to satisfy constraint: " +
        'Member must not be null',
    )
    expect(refusal([{ Data: data }], spread)).toBe('none')
  })

  it('have an explicit hash key below 2^128', () => {
    const entry = (hashKey: bigint) => ({
      PartitionKey: 'a',
      Data: data,
      ExplicitHashKey: hashKey.toString(),
    })
    expect(refusal([entry(0n), entry((1n << 128n) - 1n)])).toBe('none')
    expect(refusal([entry(1n << 128n)])).toBe(
      'InvalidArgumentException: Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. ' +
        'Specified value was 340282366920938463463374607431768211456',
    )
  })

  it('are refused with a key that UTF-8 cannot carry', () => {
    expect(refusal([{ PartitionKey: '\ud800', Data: data }])).toMatch(
      /^InvalidArgumentException: PartitionKey has half/,
    )
    expect(refusal([{ PartitionKey: '\ud83d\ude00', Data: data }])).toBe('none')
  })
})

describe('a record of the broker', () => {
  it('has the same key, explicit hash key and data', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.uint8Array(),
        fc.bigInt({ min: 0n }),
        (key, bytes, hashKey) => {
          const entry = { PartitionKey: key, Data: bytes, ExplicitHashKey: hashKey.toString() }
          expect(recordOf(entry, byKey)).toEqual({
            partitionKey: key,
            data: bytes,
            explicitHashKey: hashKey.toString(),
          })
        },
      ),
    )
  })

  it('without a key has one by chance, and says that nobody gave it', () => {
    const records = Array.from({ length: 100 }, () => recordOf({ Data: data }, spread))
    expect(new Set(records.map(({ partitionKey }) => partitionKey)).size).toBe(100)
    expect(records.every(({ headers }) => isKeyless(headers as Record<string, Uint8Array>))).toBe(true)
    expect(isKeyless({})).toBe(false)
  })

  it('with a key keeps it where the stream spreads its records, and goes to any shard', () => {
    const hashKeys = Array.from({ length: 100 }, () => {
      const record = recordOf({ PartitionKey: 'a', Data: data, ExplicitHashKey: '5' }, spread)
      expect(record.partitionKey).toBe('a')
      return BigInt(record.explicitHashKey!) >> 126n
    })
    expect(new Set(hashKeys).size).toBe(4)
  })
})
