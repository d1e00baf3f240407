// One mapping that is enabled: a member of its group, a run for each shard that the member has, and a report. Runs in the app. Other copies of the app are
// other members: the broker divides the shards among them.
import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError, type BatchContext, type Client, type Group, type StreamRecord } from 'millrace'
import {
  consumerArn,
  createdAtOf,
  parseShardId,
  streamArn,
  type EventSourceMapping,
  compileFilters,
  type RecordFilter,
} from 'millrace/protocol'
import { mappingGroup } from '../definitions/mappings.ts'
import type { EventSource } from '../events/kinesis-batch.ts'
import { sendFailure, type PostJson } from '../failures/failure-sender.ts'
import type { Invoker } from '../invocation.ts'
import { NamedWriter, type OutputWriter } from '../output/named-writer.ts'
import { ProgressStore, ShardTakenError } from '../progress/progress-store.ts'
import type { MappingMeter } from '../reports/mapping-meter.ts'
import type { ToldMapping } from '../reports/mapping-reports.ts'
import { ACCOUNT, REGION } from '../runtime/function-environment.ts'
import { rulesOf, skipsOf } from './rules.ts'
import { ShardRun } from './shard-run.ts'

/** What mappings need of the app. */
export interface MappingParts {
  readonly client: Client
  readonly invoker: Invoker
  /** Makes what puts output into a stream. */
  readonly openWriter: (stream: string) => Promise<OutputWriter>
  readonly post: PostJson
  readonly functionArn: (name: string) => string
  readonly now: () => number
  readonly random: () => number
  readonly uuid: () => string
  readonly warn: (message: string, error: unknown) => void
}

const INVOKE_IDENTITY_ARN = `arn:aws:iam::${ACCOUNT}:role/millrace`

/** How long a group that could not run waits before it is run again, and a shard that could not be begun. */
const AGAIN_MS = 2000
/** Records that a handler gets at once. */
const BATCH_RECORDS_MIN = 1000

/** A mapping that is to be run. */
export interface RunnableMapping {
  readonly uuid: string
  readonly mapping: EventSourceMapping
  readonly meter: MappingMeter
}

export class MappingRun {
  readonly uuid: string
  readonly #parts: MappingParts
  readonly #meter: MappingMeter
  readonly #filter: RecordFilter | undefined
  readonly #shards = new Map<string, { readonly epoch: number; readonly run: Promise<ShardRun> }>()
  readonly #stopping = new AbortController()
  #mapping: EventSourceMapping
  #group: Group<Uint8Array> | undefined
  #reason: string | undefined
  #running: Promise<void> = Promise.resolve()

  private constructor(parts: MappingParts, { uuid, mapping, meter }: RunnableMapping) {
    this.#parts = parts
    this.#meter = meter
    this.uuid = uuid
    this.#mapping = mapping
    this.#filter = compileFilters(mapping.filters)
  }

  /** Begins at once. Throws `FilterFault` where the filters cannot be used. */
  static start(parts: MappingParts, runnable: RunnableMapping): MappingRun {
    const run = new MappingRun(parts, runnable)
    run.#running = run.#run()
    return run
  }

  /** What is skipped by command has changed, and nothing else. */
  skip(mapping: EventSourceMapping): void {
    this.#mapping = mapping
    for (const [key, { run }] of this.#shards) {
      const [streamId, shardId] = key.split('/') as [string, string]
      run.then(
        (shard) => shard.skip(skipsOf(mapping, { streamId: Number(streamId), shardId })),
        () => {},
      )
    }
  }

  /** Lets calls under way end, and gives the shards back. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#group?.stop()
    await this.#running
  }

  /** What this copy of the app says of the mapping. */
  async report(): Promise<ToldMapping> {
    const reason = this.#reason ?? (await this.#standstill()) ?? (await this.#missingStream())
    const { version } = this.#mapping
    return {
      version,
      state: 'enabled',
      ...this.#meter.last,
      counters: this.#meter.counters,
      ...(reason !== undefined && { reason }),
    }
  }

  async #standstill(): Promise<string | undefined> {
    for (const [key, begun] of this.#shards) {
      const shard = await begun.run.catch(() => undefined)
      // The shard went to another member, or its stream is gone.
      if (shard?.isOver === true && this.#shards.get(key) === begun) this.#shards.delete(key)
      const [first] = shard === undefined || shard.isOver ? [] : shard.standstills
      if (first !== undefined) {
        const { reason, detail, from, to, attempts } = first
        return `${key.slice(key.indexOf('/') + 1)}: ${reason} records ${from} to ${to - 1} (${attempts} attempts): ${detail}`
      }
    }
    return undefined
  }

