// The Kinesis Producer Library with aggregation, over TLS as it insists, read back by others.
import { CreateStreamCommand, SplitShardCommand, type KinesisClient } from '@aws-sdk/client-kinesis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificates } from '../clients/support/certificates.ts'
import { deaggregate } from '../clients/support/aggregates.ts'
import { freshName, TestEndpoint } from '../clients/support/endpoint.ts'
import { readShard, shardsOf } from '../clients/support/sdk.ts'
import { buildJava, hasTool, Program, workingCopy } from './program.ts'

const COUNT = 20_000
const KEYS = 100
const hasJava = hasTool('java', '-version') && hasTool('mvn', '-v')

let endpoint: TestEndpoint
let client: KinesisClient
let classPath: string
let copy: Awaited<ReturnType<typeof workingCopy>>

beforeAll(async () => {
  if (!hasJava) return
  copy = await workingCopy('java')
  classPath = await buildJava(copy.path)
  const { cert, key } = await makeCertificates()
  endpoint = await TestEndpoint.start({ tls: { cert, key } })
  client = endpoint.client()
})
afterAll(async () => {
  await copy?.remove()
  await endpoint?.[Symbol.asyncDispose]()
})

describe.skipIf(!hasJava)('KPL (skipped without java and mvn)', () => {
  it('aggregates records over TLS through a split: each is where it said, and none is missing', async () => {
    const stream = freshName('kpl')
    await client.send(new CreateStreamCommand({ StreamName: stream, ShardCount: 2 }))
    const settings = { stream, port: endpoint.port, count: COUNT, keys: KEYS }
    await using producer = Program.java(classPath, 'nightly.Producer', settings)
    const stored = async () => {
      const shards = await shardsOf(client, stream)
      return Promise.all(shards.map(async (shard) => await readShard(client, stream, shard.ShardId!)))
    }
    await expect
      .poll(async () => producer.hasEnded || (await stored()).flat().length > 0, { interval: 20 })
      .toBe(true)
    await client.send(
      new SplitShardCommand({
        StreamName: stream,
        ShardToSplit: 'shardId-000000000000',
        NewStartingHashKey: String(1n << 126n),
      }),
    )
    expect({ code: await producer.finished(), log: producer.log() }).toMatchObject({ code: 0 })
    const puts = producer.lines.filter(([kind]) => kind === 'PUT')
    expect(puts).toHaveLength(COUNT)

    const places = new Map<string, Set<string>>()
    let outer = 0
    for (const [at, records] of (await stored()).entries()) {
      outer += records.length
      for (const record of records) {
        for (const { partitionKey, text } of await deaggregate(record)) {
          const [key, number] = text.split(':') as [string, string]
          expect(partitionKey).toBe(key)
          const place = `shardId-${String(at).padStart(12, '0')}/${record.SequenceNumber}`
          places.set(number, (places.get(number) ?? new Set()).add(place))
        }
      }
    }
    expect(places.size).toBe(COUNT)
    expect(outer).toBeLessThan(COUNT)
    for (const [, number, shard, sequenceNumber] of puts) {
      expect(places.get(number!)).toContain(`${shard}/${sequenceNumber}`)
    }
  })
})
