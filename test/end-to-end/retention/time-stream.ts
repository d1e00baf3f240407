// A stream whose records arrive at times that a test decides, on a broker whose clock the test holds. It knows what was
// acknowledged when, and so what any reader must get. Runs in the process of the test, with the broker in it.
import { createBroker, type Broker, type BrokerOptions } from '../../../broker/broker.ts'
import { checkDataDirectory } from '../../../broker/storage/integrity.ts'
import {
  type Client,
  connect,
  type Producer,
  type ReadOptions,
  type StreamSettings,
} from '../../../client/index.ts'
import { parseShardId } from '../../../protocol/shards/shard-id.ts'
import { check, describeViolations } from '../../support/checker/checker.ts'
import { readFully, seeEpoch, seeHorizons, shardNameOf } from '../../support/checker/full-read.ts'
import { History, payloadOf, valueOf } from '../../support/checker/history.ts'
import { ManualTime } from '../../support/manual-time.ts'
import { temporaryDirectory, type TemporaryDirectory } from '../../support/disk/temporary.ts'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE

/** A record as it was acknowledged. */
export interface Arrived {
  readonly value: string
  readonly arrivalTime: number
}

const RECORD_BYTES = 2000
const KEYS = 40

export class TimeStream implements AsyncDisposable {
  readonly time: ManualTime
  readonly history = new History()
  readonly broker: Broker
  readonly client: Client
  /** All acknowledged records, in the order of arrival. */
  readonly arrived: Arrived[] = []
  readonly name: string
  readonly #directory: TemporaryDirectory
  readonly #producers = new Map<string, Promise<Producer>>()
  #sent = 0

  private constructor(parts: {
    time: ManualTime
    directory: TemporaryDirectory
    broker: Broker
    client: Client
    name: string
  }) {
    this.time = parts.time
    this.#directory = parts.directory
    this.broker = parts.broker
    this.client = parts.client
    this.name = parts.name
  }

  /** The smallest possible segments, so that little data fills many. */
  static async start(
    settings: StreamSettings & { readonly shards?: number },
    options: Pick<BrokerOptions, 'storage' | 'config'> = {},
  ): Promise<TimeStream> {
    const time = new ManualTime()
    const directory = await temporaryDirectory()
    const broker = await createBroker({
      dataDir: directory.path,
      clock: time.now,
      elapsed: time.elapsed,
      ...options,
      config: { segmentSize: '1MiB', ...options.config },
    })
    const client = await connect(broker.url)
    await client.createStream('clicks', settings)
    return new TimeStream({ time, directory, broker, client, name: 'clicks' })
  }

  get port(): number {
    return Number(new URL(this.broker.url).port)
  }

  get dataDir(): string {
    return this.broker.dataDir
  }

  /** Appends a number of records over all keys. Records to another stream are not counted. */
  async append(count: number, stream = this.name): Promise<void> {
    const records = Array.from({ length: count }, () => {
      const value = `v.${this.#sent++}`
      return { value, partitionKey: `key-${this.#sent % KEYS}` }
    })
    const isOurs = stream === this.name
    const calls = records.map((record) =>
      isOurs ? this.history.invoke({ producer: 'p', idempotent: true, records: [record] }) : undefined,
    )
    const producer = await this.#producer(stream)
    const sending = records.map(async ({ value, partitionKey }, index) => {
      try {
        const data = payloadOf(value, RECORD_BYTES)
        const { shardId, sequenceNumber, arrivalTime } = await producer.send({ partitionKey, data })
        calls[index]?.ok(shardNameOf(stream, parseShardId(shardId)), [sequenceNumber])
        if (isOurs) this.arrived.push({ value, arrivalTime: arrivalTime.getTime() })
      } catch (error) {
        calls[index]?.failed(error)
        throw error
      }
    })
    await Promise.allSettled(sending)
    await Promise.all(sending)
  }

  #producer(stream: string): Promise<Producer> {
    let producer = this.#producers.get(stream)
    if (!producer) {
      producer = this.client.producer(stream)
      this.#producers.set(stream, producer)
    }
    return producer
  }

  /** The values that a reader gets, sorted. */
  async values(options: ReadOptions = {}, stream = this.name): Promise<string[]> {
    const values: string[] = []
    for await (const { bytes } of this.client.read(stream, options)) values.push(valueOf(bytes).value)
    return values.toSorted()
  }

  /** The values that arrived from a time on, and before another, sorted. */
  valuesBetween(from: number, until = Infinity): string[] {
    const wanted = this.arrived.filter(({ arrivalTime }) => arrivalTime >= from && arrivalTime < until)
    return wanted.map(({ value }) => value).toSorted()
  }

  seeHorizons(): Promise<void> {
    return seeHorizons(this.port, this.name, this.history)
  }

  /** Reads everything back, stops, and returns sentences that say what is wrong with the history or the directory. */
  async judge(): Promise<string[]> {
    await this.seeHorizons()
    await seeEpoch(this.port, this.name, this.history)
    for (const final of await readFully(this.port, this.name)) this.history.addFinal(final)
    await this.client.close()
    await this.broker.close()
    const { problems } = await checkDataDirectory(this.dataDir)
    const violations = describeViolations(check(this.history))
    return [
      ...problems.map(({ where, what }) => `${where}: ${what}`),
      ...(violations === '' ? [] : [violations]),
    ]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close()
    await this.broker.close()
    await this.#directory[Symbol.asyncDispose]()
  }
}
