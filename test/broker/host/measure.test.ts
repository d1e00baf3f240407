// The metrics of a host: those that it counts as it serves, and those that it sets for a scrape. Times are in seconds.
import { expect, it } from 'vitest'
import { producerNumber } from '../../support/producers.ts'
import { FakeSession } from './support/fake-session.ts'
import { makeBatch, placedShard, startTestHost } from './support/test-host.ts'

it('metrics of a host: count appends and reads where they happen', async () => {
  const host = await startTestHost()
  const { counted } = host
  const session = new FakeSession()
  const first = makeBatch(['a', 'b'])
  await host.append(session, first, makeBatch(['c']))
  await host.appendTo(session, { shardIndex: 9, batch: makeBatch(['d']) })
  expect(counted.sum('millrace_appended_batches_total')).toBe(2)
  expect(counted.sum('millrace_appended_records_total')).toBe(3)
  expect(counted.sums('millrace_refused_batches_total')).toEqual({ shardNotFound: 1 })
  await host.fetchOne(session, 0, { bytesMax: first.length })
  expect(counted.sum('millrace_fetches_total')).toBe(1)
  expect(counted.sum('millrace_fetched_batches_total')).toBe(1)
  expect(counted.sum('millrace_fetched_bytes_total')).toBe(first.length)
  expect(counted.sums('millrace_tail_cache_reads_total')).toEqual({ hit: 1 })
  await host.subscribe(session)
  session.leave()
  expect(counted.sums('millrace_subscriptions_ended_total')).toEqual({ closed: 1 })
})

it('metrics of a host: count a batch that was stored before as a duplicate, not as appended', async () => {
  const host = await startTestHost()
  const session = new FakeSession()
  const { producerId } = producerNumber(5)
  const batch = makeBatch(['a'], { producerId })
  for (let i = 0; i < 3; i++) await host.append(session, Uint8Array.from(batch))
  expect(host.counted.sum('millrace_appended_batches_total')).toBe(1)
  expect(host.counted.sum('millrace_duplicate_batches_total')).toBe(2)
})

it('metrics of a host: gauges are set for each scrape, those of owners with the number of the owner', async () => {
  const shards = [placedShard(0), placedShard(1, { ownerId: 1 })]
  const owners = [0, 1].map((ownerId) => ({ ownerId, directory: `/nowhere/${ownerId}` }))
  const host = await startTestHost({ shards, settings: { owners } })
  const stats = { commits: 5, commitMs: 2_500, batches: 9, bytes: 900, segments: 2, producers: 3 }
  host.owners[0]!.onStats = () => stats
  host.owners[1]!.onStats = () => ({ ...stats, commits: 6 })
  await host.append(new FakeSession(), makeBatch(['a']))
  await host.engine.measure()
  const { counted } = host
  expect(counted.sum('millrace_shards')).toBe(2)
  expect(counted.sum('millrace_storage_full')).toBe(0)
  expect(counted.sums('millrace_cold_reads')).toEqual({ running: 0, waiting: 0 })
  expect(counted.sums('millrace_owner_commits_total')).toEqual({ '0': 5, '1': 6 })
  expect(counted.sums('millrace_owner_commit_seconds_total')).toEqual({ '0': 2.5, '1': 2.5 })
  expect(counted.sum('millrace_owner_batches_total', '0')).toBe(9)
  expect(counted.sum('millrace_owner_bytes_total', '0')).toBe(900)
  expect(counted.sum('millrace_owner_segments', '0')).toBe(2)
  expect(counted.sum('millrace_owner_producers', '0')).toBe(3)
  await host.dropStream(1)
  expect(await host.measured('millrace_shards')).toBeLessThan(2)
})
