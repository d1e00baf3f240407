// Copies a Kinesis stream into a Millrace stream: shards side by side, parents before children, and within a shard a page at a time,
// so that records of a key are stored in their order. Runs in the process that imports. Progress is kept in the target's broker.
import type { Shard } from '@aws-sdk/client-kinesis'
import {
  MillraceError,
  type Client,
  type Producer,
  type ProducerOptions,
  type StreamPosition,
} from 'millrace'
import { openAws, type AwsSide } from '../aws-client.ts'
import { isAbort } from '../aborted.ts'
import { worldPatience, type MigrationWorld } from '../world.ts'
import type { CopyRules } from './copied-record.ts'
import { EarlierCopies, isUpTo } from './earlier-copies.ts'
import { ImportProgress } from './import-progress.ts'
import { openShardCount, shardsToBegin } from './lineage.ts'
import { ShardCopy, type CopyParts } from './shard-copy.ts'
import { Slots } from './slots.ts'
import { Source, type ImportStart } from './source.ts'
import { TargetPlace } from './target-place.ts'

export interface ImportTask extends AwsSide {
  /** Name of the Kinesis stream. */
  readonly stream: string
  /** Name of the Millrace stream; it is made, with as many shards, if it is not there. */
  readonly to: string
  /** Where the first run begins; a later one goes on where the one before was. Default: TRIM_HORIZON. */
  readonly start?: ImportStart
  /** Goes on for new records until the signal fires; otherwise it ends where the shards were when it reached them. */
  readonly follow?: boolean
  /** Takes the user records out of aggregates of the Kinesis Producer Library. */
  readonly deaggregate?: boolean
  /** Names each record's origin in headers, by which a stopped import goes on without copying anything twice. Default: true. */
  readonly withHeaders?: boolean
  readonly compression?: ProducerOptions['compression']
  /** Ends in good order: what was read is stored and noted. */
  readonly signal: AbortSignal
  readonly onProgress?: (tally: ImportTally) => void
  /** A sentence for people: what it waits for, what is lost. */
  readonly onNotice?: (sentence: string) => void
}

export interface ImportTally {
  /** Records stored by this run. */
  readonly records: number
  readonly bytes: number
  /** Records that an earlier run had stored, and that were left out. */
  readonly alreadyStored: number
  /** Shards of the source that are copied to their end or present tail. */
  readonly shards: number
  /** How far the slowest shard is behind, in milliseconds; undefined before the first page. */
  readonly behindMs: number | undefined
  /** True if an earlier run was gone on from. */
  readonly isResumed: boolean
  /** True if the target was made. */
  readonly isTargetMade: boolean
}

const PAGES_MAX = 8
const DELIVERY_TIMEOUT_MS = 15 * 60_000

/** Runs an import to its end, or until it is stopped; fulfils with what it did. Positions are stored before it ends. */
export async function importFromAws(
  client: Client,
  task: ImportTask,
  world?: MigrationWorld,
): Promise<ImportTally> {
  const failing = new AbortController()
  const stop = AbortSignal.any([task.signal, failing.signal])
  const patience = worldPatience(world, stop, (sentence) => task.onNotice?.(sentence))
  const aws = await openAws(task)
  try {
    const source = new Source(aws, task.stream, patience)
    const described = await source.describe()
    const isTargetMade = await makeTarget(client, task.to, source)
    const { id: targetId } = await client.describeStream(task.to)
    const rules: CopyRules = {
      streamArn: described.StreamARN!,
      withHeaders: task.withHeaders ?? true,
      deaggregate: task.deaggregate ?? false,
    }
    const identity = {
      sourceArn: rules.streamArn,
      sourceCreatedAt: Number(described.StreamCreationTimestamp),
      target: task.to,
      targetId,
    }
    const tail = () => tailOf(client, task.to)
    const progress = await ImportProgress.open(client, identity, {
      start: task.start ?? 'TRIM_HORIZON',
      tail,
    })
    const place = new TargetPlace(await tail())
    const copies = await earlierCopies(client, { progress, rules, target: task.to, signal: stop })
    await using producer = await openProducer(client, task)
    const run = new ImportRun(
      { source, progress, place, copies, producer, rules, patience, stop, follow: task.follow ?? false },
      { isTargetMade, onProgress: task.onProgress, onNotice: task.onNotice },
      failing,
    )
    return await run.run()
  } catch (error) {
    if (task.signal.aborted && isAbort(error)) return emptyTally
    throw error
  } finally {
    aws.destroy()
  }
}

const emptyTally: ImportTally = {
  records: 0,
  bytes: 0,
  alreadyStored: 0,
  shards: 0,
  behindMs: undefined,
  isResumed: false,
  isTargetMade: false,
}

async function makeTarget(client: Client, target: string, source: Source): Promise<boolean> {
  try {
    await client.describeStream(target)
    return false
  } catch (error) {
    if (!MillraceError.is(error, 'streamNotFound')) throw error
  }
  await client.createStream(target, { shards: Math.max(1, openShardCount(await source.shards())) })
  return true
}

