// `millrace check` says which shards are stamped ahead of the clock, and by how much, and calls nothing damaged for it.
import { connect } from 'millrace'
import { createBroker } from 'millrace/broker'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/disk/temporary.ts'
import { command } from './command.ts'

const DAY = 86_400_000

test('check: names the shards that are stamped ahead, by how much, and finds the directory sound', async () => {
  await using directory = await temporaryDirectory()
  const dataDir = directory.path
  {
    await using broker = await createBroker({ dataDir, clock: () => Date.now() + 400 * DAY })
    await using client = await connect(broker.url)
    await client.createStream('s', { shards: 2 })
    await client.put('s', { partitionKey: 'k', data: 'x' })
  }
  const url = 'millrace://127.0.0.1:1'
  const said = await command(['check', '--data-dir', dataDir], { url })
  expect(said.code).toBe(0)
  expect(said.stdout.toString()).toMatch(
    /AHEAD {2}stream 1, shardId-\d+: It is stamped until \d{4}-.*Z, \d+\w+ ahead/,
  )
  const report = await command(['check', '--data-dir', dataDir, '--json'], { url })
  const { ok, stampedAhead } = JSON.parse(report.stdout.toString())
  expect([ok, stampedAhead.length]).toEqual([true, 1])
  expect(Math.round(stampedAhead[0].aheadMs / DAY)).toBe(400)
})
