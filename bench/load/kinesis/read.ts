// Load: reads all shards of a stream side by side by GetRecords, again and again. Runs in a load process.
import { GetRecordsCommand, type GetRecordsCommandOutput } from '@aws-sdk/client-kinesis'
import { monotonicMs } from '../../harness/clock.ts'
import { firstIterators, kinesisClient, type KinesisTarget } from './sdk.ts'

export interface KinesisReadSettings extends KinesisTarget {
  readonly stream: string
  /** Number of records in the stream; reading fewer is a failure. */
  readonly records: number
  /** Passes are repeated for so long; at least one is made. */
  readonly seconds: number
}

export async function runKinesisRead(
  settings: KinesisReadSettings,
): Promise<{ readonly recordsPerSecond: number }> {
  const client = kinesisClient(settings)
  const startedAt = monotonicMs()
  let read = 0
  let passes = 0
  do {
    const iterators = await firstIterators(client, settings.stream)
    const counts = await Promise.all(
      iterators.map(async (first) => {
        let count = 0
        for (let iterator: string | undefined = first; iterator !== undefined;) {
          const answer: GetRecordsCommandOutput = await client.send(
            new GetRecordsCommand({ ShardIterator: iterator }),
          )
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
  return { recordsPerSecond: (1000 * read) / (monotonicMs() - startedAt) }
}
