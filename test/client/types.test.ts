// Types are part of the product: records have the types of their codec, and wrong records do not compile.
import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import {
  aggregate,
  aggregated,
  json,
  msgpack,
  text,
  type Acknowledgement,
  type AggregatedRecord,
  type Client,
  type DocumentChange,
  type MergeResult,
  type MillraceError,
  type NamedDocument,
  type Producer,
  type PutResult,
  type Reading,
  type ScalingReport,
  type Shard,
  type ShardLoad,
  type SplitResult,
  type Stream,
  type StreamRecord,
  type UserRecord,
} from '../../client/index.ts'

interface Click {
  readonly user: string
  readonly page: number
}
const schema = z.object({ user: z.string(), at: z.coerce.date() })

// Never called: only its types matter.
async function uses(client: Client) {
  const plain = await client.producer('clicks')
  const typed = await client.producer('clicks', { codec: json<Click>() })
  const validated = await client.producer('clicks', { codec: { schema } })
  return { plain, typed, validated }
}

describe('types', () => {
  it('a producer takes the input type of its codec', () => {
    type Producers = Awaited<ReturnType<typeof uses>>
    expectTypeOf<Producers['plain']>().toEqualTypeOf<Producer<Uint8Array | string>>()
    expectTypeOf<Producers['typed']>().toEqualTypeOf<Producer<Click>>()
    expectTypeOf<Parameters<Producers['typed']['send']>[0]['data']>().toEqualTypeOf<Click>()
    expectTypeOf<Parameters<Producers['validated']['push']>[0]['data']>().toEqualTypeOf<
      z.input<typeof schema>
    >()
    expectTypeOf<ReturnType<Producers['typed']['send']>>().resolves.toEqualTypeOf<Acknowledgement>()
  })

  it('a reading gives the output type of its codec', () => {
    const readings = (client: Client) => ({
      bytes: client.read('clicks'),
      json: client.read('clicks', { codec: json<Click>() }),
      msgpack: client.subscribe('clicks', { codec: msgpack<Click>(), from: { atTimestamp: new Date() } }),
      text: client.subscribe('clicks', { codec: text }),
      schema: client.read('clicks', { codec: { schema }, follow: true }),
    })
    type Readings = ReturnType<typeof readings>
    expectTypeOf<Readings['bytes']>().toEqualTypeOf<Reading<Uint8Array>>()
    expectTypeOf<Readings['json']>().toEqualTypeOf<Reading<Click>>()
    expectTypeOf<Readings['msgpack']>().toEqualTypeOf<Reading<Click>>()
    expectTypeOf<Readings['text']>().toEqualTypeOf<Reading<string>>()
    expectTypeOf<Readings['schema']>().toEqualTypeOf<Reading<z.output<typeof schema>>>()
    const loop = async (reading: Readings['json']) => {
      for await (const record of reading) {
        expectTypeOf(record).toEqualTypeOf<StreamRecord<Click>>()
        expectTypeOf(record.arrivalTime).toEqualTypeOf<Date>()
      }
      for await (const records of reading.batches())
        expectTypeOf(records).toEqualTypeOf<StreamRecord<Click>[]>()
    }
    expectTypeOf(loop).returns.resolves.toBeVoid()
  })

  it('aggregated records have the types of the codec inside, and can be put as they are', () => {
    const readings = (client: Client) => ({
      bytes: client.read('clicks', { codec: aggregated() }),
      json: client.read('clicks', { codec: aggregated(json<Click>()) }),
      schema: client.read('clicks', { codec: aggregated({ schema }) }),
    })
    type Readings = ReturnType<typeof readings>
    expectTypeOf<Readings['bytes']>().toEqualTypeOf<Reading<UserRecord[]>>()
    expectTypeOf<Readings['json']>().toEqualTypeOf<Reading<UserRecord<Click>[]>>()
    expectTypeOf<Readings['schema']>().toEqualTypeOf<Reading<UserRecord<z.output<typeof schema>>[]>>()
    const puts = (client: Client, packed: AggregatedRecord, read: StreamRecord[]) => {
      void client.put('clicks', packed)
      void client.putMany('clicks', aggregate(read))
      // @ts-expect-error the codec takes clicks
      aggregate([{ partitionKey: 'ada', data: 'text' }], { codec: json<Click>() })
      return client.producer('clicks', { codec: aggregated(json<Click>()) })
    }
    expectTypeOf(puts).returns.resolves.toExtend<object>()
  })

  it('put and putMany take the input type of their codec, and putMany returns a result for each record', () => {
    const puts = (client: Client) => {
      void client.put('clicks', { partitionKey: 'ada', data: 'text' })
      void client.put(
        'clicks',
        { partitionKey: 'ada', data: { user: 'ada', page: 1 } },
        { codec: json<Click>() },
      )
      // @ts-expect-error an object is no payload without a codec
      void client.put('clicks', { partitionKey: 'ada', data: { user: 'ada' } })
      // @ts-expect-error a record has a partition key
      void client.put('clicks', { data: 'text' })
      // @ts-expect-error the codec takes clicks
      void client.put('clicks', { partitionKey: 'ada', data: 7 }, { codec: json<Click>() })
      return client.putMany('clicks', [{ partitionKey: 'ada', data: 'text' }])
    }
    expectTypeOf(puts).returns.resolves.toEqualTypeOf<PutResult[]>()
    const told = (result: PutResult) => (result.ok ? result.acknowledgement : result.error)
    expectTypeOf(told).returns.toEqualTypeOf<Acknowledgement | MillraceError>()
  })

  it('options to create, split and scale streams are checked in their combinations', () => {
    const uses = async (client: Client) => {
      await client.createStream('clicks', { mode: 'on-demand', scaling: { shardsMax: 64 } })
      await client.createStream('clicks', {
        shards: 4,
        shardLimits: 'kinesis',
        signal: new AbortController().signal,
      })
      await client.updateStream('clicks', { shardLimits: { readsPerSecond: 5 }, retentionBytes: 0 })
      // @ts-expect-error there is no such preset
      void client.updateStream('clicks', { shardLimits: 'lambda' })
      // @ts-expect-error the number of shards is not a setting: see updateShardCount
      void client.updateStream('clicks', { shards: 4 })
      await client.splitShard('clicks', '0', { at: '170141183460469231731687303715884105728' })
      await client.splitShard('clicks', '0', { isolate: { partitionKey: 'ada' } })
      // @ts-expect-error a key is isolated by its name or by its hash key, and says which
      void client.splitShard('clicks', '0', { isolate: 'ada' })
      const merged = await client.mergeShards('clicks', '0', '1')
      return { merged, scaled: await client.updateShardCount('clicks', 8, { onProgress: () => {} }) }
    }
    expectTypeOf<Awaited<ReturnType<typeof uses>>>().toEqualTypeOf<{ merged: MergeResult; scaled: Stream }>()
    expectTypeOf<Client['splitShard']>().returns.resolves.toEqualTypeOf<SplitResult>()
    expectTypeOf<Client['explainScaling']>().returns.resolves.toEqualTypeOf<ScalingReport>()
    expectTypeOf<Shard['load']>().toEqualTypeOf<ShardLoad | undefined>()
    expectTypeOf<Reading<Uint8Array>['children']>().toEqualTypeOf<readonly string[]>()
  })

  it('documents have the type of their kind', () => {
    const uses = async (client: Client) => {
      const clicks = client.documents<Click>('clicks')
      await clicks.put('last', { user: 'ada', page: 1 }, { expectedVersion: 0 })
      // @ts-expect-error it takes clicks
      void clicks.put('last', { user: 'ada' })
      await clicks.update('last', (click) => ({ user: click?.user ?? 'ada', page: 2 }))
      const notes = client.documents('notes', { codec: text })
      // @ts-expect-error the codec takes text
      void notes.put('last', 7)
      return { click: await clicks.get('last'), note: await notes.get('last'), watch: clicks.watch() }
    }
    type Uses = Awaited<ReturnType<typeof uses>>
    expectTypeOf<Uses['click']>().toEqualTypeOf<NamedDocument<Click> | undefined>()
    expectTypeOf<Uses['note']>().toEqualTypeOf<NamedDocument<string> | undefined>()
    expectTypeOf<Uses['watch']>().toEqualTypeOf<AsyncIterable<DocumentChange<Click>>>()
  })
})
