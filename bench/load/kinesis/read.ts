// Load: reads all shards of a stream side by side by GetRecords, again and again. Runs in a load process.
import { GetRecordsCommand, type GetRecordsCommandOutput } from '@aws-sdk/client-kinesis'
import { monotonicMs } from '../../harness/clock.ts'
import { BareCaller } from './bare.ts'
import { firstIterators, kinesisClient, type Caller } from './sdk.ts'

export interface KinesisReadSettings {
  readonly endpoint: string
  readonly by: Caller
  readonly stream: string
  /** Number of records in the stream; reading fewer is a failure. */
  readonly records: number
  /** Passes are repeated for so long; at least one is made. */
  readonly seconds: number
}

type GetRecordsAnswer = Pick<GetRecordsCommandOutput, 'Records' | 'MillisBehindLatest' | 'NextShardIterator'>

export async function runKinesisRead(
  settings: KinesisReadSettings,
): Promise<{ readonly recordsPerSecond: number }> {
  const { endpoint, by } = settings
  const client = kinesisClient({ endpoint, http: by === 'bare' ? 'http/1.1' : by })
  const bare = by === 'bare' ? new BareCaller(endpoint) : undefined
  const getRecords = async (input: { readonly ShardIterator: string }): Promise<GetRecordsAnswer> =>
    bare === undefined
      ? client.send(new GetRecordsCommand(input))
      : (JSON.parse((await bare.call('GetRecords', input)).toString()) as GetRecordsAnswer)
  const startedAt = monotonicMs()
  let read = 0
  let passes = 0
  do {
    const iterators = await firstIterators(client, settings.stream)
    const counts = await Promise.all(
      iterators.map(async (first) => {
        let count = 0
        for (let iterator: string | undefined = first; iterator !== undefined;) {
          const answer: GetRecordsAnswer = await getRecords({ ShardIterator: iterator })
          count += answer.Records!.length
          iterator = answer.MillisBehindLatest === 0 ? undefined : answer.NextShardIterator
        }
        return count
      }),
    )
    const pass = counts.reduce((sum, count) => sum + count, 0)
    if (pass !== settings.records) throw new Error(`${pass} of ${settings.records} were read`)
    read += pass
    passes++
  } while (monotonicMs() - startedAt < settings.seconds * 1000)
  client.destroy()
  bare?.close()
  return { recordsPerSecond: (1000 * read) / (monotonicMs() - startedAt) }
}
