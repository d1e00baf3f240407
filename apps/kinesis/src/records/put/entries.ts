// Records to put, checked as the service checks them, and made records of the broker. Pure but for chance.
// What is wrong with one of them refuses the whole request: nothing of it is stored.
import { randomBytes } from 'node:crypto'
import type { RecordInput } from 'millrace'
import type { StreamFacts } from '../../book/stream-facts.ts'
import { KinesisError } from '../../model/errors.ts'
import { keylessFields } from '../keyless.ts'

/** A record of a request. */
export interface PutEntry {
  readonly Data: Uint8Array
  readonly PartitionKey?: string | undefined
  readonly ExplicitHashKey?: string | undefined
}

/** Facts of a stream that say what it takes. */
export type PutRules = Pick<StreamFacts, 'distribution' | 'maxRecordSizeInKiB'>

/** Data and keys of one request. */
const REQUEST_BYTES_MAX = 10 * 1024 * 1024
const HASH_KEY_DIGITS_MAX = 39
/** As many constraints as one answer tells. */
const TOLD_MAX = 10

/** Throws what the service answers to the first fault, or to all constraints that are not kept. `at` names the members of each. */
export function checkEntries(
  entries: readonly PutEntry[],
  rules: PutRules,
  at: (index: number) => string,
): void {
  const bytesMax = rules.maxRecordSizeInKiB * 1024
  const broken: string[] = []
  let total = 0
  for (const [i, { Data, PartitionKey, ExplicitHashKey }] of entries.entries()) {
    if (rules.distribution === 'USER_PARTITION_KEY') {
      if (PartitionKey === undefined)
        broken.push(`Value null at '${at(i)}partitionKey' ${FAILED}: Member must not be null`)
      if (ExplicitHashKey !== undefined) checkHashKey(ExplicitHashKey)
    }
    if (Data.length > bytesMax) {
      const shown = `java.nio.HeapByteBuffer[pos=0 lim=${Data.length} cap=${Data.length}]`
      broken.push(
        `Value '${shown}' at '${at(i)}data' ${FAILED}: Member must have length less than or equal to ${bytesMax}`,
      )
    }
    const bytes = Data.length + (PartitionKey === undefined ? 0 : Buffer.byteLength(PartitionKey))
    total += bytes
    if (bytes > bytesMax && broken.length === 0) throw tooLarge(bytes, bytesMax)
    if (PartitionKey?.isWellFormed() === false) {
      throw new KinesisError(
        'InvalidArgumentException',
        'PartitionKey has half a surrogate pair, which UTF-8 cannot carry.',
      )
    }
  }
  if (broken.length > 0) {
    const count = `${broken.length} validation error${broken.length === 1 ? '' : 's'} detected`
    throw new KinesisError('ValidationException', `${count}: ${broken.slice(0, TOLD_MAX).join('; ')}`)
  }
  if (total > REQUEST_BYTES_MAX) {
    throw new KinesisError('InvalidArgumentException', 'Records size exceeds 10 MB limit')
  }
}

/** The record that the broker stores. Where the stream spreads its records, neither key decides the shard. */
export function recordOf(
  { Data, PartitionKey, ExplicitHashKey }: PutEntry,
  { distribution }: PutRules,
): RecordInput {
  if (PartitionKey === undefined) return { data: Data, ...keylessFields() }
  const explicitHashKey = distribution === 'AUTO' ? anyHashKey() : ExplicitHashKey
  return { partitionKey: PartitionKey, data: Data, explicitHashKey }
}

const FAILED = 'failed to satisfy constraint'

function checkHashKey(hashKey: string): void {
  if (hashKey.length < HASH_KEY_DIGITS_MAX || BigInt(hashKey) < 1n << 128n) return
  throw new KinesisError(
    'InvalidArgumentException',
    `Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was ${hashKey}`,
  )
}

function anyHashKey(): bigint {
  return BigInt(`0x${randomBytes(16).toString('hex')}`)
}

function tooLarge(bytes: number, bytesMax: number): KinesisError {
  return new KinesisError(
    'InvalidArgumentException',
    `Record size of ${bytes} bytes, partition key included, exceeds the limit of ${bytesMax} bytes of this stream`,
  )
}
