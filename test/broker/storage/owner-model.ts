// The model of an owner, an array of values per shard, and the owner that is compared with it.
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { checkDataDirectory } from '../../../broker/storage/integrity.ts'
import { StorageFixture, type TestOwner } from '../../support/disk/storage.ts'

export const SLOTS = [1, 2, 3]
const WINDOW = 8

interface ModelProducer {
  epoch: number
  next: number
  /** First sequence and base of the newest batches; values by first sequence, for retries. */
  window: { first: number; values: readonly string[]; base: number }[]
}

/** The expected state. */
export interface Model {
  readonly shards: Map<number, string[]>
  readonly producers: Map<string, ModelProducer>
  /** Oldest readable number of each shard. */
  readonly horizons: Map<number, number>
  readonly closed: Set<number>
  readonly forgotten: Set<number>
}

/** The real owner and its storage. */
export class Real {
  storage: StorageFixture
  owner!: TestOwner
  readonly #directories: string[] = []

  private constructor(storage: StorageFixture) {
    this.storage = storage
  }

  static async create(): Promise<Real> {
    const real = new Real(new StorageFixture(''))
    await real.moveTo(async () => undefined)
    return real
  }

  async open(): Promise<void> {
    // Rolls after a few batches.
    this.owner = await this.storage.openOwner({ segmentBytes: 90_000 })
  }

  /**
   * Waits until a reopening under way is over. During one, appends may be unavailable while a reader holds the segment,
   * and a copy of the files would match no moment.
   */
  async settled(): Promise<void> {
    for (;;) {
      try {
        await this.owner.open()
        return
      } catch (error) {
        expect(error).toMatchObject({ code: 'unavailable' })
      }
    }
  }

  /** Continues in another directory, filled from this one as it is on disk: what a killed process leaves. */
  async moveTo(fill: (from: string, to: string) => Promise<void>): Promise<void> {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-model-'))
    this.#directories.push(directory)
    const left = this.storage
    await fill(left.dataDir, directory)
    this.storage = new StorageFixture(directory)
    await this.open()
    await left.closeOwners()
  }

  async end(): Promise<void> {
    await this.storage.closeOwners()
    try {
      expect((await checkDataDirectory(this.storage.dataDir)).problems).toEqual([])
    } finally {
      for (const directory of this.#directories) await rm(directory, { recursive: true, force: true })
    }
  }
}

/** Copies a directory that is in use. If a file disappears during the copy, copies again. */
export async function copyOf(from: string, to: string): Promise<void> {
  for (;;) {
    try {
      return await cp(from, to, { recursive: true, filter: (path) => !path.includes('/lock/') })
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOENT' })
      await rm(to, { recursive: true })
    }
  }
}

export const producerOf = (model: Model, slot: number, id: number) => model.producers.get(`${slot}/${id}`)

export async function openAll(model: Model, { owner }: Real): Promise<void> {
  for (const slot of SLOTS) {
    if (model.forgotten.has(slot)) {
      const tail = model.shards.get(slot)!.length
      const end = { slot, trimHorizon: tail, tail, closed: true }
      expect(await owner.open(slot)).toMatchObject(model.closed.has(slot) ? [end] : [])
      continue
    }
    const [extent] = await owner.open(slot)
    expect(extent).toMatchObject(extentOf(model, slot))
  }
}

export const extentOf = (model: Model, slot: number) => ({
  slot,
  trimHorizon: model.horizons.get(slot)!,
  tail: model.shards.get(slot)!.length,
  closed: model.closed.has(slot),
})

export function takeIn(
  model: Model,
  slot: number,
  values: readonly string[],
  from?: { id: number; epoch: number },
): number {
  const shard = model.shards.get(slot)!
  const base = shard.length
  shard.push(...values)
  if (from === undefined) return base
  const known = producerOf(model, slot, from.id)
  const producer = known?.epoch === from.epoch ? known : { epoch: from.epoch, next: 0, window: [] }
  producer.window.push({ first: producer.next, values, base })
  if (producer.window.length > WINDOW) producer.window.shift()
  producer.next += values.length
  model.producers.set(`${slot}/${from.id}`, producer)
  return base
}
