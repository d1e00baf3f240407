// One stream for AWS clients and native ones: what either puts, the other reads, alone and in a group.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bytesOf, textOf, World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await World.open()
})
afterAll(() => world[Symbol.asyncDispose]())

/** All records of all shards by the API, as 'key=text', in no order. */
async function readByApi(stream: string, shards: number): Promise<string[]> {
  const texts: string[] = []
  for (let shard = 0; shard < shards; shard++) {
    let iterator: string | undefined = await world.iterator(stream, shard)
    for (let isBehind = true; isBehind && iterator !== undefined;) {
      const page: Awaited<ReturnType<typeof world.do<'GetRecords'>>> = await world.do('GetRecords', {
        ShardIterator: iterator,
        Limit: 7,
      })
      texts.push(...page.Records.map(({ Data, PartitionKey }) => `${PartitionKey}=${textOf(Data)}`))
      iterator = page.NextShardIterator
      isBehind = page.MillisBehindLatest! > 0
    }
  }
  return texts.toSorted()
}

describe('a stream of both worlds', () => {
  it('gives the same records to AWS readers, native readers and a group, and each key keeps its order', async () => {
    await world.stream('both', { shards: 3 })
    const expected: string[] = []
    for (let round = 0; round < 10; round++) {
      const keys = Array.from({ length: 6 }, (_, i) => `ключ ${i}`)
      const Records = keys.map((key) => ({ PartitionKey: key, Data: bytesOf(`aws ${round}`) }))
      await world.do('PutRecords', { StreamName: 'both', Records })
      const headers = { round: String(round) }
      await Promise.all(
        keys.map((partitionKey) =>
          world.client.put('both', { partitionKey, data: `native ${round}`, headers }),
        ),
      )
      for (const key of keys) expected.push(`${key}=aws ${round}`, `${key}=native ${round}`)
    }
    expect(await readByApi('both', 3)).toEqual(expected.toSorted())

    const byKey = new Map<string, string[]>()
    const native: string[] = []
    for await (const { partitionKey, bytes, headers } of world.client.read('both')) {
      const text = textOf(bytes)
      native.push(`${partitionKey}=${text}`)
      byKey.set(partitionKey, [...(byKey.get(partitionKey) ?? []), text])
      const round = text.startsWith('native') ? text.slice('native '.length) : undefined
      expect(headers['round'] === undefined ? undefined : textOf(headers['round'])).toBe(round)
    }
    expect(native.toSorted()).toEqual(expected.toSorted())
    const inOrder = Array.from({ length: 10 }, (_, round) => [`aws ${round}`, `native ${round}`]).flat()
    expect([...byKey.values()]).toEqual(Array.from({ length: 6 }, () => inOrder))

    const group = world.client.group({ name: 'both', stream: 'both', from: 'TRIM_HORIZON' })
    const processed: string[] = []
    const running = group.run(async (records) => {
      for (const { partitionKey, bytes } of records) processed.push(`${partitionKey}=${textOf(bytes)}`)
      if (processed.length >= expected.length) void group.stop()
      await Promise.resolve()
    })
    await running
    expect(processed.toSorted()).toEqual(expected.toSorted())
  })

  it('carries an aggregated record of the Kinesis Producer Library through as the bytes that it is', async () => {
    await world.stream('kpl')
    const Data = Uint8Array.from([
      0xf3,
      0x89,
      0x9a,
      0xc2,
      ...Array.from({ length: 64 }, (_, i) => (i * 7) % 256),
    ])
    await world.do('PutRecord', { StreamName: 'kpl', PartitionKey: 'a', Data })
    const { Records } = await world.do('GetRecords', { ShardIterator: await world.iterator('kpl', 0) })
    expect(Records.map((record) => [...record.Data])).toEqual([[...Data]])
  })
})
