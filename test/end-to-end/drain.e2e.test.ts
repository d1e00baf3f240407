// A daemon that is asked to stop: every append that was sent before is answered, by an acknowledgement or by a refusal,
// and what the answers say is what the next start finds.
import { expect, test } from 'vitest'
import { errorCodeOf } from '../../protocol/index.ts'
import { TestDaemon } from '../support/daemon.ts'
import { describeRouting, readFully } from '../support/full-read.ts'
import { payloadOf } from '../support/history.ts'
import { batchOf, RawConnection } from '../support/raw-connection.ts'

const STREAM = 'clicks'
const APPENDS = 300
const RECORD_BYTES = 20_000
const CONNECTIONS = 4

test('answers every append that was under way when SIGTERM came, and keeps exactly what it acknowledged', async () => {
  await using daemon = await TestDaemon.start()
  const controller = await RawConnection.open(daemon.port)
  await controller.request('createStream', { name: STREAM, shardCount: 1, retentionMs: undefined })
  const { streamId, hosts } = await describeRouting(daemon.port, STREAM)
  const connections = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => RawConnection.open(hosts[0]!.port)),
  )

  const outcomes = new Map<string, string>()
  const appends = Array.from({ length: APPENDS }, async (_, index) => {
    const value = `v.${index}`
    const batch = batchOf([{ partitionKey: 'k', data: payloadOf(value, RECORD_BYTES) }])
    const connection = connections[index % CONNECTIONS]!
    try {
      const { results } = await connection.request('append', {
        batches: [{ streamId, shardIndex: 0, batch }],
      })
      const { code } = results[0]!
      outcomes.set(value, code === 0 ? 'acknowledged' : errorCodeOf(code))
    } catch (error) {
      outcomes.set(value, (error as { code: string }).code)
    }
  })
  // The first answers are there and most are not: now.
  await Promise.race(appends)
  await daemon.stop()
  await Promise.all(appends)

  const counts: Record<string, number> = {}
  for (const outcome of outcomes.values()) counts[outcome] = (counts[outcome] ?? 0) + 1
  expect(counts['acknowledged']).toBeGreaterThan(0)
  expect((counts['acknowledged'] ?? 0) + (counts['unavailable'] ?? 0), `${JSON.stringify(counts)}`).toBe(
    APPENDS,
  )

  await daemon.restart()
  const [shard] = await readFully(daemon.port, STREAM)
  const acknowledged = [...outcomes]
    .filter(([, outcome]) => outcome === 'acknowledged')
    .map(([value]) => value)
  expect(shard!.records.map(({ value }) => value).toSorted()).toEqual(acknowledged.toSorted())
})
