// What a delivery works with under one definition: pipeline, encoder, stores and sink. Runs in the app; made once for all of its shards.
import type { Client } from 'millrace'
import type { DeliveryDefinition, ObjectDestination } from 'millrace/protocol'
import { isObjectDestination } from '../definitions/check.ts'
import type { BatchSink } from '../destinations/batch-sink.ts'
import type { StoreRim } from '../destinations/directory/directory-store.ts'
import type { ObjectStore } from '../destinations/object-store.ts'
import { openStore } from '../destinations/open-store.ts'
import type { HeapPlace } from '../spool/heap.ts'
import type { LaneTargets } from '../targets/lane-target.ts'
import { rawEncoder, type ObjectEncoder } from './object-encoder.ts'
import { objectTargets, type NamedShard } from '../targets/object-targets.ts'
import { identityPipeline, type Pipeline } from './pipeline.ts'
import { sinkTargets } from '../targets/sink-targets.ts'

export interface DeliveryParts {
  readonly pipeline: Pipeline
  targets(shard: NamedShard): LaneTargets
  close(): Promise<void>
}

/** Opens what a definition names. Rejects with a sentence where it cannot be carried out here. */
export type OpenDelivery = (name: string, definition: DeliveryDefinition) => Promise<DeliveryParts>

export interface OpenDeliveryParts {
  readonly client: Client
  readonly heaps: HeapPlace
  readonly rim: StoreRim
}

/** Makes the function that opens deliveries with what this app has. */
export function deliveryOpener({ heaps, rim }: OpenDeliveryParts): OpenDelivery {
  return async (_name, definition) => {
    const store = (destination: ObjectDestination): Promise<ObjectStore> => openStore(destination, rim)
    const { destination, backup } = definition
    const backupStore = backup === undefined ? undefined : await store(backup.to)
    const pipeline = identityPipeline
    if (isObjectDestination(destination)) {
      const main = await store(destination)
      const encoder: ObjectEncoder = rawEncoder(definition.delimiter)
      return {
        pipeline,
        targets: (shard) => objectTargets({ definition, shard, heaps, encoder, store: main, backupStore }),
        close: () => closeAll([pipeline, main, backupStore]),
      }
    }
    const sink = openSink()
    return {
      pipeline,
      targets: (shard) => sinkTargets({ definition, shard, heaps, sink, backupStore }),
      close: () => closeAll([pipeline, sink, backupStore]),
    }
  }
}

function openSink(): BatchSink {
  throw new Error('This version delivers to directories.')
}

async function closeAll(parts: readonly ({ close(): Promise<void> } | undefined)[]): Promise<void> {
  await Promise.allSettled(parts.flatMap((part) => (part === undefined ? [] : [part.close()])))
}
