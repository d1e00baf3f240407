// Checkpoints on their way: what is wanted together travels together, and none goes behind a newer one.
import { describe, expect, it, vi } from 'vitest'
import type { MillraceError } from '../../../../client/index.ts'
import { LeasedShard } from '../../../../client/groups/processing/leased-shard.ts'
import { CheckpointSaver } from '../../../../client/groups/processing/saver.ts'
import { resolveSettings } from '../../../../client/settings.ts'
import { deferred, type Deferred } from '../../../../client/waiting.ts'
import { errorCodes } from '../../../../protocol/error-codes.ts'
import { turns } from '../../support/drive.ts'

function leased(shardIndex: number): LeasedShard {
  return new LeasedShard({
    streamId: 1,
    streamName: 's',
    shardIndex,
    epoch: 1,
    next: undefined,
    from: { type: 'TRIM_HORIZON', sequenceNumber: undefined, timestamp: undefined },
    isRevoked: false,
  })
}

it('handlers that wait for one checkpoint after the other, each in a shard of its own, share every request', async () => {
  const requests: number[][] = []
  const saver = new CheckpointSaver({
    save: (checkpoints) => {
      requests.push(checkpoints.map(({ next }) => next))
      return Promise.resolve(checkpoints.map(() => ({ code: 0, message: undefined })))
    },
    onRefused: () => {},
    settings: resolveSettings({}),
    signal: new AbortController().signal,
  })
  const handle = async (shard: LeasedShard): Promise<void> => {
    for (const next of [1, 2, 3]) await saver.save(shard, next)
  }
  await Promise.all([0, 1, 2].map((shardIndex) => handle(leased(shardIndex))))
  expect(requests).toEqual([
    [1, 1, 1],
    [2, 2, 2],
    [3, 3, 3],
  ])
})

function saverWith() {
  const requests: { next: number; answer: Deferred<{ code: number; message: string | undefined }> }[] = []
  const refused: MillraceError[] = []
  const saver = new CheckpointSaver({
    save: async ([checkpoint]) => {
      const answer = deferred<{ code: number; message: string | undefined }>()
      requests.push({ next: checkpoint!.next, answer })
      return [await answer.promise]
    },
    onRefused: (_, error) => refused.push(error),
    settings: { retry: { backoffMinMs: 1, backoffMaxMs: 1, giveUpAfterMs: Infinity }, random: () => 0 },
    signal: new AbortController().signal,
  })
  return { saver, requests, refused, shard: leased(0) }
}

const ok = { code: 0, message: undefined }

describe('the saver of checkpoints', () => {
  it('does not send one behind a newer one that is under way, and fulfils it with that', async () => {
    const { saver, requests, refused, shard } = saverWith()
    const newer = saver.save(shard, 10)
    await turns(1)
    expect(requests.map(({ next }) => next)).toEqual([10])
    let isOlderStored = false
    const older = saver.save(shard, 5).then(() => (isOlderStored = true))
    saver.note(shard, 7)
    await turns(2)
    expect(isOlderStored).toBe(false)
    requests[0]!.answer.resolve(ok)
    await Promise.all([newer, older])
    await turns(2)
    expect([requests.length, refused]).toEqual([1, []])
  })

  it('keeps those that wait, where the newer one has to be sent again', async () => {
    const { saver, requests, shard } = saverWith()
    const newer = saver.save(shard, 10)
    await turns(1)
    const older = saver.save(shard, 5)
    requests[0]!.answer.resolve({ code: errorCodes.unavailable.id, message: undefined })
    await vi.waitFor(() => expect(requests).toHaveLength(2))
    expect(requests[1]!.next).toBe(10)
    requests[1]!.answer.resolve(ok)
    await Promise.all([newer, older])
    expect(shard.stored).toBe(10)
  })
})
