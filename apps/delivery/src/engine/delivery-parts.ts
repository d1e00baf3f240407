// What a delivery works with under one definition: pipeline, encoder, stores and sink. Runs in the app; made once for all of its shards.
import { randomUUID } from 'node:crypto'
import type { AskTls, Client } from 'millrace'
import type {
  DeliveryDefinition,
  HttpDestination,
  ObjectDestination,
  StreamDestination,
} from 'millrace/protocol'
import { isObjectDestination } from '../definitions/check.ts'
import type { BatchSink } from '../destinations/batch-sink.ts'
import type { StoreRim } from '../destinations/directory/directory-store.ts'
import type { ObjectStore } from '../destinations/object-store.ts'
import { openStore } from '../destinations/open-store.ts'
import { StreamSink } from '../destinations/stream/stream-sink.ts'
import { makeEncoder, parquetRefusal } from '../formats/index.ts'
import { makePipeline } from '../middle/index.ts'
import type { HeapPlace } from '../spool/heap.ts'
import type { NamedShard } from '../naming/object-key.ts'
import { wait, type Clock } from './clock.ts'
import type { LaneTargets } from '../targets/lane-target.ts'
import { objectTargets } from '../targets/object-targets.ts'
import { sweptStore } from '../targets/swept-store.ts'
import { functionCaller } from './function-endpoints.ts'
import type { Pipeline } from './pipeline.ts'
import { sinkTargets } from '../targets/sink-targets.ts'

export interface DeliveryParts {
  readonly pipeline: Pipeline
  targets(shard: NamedShard): LaneTargets
  /** Where error documents are; undefined where there is no place for them. */
  readonly errorStore: ObjectStore | undefined
  close(): Promise<void>
}

/** Opens what a definition names. Rejects with a sentence where it cannot be carried out here. */
export type OpenDelivery = (name: string, definition: DeliveryDefinition) => Promise<DeliveryParts>

export interface OpenDeliveryParts {
  readonly client: Client
  /** How the client trusts the broker, where that is by authorities of its own. */
  readonly askTls: AskTls | undefined
  readonly heaps: HeapPlace
  readonly rim: StoreRim
  readonly clock: Clock
  readonly random: () => number
}

/** Makes the function that opens deliveries with what this app has. */
export function deliveryOpener(parts: OpenDeliveryParts): OpenDelivery {
  const { client, askTls, heaps, rim, clock, random } = parts
  const caller = functionCaller(client, { now: clock.now, askTls })
  return async (name, definition) => {
    const store = (destination: ObjectDestination): Promise<ObjectStore> => openStore(destination, rim)
    const { destination, backup } = definition
    const backupStore = backup === undefined ? undefined : await store(backup.to)
    const backupOf = (shard: NamedShard): ObjectStore | undefined =>
      backupStore === undefined ? undefined : sweptStore(backupStore, shard)
    const refused = definition.format.type === 'parquet' ? await parquetRefusal() : undefined
    if (refused !== undefined) throw new Error(refused)
    const pipeline = makePipeline(name, definition, { caller, clock, random, invocationId: randomUUID })
    if (isObjectDestination(destination)) {
      const main = await store(destination)
      const encoder = makeEncoder(definition, clock.now)
      return {
        pipeline,
        errorStore: main,
        targets: (shard) => {
          const store = sweptStore(main, shard)
          return objectTargets({ definition, shard, heaps, encoder, store, backupStore: backupOf(shard) })
        },
        close: () => closeAll([pipeline, main, backupStore]),
      }
    }
    const sink = await openSink(name, destination, parts)
    return {
      pipeline,
      errorStore: backupStore,
      targets: (shard) => sinkTargets({ definition, shard, heaps, sink, backupStore: backupOf(shard) }),
      close: () => closeAll([pipeline, sink, backupStore]),
    }
  }
}

/** The app's name for a delivery, where an endpoint asks for one of AWS. */
const arnOf = (name: string): string => `arn:aws:firehose:us-east-1:000000000000:deliverystream/${name}`

async function openSink(
  name: string,
  destination: HttpDestination | StreamDestination,
  { client, clock, random }: OpenDeliveryParts,
): Promise<BatchSink> {
  switch (destination.type) {
    case 'http': {
      const { HttpSink } = await import('../destinations/http/http-sink.ts')
      const rim = {
        fetch,
        now: clock.now,
        random,
        sleep: (ms: number, signal: AbortSignal) => wait(clock, ms, signal),
      }
      return new HttpSink({ destination, sourceArn: arnOf(name) }, rim)
    }
    case 'stream':
      return new StreamSink(client, destination.stream)
  }
}

async function closeAll(parts: readonly ({ close(): Promise<void> } | undefined)[]): Promise<void> {
  await Promise.allSettled(parts.flatMap((part) => (part === undefined ? [] : [part.close()])))
}
