// Generated records for the aggregated format.
import fc from 'fast-check'

const HASH_KEYS = 1n << 128n

/** A partition key of any characters that UTF-8 can carry. */
export const partitionKey = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 60 })
  .filter((key) => key.length <= 256)

export const explicitHashKey = fc.bigInt({ min: 0n, max: HASH_KEYS - 1n }).map(String)

export const data = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.integer({ min: 100, max: 20_000 }).map((length) => new Uint8Array(length).fill(length)),
)

/** Keys come again and again, as in a stream. */
export const records = fc
  .tuple(
    fc.array(partitionKey, { minLength: 1, maxLength: 200 }),
    fc.array(explicitHashKey, { minLength: 1, maxLength: 5 }),
    fc.array(fc.tuple(fc.nat(), fc.option(fc.nat(), { nil: undefined }), data), {
      minLength: 1,
      maxLength: 300,
    }),
  )
  .map(([keys, hashKeys, rows]) =>
    rows.map(([key, hashKey, bytes]) => ({
      partitionKey: keys[key % keys.length]!,
      ...(hashKey === undefined ? {} : { explicitHashKey: hashKeys[hashKey % hashKeys.length]! }),
      data: bytes,
    })),
  )
