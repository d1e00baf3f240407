// A shard, a store and documents in memory, and lives of a delivery on them that end at any step. For property tests: everything that is
// durable stands here; a life that is over can do nothing more, but what it has begun may still come through.
import { MillraceError, type Documents } from 'millrace'
import type { DeliveryDefinition } from 'millrace/protocol'
import { newDefinition, type DeliveryInput } from '../../src/definitions/definition-input.ts'
import type { ObjectContent, ObjectStore, StoredObject } from '../../src/destinations/object-store.ts'
import type { Clock } from '../../src/engine/clock.ts'
import type { DeliveryParts } from '../../src/engine/delivery-parts.ts'
import { rawEncoder } from '../../src/engine/object-encoder.ts'
import type { Pipeline } from '../../src/engine/pipeline.ts'
import { ShardRun } from '../../src/engine/shard-run.ts'
import type { SourceRecord } from '../../src/engine/source-record.ts'
import { partitionText } from '../../src/naming/partition-values.ts'
import { takeProgress } from '../../src/progress/progress-document.ts'
import type { ShardProgress } from '../../src/progress/shard-progress.ts'
import { SpoolRoom } from '../../src/spool/spool-room.ts'
import { objectTargets } from '../../src/targets/object-targets.ts'

export class ManualClock implements Clock {
  #ms = 1_700_000_000_000
  /** Added to the time of the day alone. */
  #step = 0
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>()

  now(): number {
    return this.#ms + this.#step
  }

  monotonic(): number {
    return this.#ms
  }

  /** Sets the time of the day back. */
  stepBack(ms: number): void {
    this.#step -= ms
  }

