// Checkpoints on their way: what is wanted together travels together.
import { expect, it } from 'vitest'
import { LeasedShard } from '../../../../client/groups/processing/leased-shard.ts'
import { CheckpointSaver } from '../../../../client/groups/processing/saver.ts'
import { resolveSettings } from '../../../../client/settings.ts'

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
