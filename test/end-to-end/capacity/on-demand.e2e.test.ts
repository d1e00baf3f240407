// On-demand streams from end to end: a load over the target leads to splits, and silence to merges, by the rules and not
// before; the broker does what explainScaling said; producers and followers notice nothing. Hours pass in seconds.
import { describe, expect, onTestFinished, test } from 'vitest'
import { checkDataDirectory } from '../../../broker/storage/integrity.ts'
import { type Client, connect, type Producer, type StreamSettings } from '../../../client/index.ts'
import { parseShardId } from '../../../protocol/shards/shard-id.ts'
import { runClientFollower, runClientSubscriber } from '../../crash/support/client-readers.ts'
import { check, describeViolations } from '../../support/checker/checker.ts'
import { readFully, seeEpoch, shardNameOf } from '../../support/checker/full-read.ts'
import { History, payloadOf } from '../../support/checker/history.ts'
import { until } from '../../support/checker/progress.ts'
import { randomOf } from '../../support/random.ts'
import { temporaryDirectory } from '../../support/disk/temporary.ts'
import { ScaledBroker } from './scaled-broker.ts'

const STREAM = 'clicks'
const SECOND = 1000
const MINUTE = 60 * SECOND
/** Time between two looks at the loads. */
const LOOK = 2 * SECOND
const RECORD_BYTES = 1000
const scaling = { shardsMin: 1, shardsMax: 8, targetBytesPerSecond: 10_000, targetRecordsPerSecond: 10_000 }

/** Partition keys that a load is spread over. */
const manyKeys = Array.from({ length: 200 }, (_, index) => `key-${index}`)

class Scene {
  readonly history = new History()
  readonly broker: ScaledBroker
  readonly client: Client
  readonly producer: Producer
  readonly #dataDir: string
  readonly #readers: Promise<void>[]
  readonly #stop = new AbortController()
  #sent = 0

  private constructor(parts: { broker: ScaledBroker; client: Client; producer: Producer; dataDir: string }) {
    this.broker = parts.broker
    this.client = parts.client
    this.producer = parts.producer
    this.#dataDir = parts.dataDir
    const { client, history } = this
    const load = { client, stream: STREAM, history, random: randomOf(1), stopped: this.#stop.signal }
    this.#readers = [
      runClientFollower({ ...load, name: 'follower' }, true),
      runClientSubscriber({ ...load, name: 'subscriber' }, true),
    ]
  }

  static async open(settings: StreamSettings & { readonly shards?: number }): Promise<Scene> {
    const directory = await temporaryDirectory()
    const broker = await ScaledBroker.start(directory.path)
    const client = await connect(broker.url)
    onTestFinished(async () => {
      await client.close()
      await broker[Symbol.asyncDispose]()
      await directory[Symbol.asyncDispose]()
    })
    await client.createStream(STREAM, { scaling, ...settings })
    const producer = await client.producer(STREAM)
    return new Scene({ broker, client, producer, dataDir: directory.path })
  }

  /** So much time, in which so many bytes a second are appended, over these keys. */
  async pass(ms: number, bytesPerSecond = 0, keys = manyKeys): Promise<void> {
    for (let left = ms; left > 0; left -= LOOK) {
      const records = Math.round((bytesPerSecond * LOOK) / SECOND / RECORD_BYTES)
      await this.append(records, keys)
      await this.broker.time.advance(LOOK)
      await until('the change that was decided on is done', async () => {
        const { status } = await this.client.describeStream(STREAM)
        return status === 'ACTIVE'
      })
    }
  }