  after(ms: number, then: () => void): () => void {
    const timer = { at: this.#ms + ms, run: then }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  advance(ms: number): void {
    this.#ms += ms
    for (const timer of this.#timers) {
      if (timer.at > this.#ms || !this.#timers.delete(timer)) continue
      timer.run()
    }
  }
}

/** Ends a life: nothing of it is done after its last step. */
export class Life {
  #steps: number
  isOver = false

  /** `steps`: how many durable steps it has. */
  constructor(steps: number) {
    this.#steps = steps
  }

  /** Called before and after whatever is durable. */
  step(): void {
    if (this.isOver || this.#steps-- <= 0) {
      this.isOver = true
      throw new Error('This life is over.')
    }
  }
}

interface Stored {
  readonly version: number
  readonly json: string
}

/** What outlives every life. */
export class SmallShard {
  readonly objects = new Map<string, string>()
  readonly clock = new ManualClock()
  /** The group's checkpoint. */
  checkpoint = 0
  #version = 0
  #document: Stored | undefined
  #epoch = 0
  readonly #turns: () => number
  readonly #isAnswerLost: () => boolean

  /** `turns`: how many turns of the event loop a write takes. */
  constructor(turns: () => number, isAnswerLost: () => boolean) {
    this.#turns = turns
    this.#isAnswerLost = isAnswerLost
  }

  get progress(): ShardProgress | undefined {
    return this.#document === undefined ? undefined : (JSON.parse(this.#document.json) as ShardProgress)
  }

  async begin(
    life: Life,
    definition: DeliveryDefinition,
    pipeline: (of: DeliveryDefinition) => Pipeline,
  ): Promise<ShardRun> {
    const epoch = ++this.#epoch
    const name = 'd/1/0'
    const progress = await takeProgress({
      documents: this.#documents(life),
      name,
      epoch,
      onTrouble: () => {},
      pause: () => (life.isOver ? Promise.reject(new Error('This life is over.')) : turn()),
    })
    const parts = (of: DeliveryDefinition): DeliveryParts => ({
      pipeline: pipeline(of),
      errorStore: undefined,
      targets: (shard) =>
        objectTargets({
          definition: of,
          shard,
          heaps: { directory: '/nowhere', fileName: () => 'none' },
          encoder: rawEncoder('\n'),
          store: this.#store(life),
          backupStore: undefined,
        }),
      close: () => Promise.resolve(),
    })
    return ShardRun.open({
      shard: { delivery: 'd', streamId: 1, shardIndex: 0 },
      definition,
      current: parts(definition),
      open: (earlier) => Promise.resolve(parts(earlier)),
      progress,
      room: new SpoolRoom({ bytesMax: 2 ** 30, memoryBytesMax: 2 ** 30 }),
      clock: this.clock,
      random: () => 0.5,
      onFault: () => {},
      log: () => {},
      onPosition: (position, isIdle) => {
        // The group is told of some positions, and of each at which nothing waits.
        if (!isIdle && this.#turns() % 2 === 0) return
        if (!life.isOver) this.checkpoint = Math.max(this.checkpoint, position)
      },
    })
  }

  #documents(life: Life): Pick<Documents<ShardProgress>, 'get' | 'put'> {
    return {
      get: async (name) => {
        await turn()
        life.step()
        const stored = this.#document
        if (stored === undefined) return undefined
        const value = JSON.parse(stored.json) as ShardProgress
        return { name, version: stored.version, updatedAt: new Date(0), value }
      },
      put: async (_name, value, { expectedVersion } = {}) => {
        const json = JSON.stringify(value)
        await turn()
        life.step()
        if ((this.#document?.version ?? 0) !== expectedVersion) {
          throw new MillraceError('versionConflict', 'another has changed it')
        }
        this.#document = { version: ++this.#version, json }
        const { version } = this.#document
        life.step()
        if (this.#isAnswerLost()) throw new MillraceError('connectionLost', 'no answer')
        return { version }
      },
    }
  }

  #store(life: Life): ObjectStore {
    return {
      writesMax: 1 + (this.#turns() % 4),
      write: async (key, content: ObjectContent, _signal, steps) => {
        life.step()
        const pieces: Uint8Array[] = []
        for await (const piece of content.chunks()) pieces.push(piece)
        await steps?.prepared
        for (let i = this.#turns(); i > 0; i--) await turn()
        // What was sent comes through, also where its sender is gone.
        this.objects.set(key, Buffer.concat(pieces).toString())
        life.step()
      },
      remove: async (key: string) => {
        life.step()
        await turn()
        this.objects.delete(key)
        life.step()
      },
      list: (prefix: string) => this.#list(prefix),
      read: (): never => {
        throw new Error('nobody reads')
      },
      close: () => Promise.resolve(),
    }
  }

  async *#list(prefix: string): AsyncGenerator<StoredObject> {
    await turn()
    for (const [key, text] of this.objects) if (key.startsWith(prefix)) yield { key, bytes: text.length }
  }
}

/** One turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Fulfils when nothing more happens by itself. */
export async function quiet(): Promise<void> {
  for (let i = 0; i < 40; i++) await turn()
}

export function definitionOf(
  input: Omit<DeliveryInput, 'source' | 'destination'>,
  version = 1,
): DeliveryDefinition {
  const definition = newDefinition(
    { source: { stream: 's' }, destination: { type: 'directory', path: '/lake' }, ...input },
    0,
  )
  return { ...definition, version }
}

/** Records that say by themselves what becomes of them: `p2` goes to that partition, `bad` fails, `drop` is dropped, `two` is taken apart. */
export function record(sequenceNumber: number, what: string): SourceRecord {
  return {
    shardId: 'shardId-000000000000',
    sequenceNumber,
    partitionKey: what,
    data: Buffer.from(`${sequenceNumber}`),
    arrivedAt: 1_700_000_000_000 + sequenceNumber,
  }
}

/** The pipeline that does what records say; `isCoarse` has one partition for all. */
export function sayingPipeline(isCoarse: boolean): Pipeline {
  const partition = (key: string): string => partitionText({ query: { k: isCoarse ? 'all' : key } })
  return {
    process: async (records) => {
      await turn()
      const delivered = records.flatMap((each) => {
        const { partitionKey } = each
        if (partitionKey === 'bad' || partitionKey === 'drop') return []
        if (partitionKey !== 'two')
          return [{ record: each, partition: partition(partitionKey), data: each.data }]
        return ['p0', 'p1'].map((key, i) => ({
          record: { ...each, subSequence: i },
          partition: partition(key),
          data: Buffer.from(`${each.sequenceNumber}.${i}`),
        }))
      })
      const failed = records
        .filter(({ partitionKey }) => partitionKey === 'bad')
        .map((origin) => ({
          type: 'processing-failed' as const,
          origin,
          rawData: origin.data,
          attemptsMade: 1,
          code: 'No',
          message: 'no',
          endedAt: 0,
        }))
      return { delivered, failed }
    },
    close: () => Promise.resolve(),
  }
}

/** What should be in the objects, once. */
export function expected(records: readonly SourceRecord[]): string[] {
  return records
    .flatMap(({ sequenceNumber, partitionKey }) =>
      partitionKey === 'drop'
        ? []
        : partitionKey === 'two'
          ? [`${sequenceNumber}.0`, `${sequenceNumber}.1`]
          : [`${sequenceNumber}`],
    )
    .sort()
}

/** What is in the objects. */
export function found(objects: ReadonlyMap<string, string>): string[] {
  return [...objects.entries()]
    .flatMap(([key, text]) =>
      text
        .split('\n')
        .filter(Boolean)
        .map((line) =>
          key.startsWith('errors/')
            ? Buffer.from((JSON.parse(line) as { rawData: string }).rawData, 'base64').toString()
            : line,
        ),
    )
    .sort()
}
