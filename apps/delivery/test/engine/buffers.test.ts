// When what waits is written.
import { expect, it } from 'vitest'
import { definitionOf, Life, quiet, record, sayingPipeline, SmallShard } from '../support/small-shard.ts'

it('writes when the interval is over, also where the time of the day is set back meanwhile', async () => {
  const shard = new SmallShard(
    () => 0,
    () => false,
  )
  const definition = definitionOf({ prefix: 'o/', buffer: { bytes: 1000, intervalMs: 1000 } }, 1)
  const run = await shard.begin(new Life(Number.MAX_SAFE_INTEGER), definition, () => sayingPipeline(false))
  await run.take([record(1, 'p0')], 2)
  await quiet()
  expect(shard.objects.size).toBe(0)
  shard.clock.stepBack(3_600_000)
  shard.clock.advance(1000)
  await quiet()
  expect(shard.objects.size).toBe(1)
  run.stop(new Error('The test is over.'))
})
