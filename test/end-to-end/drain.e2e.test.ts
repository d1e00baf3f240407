// A broker that is asked to stop answers every append that was sent before, by an acknowledgement or a refusal, and the next
// start finds exactly the acknowledged records.
import { expect, test } from 'vitest'
import { errorCodeOf } from '../../protocol/index.ts'
import { TestDaemon } from '../support/daemon.ts'
import { describeRouting, readFully } from '../support/checker/full-read.ts'
import { payloadOf } from '../support/checker/history.ts'
import { until } from '../support/checker/progress.ts'
import { batchOf, RawConnection } from '../support/raw-connection.ts'
import { createRequest } from '../support/requests.ts'

const STREAM = 'clicks'
const RECORD_BYTES = 20_000
const CONNECTIONS = 4
const IN_FLIGHT = 30

test('the broker on SIGTERM: answers every append under way, and keeps exactly what it acknowledged', async () => {
  // A slow disk may take its time.
  await using daemon = await TestDaemon.start({ drainTimeout: '1m' })
  const controller = await RawConnection.open(daemon.port)
  await controller.request('createStream', createRequest(STREAM))
  const { streamId, hosts } = await describeRouting(daemon.port, STREAM)
  const outcomes = new Map<string, string>()

  /** Appends without a pause until the broker is asked to stop: what was sent before that must be answered. */
  let isStopping = false
  const appendOn = async (connection: RawConnection, name: string): Promise<void> => {
    for (let index = 0; !isStopping && !connection.socket.destroyed; index++) {
      const value = `${name}.${index}`
      const batch = batchOf([{ partitionKey: 'k', data: payloadOf(value, RECORD_BYTES) }])
      try {
        const { results } = await connection.request('append', {
          batches: [{ streamId, shardIndex: 0, batch, producerSecret: undefined }],
        })
        const { code } = results[0]!
        outcomes.set(value, code === 0 ? 'acknowledged' : errorCodeOf(code))
      } catch (error) {
        outcomes.set(value, (error as { code: string }).code)
      }
    }
  }
  const appending: Promise<void>[] = []
  for (let at = 0; at < CONNECTIONS; at++) {
    const connection = await RawConnection.open(hosts[0]!.port)
    for (let lane = 0; lane < IN_FLIGHT; lane++) appending.push(appendOn(connection, `${at}.${lane}`))
  }
  await until('appends are answered', () => outcomes.size >= 4 * IN_FLIGHT)
  isStopping = true
  await daemon.stop()
  await Promise.all(appending)

  const counts: Record<string, number> = {}
  for (const outcome of outcomes.values()) counts[outcome] = (counts[outcome] ?? 0) + 1
  expect(Object.keys(counts).filter((outcome) => !['acknowledged', 'unavailable'].includes(outcome))).toEqual(
    [],
  )

  await daemon.restart()
  const [shard] = await readFully(daemon.port, STREAM)
  const acknowledged = [...outcomes]
    .filter(([, outcome]) => outcome === 'acknowledged')
    .map(([value]) => value)
  expect(shard!.records.map(({ value }) => value).toSorted()).toEqual(acknowledged.toSorted())
})