async function tailOf(client: Client, stream: string): Promise<StreamPosition> {
  const reading = client.read(stream, { from: 'LATEST' })
  try {
    await reading.started
    return reading.position
  } finally {
    await reading.close()
  }
}

async function earlierCopies(
  client: Client,
  at: { progress: ImportProgress; rules: CopyRules; target: string; signal: AbortSignal },
): Promise<EarlierCopies> {
  const { progress, rules, target, signal } = at
  if (progress.earlier === undefined) return new EarlierCopies()
  return EarlierCopies.find(
    client,
    { target, from: progress.earlier, signal },
    {
      arn: rules.streamArn,
      isNoted: (shardId, sequenceNumber) => isUpTo(sequenceNumber, progress.after(shardId)),
    },
  )
}

function openProducer(client: Client, { to, compression = 'none', onNotice }: ImportTask): Promise<Producer> {
  return client.producer(to, {
    compression,
    deliveryTimeoutMs: DELIVERY_TIMEOUT_MS,
    onDelayed: (error) => onNotice?.(error.message),
  })
}

type RunOptions = { readonly [N in 'onProgress' | 'onNotice']: ImportTask[N] | undefined } & {
  readonly isTargetMade: boolean
}

/** The shards under way in one run. */
class ImportRun {
  readonly #parts: CopyParts
  readonly #options: RunOptions
  readonly #failing: AbortController
  readonly #begun = new Map<string, ShardCopy>()
  /** They never reject. */
  readonly #running = new Map<string, Promise<void>>()
  #failure: { readonly error: unknown } | undefined

  constructor(
    parts: Omit<CopyParts, 'slots' | 'onPage' | 'nextPage'>,
    options: RunOptions,
    failing: AbortController,
  ) {
    this.#options = options
    this.#failing = failing
    let pages = 0
    this.#parts = {
      ...parts,
      nextPage: () => ++pages,
      slots: new Slots(PAGES_MAX),
      onPage: () => this.#paged(),
    }
  }

  async run(): Promise<ImportTally> {
    const { progress, stop } = this.#parts
    try {
      await this.#beginShards()
      while (this.#running.size > 0) {
        await Promise.race(this.#running.values())
        if (!stop.aborted) await this.#beginShards()
      }
    } catch (error) {
      this.#fail(error)
    }
    await Promise.all(this.#running.values())
    await progress.save(() => this.#since()).catch((error: unknown) => this.#fail(error))
    if (this.#failure !== undefined) throw this.#failure.error
    return this.#tally()
  }

  /** Ends the run. That it was told to end is no failure. */
  #fail(error: unknown): void {
    if (!(this.#parts.stop.aborted && isAbort(error))) this.#failure ??= { error }
    this.#failing.abort()
  }

  async #beginShards(): Promise<void> {
    const { source, progress } = this.#parts
    const shards = await source.shards()
    for (const lost of progress.keepOnly(new Set(shards.map(({ ShardId }) => ShardId!)))) {
      this.#options.onNotice?.(`${lost} has expired in the source before it was copied to its end.`)
    }
    const states = {
      isBegun: (shardId: string) => this.#begun.has(shardId),
      isDone: (shardId: string) => progress.isDone(shardId),
    }
    for (const shard of shardsToBegin(shards, states)) this.#begin(shard)
  }

  #begin(shard: Shard): void {
    const shardId = shard.ShardId!
    const copy = new ShardCopy(shard, this.#parts)
    this.#begun.set(shardId, copy)
    const running = copy
      .run()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#running.delete(shardId))
    this.#running.set(shardId, running)
  }

  #paged(): void {
    this.#options.onProgress?.(this.#tally())
    const { progress } = this.#parts
    if (progress.isDue(this.#parts.patience.monotonic())) {
      progress.save(() => this.#since()).catch((error: unknown) => this.#fail(error))
    }
  }

  /** The oldest place at which a page under way began: copies that are not noted lie behind it. */
  #since(): StreamPosition {
    const { place, copies, progress } = this.#parts
    if (progress.earlier !== undefined && !copies.isEmpty) return progress.earlier
    let oldest: ShardCopy | undefined
    for (const copy of this.#begun.values()) {
      if (copy.pageBegan !== undefined && (oldest === undefined || copy.pageOrder < oldest.pageOrder))
        oldest = copy
    }
    return oldest?.pageBegan ?? place.position
  }

  #tally(): ImportTally {
    const copies = [...this.#begun.values()]
    const sum = (field: 'records' | 'bytes' | 'alreadyStored') =>
      copies.reduce((all, copy) => all + copy[field], 0)
    const behind = copies.flatMap(({ behindMs }) => behindMs ?? [])
    return {
      records: sum('records'),
      bytes: sum('bytes'),
      alreadyStored: sum('alreadyStored'),
      shards: copies.filter(({ isAtEnd }) => isAtEnd).length,
      behindMs: behind.length === 0 ? undefined : Math.max(...behind),
      isResumed: this.#parts.progress.earlier !== undefined,
      isTargetMade: this.#options.isTargetMade,
    }
  }
}
