// The Kinesis Client Library 3 with two workers, through a split, a merge and the kill of a worker: by polling and by
// fan-out. Its leases and its metrics go to the same port.
import {
  CreateStreamCommand,
  MergeShardsCommand,
  SplitShardCommand,
  type KinesisClient,
} from '@aws-sdk/client-kinesis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freshName, TestEndpoint } from '../clients/support/endpoint.ts'
import { putTexts, shardsOf } from '../clients/support/sdk.ts'
import { buildJava, hasTool, Program, workingCopy } from './program.ts'

const KEYS = Array.from({ length: 24 }, (_, at) => `key-${at}`)
const ROUNDS = 40
const hasJava = hasTool('java', '-version') && hasTool('mvn', '-v')

let endpoint: TestEndpoint
let client: KinesisClient
let classPath: string
let copy: Awaited<ReturnType<typeof workingCopy>>

beforeAll(async () => {
  if (!hasJava) return
  copy = await workingCopy('java')
  classPath = await buildJava(copy.path)
  endpoint = await TestEndpoint.start()
  client = endpoint.client()
})
afterAll(async () => {
  await copy?.remove()
  await endpoint?.[Symbol.asyncDispose]()
})

/** Records as the workers printed them: a worker, a shard, a sequence number, a text. */
interface Seen {
  readonly shard: string
  readonly sequenceNumber: string
  readonly text: string
}

const recordsOf = (worker: Program): Seen[] =>
  worker.lines
    .filter(([kind]) => kind === 'RECORD')
    .map((words) => ({ shard: words[1]!, sequenceNumber: words[2]!, text: words[5]! }))

const textsOf = (workers: readonly Program[]): Set<string> =>
  new Set(workers.flatMap((worker) => recordsOf(worker).map((seen) => seen.text)))

/** One round is one record of every key, numbered, in one request. */
async function putRounds(stream: string, from: number, to: number): Promise<string[]> {
  const all: string[] = []
  for (let round = from; round < to; round += 1) {
    const texts = KEYS.map((key) => `${key}:${round}`)
    const answer = await putTexts(client, stream, texts)
    expect(answer.FailedRecordCount).toBe(0)
    all.push(...texts)
  }
  return all
}

/** In what one worker saw of a key, a number that is new to it comes after all smaller ones. */
function expectOrder(worker: Program): void {
  const next = new Map<string, number>()
  const known = new Set<string>()
  for (const { text } of recordsOf(worker)) {
    if (known.has(text)) continue
    known.add(text)
    const [key, number] = text.split(':') as [string, string]
    expect(Number(number), `${text} comes after ${next.get(key)}`).toBeGreaterThan(next.get(key) ?? -1)
    next.set(key, Number(number))
  }
}

const openShards = async (stream: string) =>
  (await shardsOf(client, stream)).filter(
    (shard) => shard.SequenceNumberRange!.EndingSequenceNumber === undefined,
  )

describe.skipIf(!hasJava).each(['polling', 'fan-out'])(
  'KCL 3 by %s (skipped without java and mvn)',
  (retrieval) => {
    it('two workers process every record, parents first, through a split, a merge and a kill', async () => {
      const stream = freshName('kcl')
      await client.send(new CreateStreamCommand({ StreamName: stream, ShardCount: 2 }))
      const start = (worker: string) =>
        Program.java(classPath, 'nightly.Worker', {
          stream,
          worker,
          retrieval,
          application: `${stream}-${retrieval}`,
          endpoint: endpoint.url,
          leases: process.env['NIGHTLY_LEASES'] ?? endpoint.url,
          metrics: process.env['NIGHTLY_LEASES'] ?? endpoint.url,
        })
      const expected = await putRounds(stream, 0, ROUNDS)
      await using first = start('one')
      await expect.poll(() => textsOf([first]).size, { message: first.log() }).toBe(expected.length)
      await using second = start('two')
      expected.push(...(await putRounds(stream, ROUNDS, 2 * ROUNDS)))
      await expect.poll(() => second.has('BEGIN'), { message: 'the second worker got a lease' }).toBe(true)

      const middle = String(1n << 126n)
      const parent = 'shardId-000000000000'
      await client.send(
        new SplitShardCommand({ StreamName: stream, ShardToSplit: parent, NewStartingHashKey: middle }),
      )
      expected.push(...(await putRounds(stream, 2 * ROUNDS, 3 * ROUNDS)))
      await expect.poll(() => textsOf([first, second]).size).toBe(expected.length)
      expect(first.has('END', parent) || second.has('END', parent)).toBe(true)

      await first.kill()
      const [lower, upper] = (await openShards(stream)).filter((shard) => shard.ParentShardId === parent)
      await client.send(
        new MergeShardsCommand({
          StreamName: stream,
          ShardToMerge: lower!.ShardId!,
          AdjacentShardToMerge: upper!.ShardId!,
        }),
      )
      expected.push(...(await putRounds(stream, 3 * ROUNDS, 4 * ROUNDS)))
      await expect.poll(() => textsOf([first, second]).size, { message: second.log() }).toBe(expected.length)
      expect(textsOf([first, second])).toEqual(new Set(expected))
      for (const worker of [first, second]) expectOrder(worker)
      expect(await second.finished()).toBe(0)
      expect(second.has('STOPPED')).toBe(true)
    })
  },
)
