// One read of a shard: what a caller is told where it fails, and how long it waits.
import { MillraceError, type Client, type ErrorCode, type Shard } from 'millrace'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { StreamView } from '../../src/book/stream-view.ts'
import type { Call } from '../../src/call.ts'
import { parseKinesisSequenceNumber } from '../../src/identifiers/sequence-number.ts'
import { KinesisError } from '../../src/model/errors.ts'
import { fetchShard } from '../../src/records/get/fetch-shard.ts'
import { KnownStream } from '../../src/records/known-stream.ts'
import { endpointDefaults } from '../../src/settings.ts'

const shard = {
  shardId: 'shardId-000000000003',
  parentShardIds: [],
  createdAt: new Date('2026-01-02T03:04:05Z'),
} as unknown as Shard
const stream = new KnownStream({} as Client, { name: 'clicks', id: 7 } as StreamView, [shard])
const known = stream.shard(shard.shardId)!

type Fetch = (name: string, options: { readonly signal: AbortSignal }) => Promise<never>

async function refusalOf(fetch: Fetch): Promise<KinesisError> {
  const call = {
    operation: 'GetRecords',
    region: 'eu-west-1',
    caller: { principal: undefined, client: { fetch } },
    signal: new AbortController().signal,
  } as unknown as Call<'GetRecords'>
  const context = { settings: endpointDefaults }
  const error: unknown = await fetchShard(context, call, { stream, known }, { from: 'LATEST' }).catch(
    (caught: unknown) => caught,
  )
  if (error instanceof KinesisError) return error
  throw error
}

const failing =
  (code: ErrorCode, details = {}): Fetch =>
  () =>
    Promise.reject(new MillraceError(code, 'It failed.', details))

describe('a read of a shard that fails', () => {
  it('at damage names the number to go on from, and is an internal failure', async () => {
    const records = { shardId: shard.shardId, firstSequenceNumber: 5, nextSequenceNumber: 42 }
    const { code, message } = await refusalOf(failing('corruptData', { records }))
    expect(code).toBe('InternalFailureException')
    const number = /^It failed\. To go on behind these records, begin AFTER_SEQUENCE_NUMBER (\d{56})\.$/.exec(
      message,
    )?.[1]
    expect(parseKinesisSequenceNumber(number ?? '')).toMatchObject({ shardIndex: 3, sequenceNumber: 41 })
  })

  it('for want of a key is an error that no SDK tries again', async () => {
    for (const code of ['keyUnavailable', 'decryptionFailed', 'keyProviderFailed'] as const) {
      expect(await refusalOf(failing(code))).toMatchObject({
        code: 'KMSAccessDeniedException',
        message: 'It failed.',
      })
    }
  })

  it('for its limits, or because the shard is gone, is told in the words of the service', async () => {
    expect(await refusalOf(failing('provisionedThroughputExceeded'))).toMatchObject({
      code: 'ProvisionedThroughputExceededException',
      message: 'Rate exceeded for Shard - 000000000000/clicks/shardId-000000000003',
    })
    for (const code of ['streamNotFound', 'shardNotFound'] as const) {
      expect(await refusalOf(failing(code))).toMatchObject({
        code: 'ResourceNotFoundException',
        message: 'Shard shardId-000000000003 in stream clicks under account 000000000000 does not exist',
      })
    }
  })

  it('for another reason is what that is to all calls', async () => {
    expect(await refusalOf(failing('unavailable'))).toMatchObject({ code: 'ServiceUnavailableException' })
  })
})

describe('a read of a shard that is not answered', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('ends after eight seconds with an error that SDKs try again', async () => {
    const refusal = refusalOf(
      (_name, { signal }) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(new MillraceError('aborted', 'It was ended.'))),
        ),
    )
    await vi.advanceTimersByTimeAsync(8_000)
    expect(await refusal).toMatchObject({ code: 'ServiceUnavailableException' })
    expect(vi.getTimerCount()).toBe(0)
  })
})
