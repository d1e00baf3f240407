// The options of the calls that append records: a part of the one table in table.ts. Runs in the client, pure.
import { codecs as compressions } from '../../protocol/batch/compression.ts'
import { limits } from '../../protocol/limits.ts'
import type { PreparedWriterOptions, PrepareOptions } from '../prepared/options.ts'
import type { ProducerOptions } from '../producer/options.ts'
import type { PutOptions } from '../producer/puts.ts'
import { boolean, callback, choice, codec, signal, whole, type OptionsOf } from './option.ts'

const KiB = 1024
const MiB = 1024 * KiB

const producer = {
  codec: codec('encode'),
  batchBytes: whole({ min: 1, max: limits.batchBytesMax, default: 256 * KiB }),
  batchRecords: whole({ min: 1, max: limits.batchRecordsMax, default: limits.batchRecordsMax }),
  lingerMs: whole({ min: 0, max: 60_000, default: 0 }),
  compression: choice(compressions),
  bufferBytesMax: whole({ min: 1, max: 4096 * MiB, default: 32 * MiB }),
  bufferRecordsMax: whole({ min: 1, max: Infinity, default: Infinity }),
  // A client must not try for longer than the broker remembers its producer.
  deliveryTimeoutMs: whole({ min: 1, max: limits.producerIdleMsMin, default: 120_000 }),
  pacing: boolean,
  onThrottled: choice(['wait', 'fail']),
  recordTtlMs: whole({ min: 1, max: Infinity, default: Infinity }),
  onAcknowledged: callback,
  onRefused: callback,
  onDelayed: callback,
  signal,
} satisfies OptionsOf<ProducerOptions>

const preparedWriter = {
  batchBytes: whole({ min: 1, max: limits.batchBytesMax, default: 1 * MiB }),
  compression: choice(compressions),
  bufferBytesMax: whole({ min: 1, max: 4096 * MiB, default: 32 * MiB }),
  signal,
} satisfies OptionsOf<PreparedWriterOptions>

const prepare = { keep: callback, signal } satisfies OptionsOf<PrepareOptions>

const put = { codec: codec('encode'), signal } satisfies OptionsOf<PutOptions<unknown>>

export const writingOptions = {
  put,
  putMany: put,
  producer,
  preparedWriter,
  append: prepare,
  resume: prepare,
}