  /** Groups wait for streams that are not there. */
  async #missingStream(): Promise<string | undefined> {
    if (this.#shards.size > 0) return undefined
    const { stream } = this.#mapping.source
    try {
      await this.#parts.client.describeStream(stream)
      return undefined
    } catch (error) {
      if (MillraceError.is(error, 'streamNotFound')) return `There is no stream ${stream}.`
      throw error
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        const group = this.#makeGroup()
        this.#group = group
        await group.run((records, context) => this.#handle(records, context))
      } catch (error) {
        if (signal.aborted) break
        this.#reason = error instanceof Error ? error.message : String(error)
        this.#parts.warn(
          `The event source mapping ${this.uuid} cannot read its stream, and tries again.`,
          error,
        )
      }
      await this.#abortShards()
      await sleep(AGAIN_MS, undefined, { signal }).catch(() => {})
    }
    await this.#abortShards()
  }

  #makeGroup(): Group<Uint8Array> {
    const { source, batchSize, parallelizationFactor } = this.#mapping
    const { stream, from, consumer } = source
    return this.#parts.client.group({
      name: mappingGroup(this.uuid),
      streams: [{ stream, from }],
      checkpoint: 'manual',
      batchRecordsMax: Math.max(BATCH_RECORDS_MIN, batchSize * parallelizationFactor),
      ...(consumer !== undefined && { consumer }),
    })
  }

  async #abortShards(): Promise<void> {
    const shards = [...this.#shards.values()]
    this.#shards.clear()
    for (const { run } of shards) await run.then((shard) => shard.abort()).catch(() => {})
  }

  async #handle(records: readonly StreamRecord[], context: BatchContext): Promise<void> {
    const run = await this.#shardOf(context)
    // The shard goes away before it could be begun: nothing was done, and the checkpoint stays.
    if (run === undefined) {
      if (context.isLast) throw new Error('The shard was not begun.')
      return
    }
    this.#reason = undefined
    if (!context.isLast) {
      await run.receive(records, context)
      return
    }
    try {
      await run.finish(context)
    } finally {
      this.#shards.delete(shardKey(context))
      await run.abort()
    }
  }

  /** The run of a shard's lease. One that cannot be begun is begun again, until the shard goes away. */
  async #shardOf(context: BatchContext): Promise<ShardRun | undefined> {
    const key = shardKey(context)
    const known = this.#shards.get(key)
    if (known?.epoch === context.epoch) return known.run.catch(() => undefined)
    if (known !== undefined) void known.run.then((run) => run.abort()).catch(() => {})
    const begun = this.#insist(context)
    const run = begun.then((found) => found ?? Promise.reject(new Error('The shard has gone away.')))
    run.catch(() => {})
    this.#shards.set(key, { epoch: context.epoch, run })
    return begun
  }

  async #insist(context: BatchContext): Promise<ShardRun | undefined> {
    const { closing } = context
    while (!closing.aborted) {
      try {
        return await this.#begin(context)
      } catch (error) {
        if (error instanceof ShardTakenError) return undefined
        this.#reason = error instanceof Error ? error.message : String(error)
        this.#parts.warn(
          `A shard of the event source mapping ${this.uuid} cannot be begun, and is begun again.`,
          error,
        )
        await sleep(AGAIN_MS, undefined, { signal: closing }).catch(() => {})
      }
    }
    return undefined
  }

  async #begin({ streamId, shardId, epoch, stream }: BatchContext): Promise<ShardRun> {
    const { client, openWriter, post, functionArn, invoker, now, random, uuid, warn } = this.#parts
    const mapping = this.#mapping
    const source = await this.#sourceOf(stream, shardId)
    const { retentionMs } = await client.describeStream(stream)
    const place = { uuid: this.uuid, streamId, shardIndex: source.shardIndex, epoch }
    const { store, progress } = await ProgressStore.open(client, place)
    const { onFailure, to } = mapping
    return new ShardRun({
      functionName: mapping.function,
      rules: rulesOf(mapping, { streamId, shardId }, retentionMs),
      reportsItemFailures: mapping.reportsItemFailures,
      filter: this.#filter,
      source,
      streamArn: streamArn({ region: REGION, account: ACCOUNT, name: stream }),
      functionArn: functionArn(mapping.function),
      invoker,
      progress,
      save: (saved) => store.save(saved),
      writer: to === undefined ? undefined : new NamedWriter(client, to.stream, openWriter),
      tellFailure:
        onFailure === undefined
          ? undefined
          : (document, signal) => sendFailure({ client, post }, onFailure, document, signal),
      meter: this.#meter,
      now,
      random,
      uuid,
      warn,
    })
  }

  async #sourceOf(stream: string, shardId: string): Promise<EventSource> {
    const { client } = this.#parts
    for await (const shard of client.listShards(stream)) {
      if (shard.shardId !== shardId) continue
      return {
        shardId,
        shardIndex: parseShardId(shardId),
        shardCreatedAt: createdAtOf(shard).getTime(),
        region: REGION,
        eventSourceArn: await this.#sourceArn(stream),
        invokeIdentityArn: INVOKE_IDENTITY_ARN,
      }
    }
    throw new MillraceError('shardNotFound', `The stream ${stream} has no shard ${shardId} any more.`)
  }

  /** As the mapping was made with it, or as the Kinesis API names it with its defaults. */
  async #sourceArn(stream: string): Promise<string> {
    const { source, asGiven } = this.#mapping
    const given = asGiven?.['eventSourceArn']
    if (typeof given === 'string') return given
    const place = { region: REGION, account: ACCOUNT, name: stream }
    if (source.consumer === undefined) return streamArn(place)
    const { createdAt } = await this.#parts.client.describeConsumer(stream, source.consumer)
    return consumerArn({ ...place, consumer: source.consumer, createdAt })
  }
}

function shardKey({ streamId, shardId }: BatchContext): string {
  return `${streamId}/${shardId}`
}
