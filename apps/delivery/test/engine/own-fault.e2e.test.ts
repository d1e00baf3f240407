// A delivery that cannot go on by a fault of its own: it leaves its group, begins again from what is durable, and loses nothing.
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { newDefinition } from '../../src/definitions/definition-input.ts'
import type { DeliveryParts } from '../../src/engine/delivery-parts.ts'
import { DeliveryRunner } from '../../src/running/delivery-runner.ts'
import { identityPipeline } from '../../src/engine/pipeline.ts'
import { rawEncoder } from '../../src/engine/object-encoder.ts'
import { DirectoryStore } from '../../src/destinations/directory/directory-store.ts'
import { SpoolRoom } from '../../src/spool/spool-room.ts'
import { Retries } from '../../src/replay/retries.ts'
import { objectTargets } from '../../src/targets/object-targets.ts'
import { DeliveryWorld } from '../support/delivery-world.ts'

let world: DeliveryWorld
beforeAll(async () => {
  world = await DeliveryWorld.open()
})
afterAll(() => world[Symbol.asyncDispose]())

it('a delivery whose work in a shard ends by a fault: takes the shard anew, and delivers each record once', async () => {
  const { client, lake, directory } = world
  await client.createStream('clicks')
  const texts = Array.from({ length: 50 }, (_, i) => `record-${i}`).sort()
  await client.putMany(
    'clicks',
    texts.map((data) => ({ partitionKey: data, data })),
  )
  const definition = newDefinition(
    {
      source: { stream: 'clicks' },
      destination: { type: 'directory', path: lake },
      buffer: { intervalMs: 0 },
    },
    0,
  )
  const store = new DirectoryStore(lake, { unique: () => 'one', now: Date.now })
  let faults = 2
  const parts: DeliveryParts = {
    pipeline: identityPipeline,
    errorStore: store,
    targets: (shard) => {
      const targets = objectTargets({
        definition,
        shard,
        heaps: { directory: join(directory, 'none'), fileName: () => 'none' },
        encoder: rawEncoder('\n'),
        store,
        backupStore: undefined,
      })
      return {
        ...targets,
        main: (partition) => {
          if (faults-- > 0) throw new Error('a fault that nobody thought of')
          return targets.main(partition)
        },
      }
    },
    close: () => Promise.resolve(),
  }
  const rim = {
    client,
    open: () => Promise.resolve(parts),
    room: new SpoolRoom({ bytesMax: 2 ** 20, memoryBytesMax: 2 ** 20 }),
    // Its waits are over at once.
    clock: {
      now: Date.now,
      monotonic: () => performance.now(),
      after: (_ms: number, then: () => void) => {
        const timer = setImmediate(then)
        return () => clearImmediate(timer)
      },
    },
    random: Math.random,
  }
  const said: string[] = []
  const log = (_level: string, message: string): void => void said.push(message)
  const retries = new Retries({ ...rim, copy: 'one', log })
  const runner = new DeliveryRunner({ ...rim, name: 'lake', definition, parts, retries, log })
  try {
    await expect.poll(() => world.lines()).toEqual(texts)
    expect(said.filter((message) => message.includes('begins again'))).toHaveLength(2)
  } finally {
    await runner.stop()
  }
})