  async append(count: number, keys = manyKeys): Promise<void> {
    const sending = Array.from({ length: count }, async () => {
      const value = `v.${this.#sent++}`
      const partitionKey = keys[this.#sent % keys.length]!
      const call = this.history.invoke({
        producer: 'p',
        idempotent: true,
        records: [{ value, partitionKey }],
      })
      const data = payloadOf(value, RECORD_BYTES - partitionKey.length)
      const { shardId, sequenceNumber } = await this.producer.send({ partitionKey, data })
      call.ok(shardNameOf(STREAM, parseShardId(shardId)), [sequenceNumber])
    })
    await Promise.all(sending)
  }

  async openShards(): Promise<number> {
    return (await this.client.describeStream(STREAM)).openShardCount
  }

  /** The decisions of explainScaling: `split 0`, `merge 1 2`, `hotKey 0`; empty if it decides to do nothing. */
  async explained(): Promise<string[]> {
    const { decisions } = await this.client.explainScaling(STREAM)
    return decisions.flatMap(({ action, shardIds }) =>
      action === 'none' ? [] : [`${action} ${shardIds.map(parseShardId).join(' ')}`],
    )
  }

  /** The splits and merges made since the shard of this index, in the words of `explained`. */
  async done(above: number): Promise<Set<string>> {
    const done = new Set<string>()
    for await (const { shardId, parentShardIds } of this.client.listShards(STREAM)) {
      if (parseShardId(shardId) <= above) continue
      const parents = parentShardIds.map(parseShardId)
      done.add(`${parents.length === 1 ? 'split' : 'merge'} ${parents.join(' ')}`)
    }
    return done
  }

  async newestShard(): Promise<number> {
    let newest = 0
    for await (const { shardId } of this.client.listShards(STREAM)) newest = parseShardId(shardId)
    return newest
  }

  /** Expects that every reader got all appended records once, in the order of their keys. */
  async expectUnnoticed(): Promise<void> {
    const { history, broker } = this
    const records = history.acknowledgedCalls
    await until('all readers got everything', () =>
      history.streamReads.every(({ deliveries }) => deliveries.length >= records),
    )
    this.#stop.abort()
    await Promise.all(this.#readers)
    await seeEpoch(broker.port, STREAM, history)
    for (const final of await readFully(broker.port, STREAM)) history.addFinal(final)
    expect(describeViolations(check(history))).toBe('')
    expect(history.count()).toMatchObject({ pending: 0, refused: 0, unknown: 0 })
    await this.client.close()
    await broker[Symbol.asyncDispose]()
    expect((await checkDataDirectory(this.#dataDir)).problems).toEqual([])
  }
}

describe('an on-demand stream', () => {
  test('is split under a load over its target, and merged back to its fewest shards when it is quiet', async () => {
    const scene = await Scene.open({ mode: 'on-demand', shards: 1 })
    // No longer a new stream, which would be judged by less than 2 min.
    await scene.pass(2 * MINUTE, 1_000)
    // A peak: three times the target over 10 s, and less than it over 2 min.
    await scene.pass(30 * SECOND, 30_000)
    await scene.pass(90 * SECOND, 1_000)
    expect(await scene.openShards()).toBe(1)
    await scene.pass(3 * MINUTE, 30_000)
    const busy = await scene.openShards()
    expect(busy).toBeGreaterThanOrEqual(4)
    // A steady load leads to no further change.
    await scene.pass(2 * MINUTE, 30_000)
    expect(await scene.openShards()).toBeLessThanOrEqual(busy + 1)
    const most = await scene.openShards()
    // Over 10 min two neighbours still took more than 40 % of the target.
    await scene.pass(5 * MINUTE)
    expect(await scene.openShards()).toBe(most)
    await scene.append(40)
    let rounds = 0
    for (; (await scene.openShards()) > 1; rounds++) {
      const before = await scene.openShards()
      await scene.pass(11 * MINUTE)
      expect(await scene.openShards()).toBeLessThan(before)
      await scene.append(40)
    }
    expect(rounds).toBeGreaterThanOrEqual(2)
    await scene.pass(15 * MINUTE)
    expect(await scene.openShards()).toBe(1)
    await scene.expectUnnoticed()
  })

  test('does what explainScaling said of it while it was provisioned, and nothing before: both ways', async () => {
    const scene = await Scene.open({ mode: 'provisioned', shards: 2 })
    await scene.pass(2 * MINUTE, 50_000)
    const splits = await scene.explained()
    expect(splits.toSorted()).toEqual(['split 0', 'split 1'])
    expect(await scene.openShards()).toBe(2)
    await scene.client.updateStream(STREAM, { mode: 'on-demand' })
    await scene.pass(LOOK, 50_000)
    await until('both are split', async () => (await scene.openShards()) === 4)
    expect(await scene.done(1)).toEqual(new Set(splits))
    await scene.client.updateStream(STREAM, { mode: 'provisioned' })
    const newest = await scene.newestShard()
    await scene.pass(11 * MINUTE)
    const merges = await scene.explained()
    expect(merges).toHaveLength(2)
    expect(await scene.openShards()).toBe(4)
    // Provisioned means that people change shards, on-demand that only the broker does.
    await scene.client.updateStream(STREAM, { mode: 'on-demand' })
    await expect(scene.client.updateShardCount(STREAM, 2)).rejects.toMatchObject({ code: 'invalidArgument' })
    await scene.pass(LOOK)
    await until('both pairs are merged', async () => (await scene.openShards()) === 2)
    expect(await scene.done(newest)).toEqual(new Set(merges))
    await scene.client.updateStream(STREAM, { mode: 'provisioned' })
    expect(await scene.client.updateShardCount(STREAM, 3)).toMatchObject({ openShardCount: 3 })
    await scene.append(40)
    await scene.expectUnnoticed()
  })

  test('is not split for one hot key, which is reported instead and can be given a shard of its own', async () => {
    const scene = await Scene.open({ mode: 'on-demand', shards: 1 })
    const key = 'the one'
    await scene.pass(3 * MINUTE, 30_000, [key])
    expect(await scene.openShards()).toBe(1)
    expect(await scene.explained()).toEqual(['hotKey 0'])
    expect(await scene.broker.metrics()).toMatch(/^millrace_hot_shards(\{[^}]*\})? 1$/m)
    const isolated = await scene.client.splitShard(STREAM, 'shardId-000000000000', {
      isolate: { partitionKey: key },
    })
    expect(isolated.children).toHaveLength(3)
    await scene.pass(3 * MINUTE, 30_000, [key])
    expect(await scene.openShards()).toBe(3)
    expect(await scene.explained()).toEqual(['hotKey 2'])
    await scene.expectUnnoticed()
  })
})
