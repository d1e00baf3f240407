// Any sequence of appends, retries, gaps, rolls, restarts, crashes and failing disks, against a model that is an array of
// values a shard. What the model says is what must be stored, answered and read.
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkDataDirectory } from '../../broker/storage/integrity.ts'
import { batchOf, StorageFixture, type CommitFault, type TestOwner } from '../support/storage.ts'

const SLOTS = [1, 2, 3]
const WINDOW = 8

interface ModelProducer {
  epoch: number
  next: number
  /** First sequence and base of the newest batches; values by first sequence, for retries. */
  window: { first: number; values: readonly string[]; base: number }[]
}

/** What must be true. */
interface Model {
  readonly shards: Map<number, string[]>
  readonly producers: Map<string, ModelProducer>
  readonly forgotten: Set<number>
}

/** What is there. */
class Real {
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
   * Waits until a reopening under way is over. Meanwhile appends may be unavailable, for as long as a reader holds the
   * segment; and a copy of the files would be no state of any moment.
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

  /** Goes on in another directory, filled from this one as it is on disk: what a killed process leaves. */
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

type Command = fc.AsyncCommand<Model, Real>

const producerOf = (model: Model, slot: number, id: number) => model.producers.get(`${slot}/${id}`)

async function openAll(model: Model, { owner }: Real): Promise<void> {
  for (const slot of SLOTS) {
    if (model.forgotten.has(slot)) {
      expect(await owner.open(slot)).toEqual([])
      continue
    }
    const [extent] = await owner.open(slot)
    expect(extent).toMatchObject({ trimHorizon: 0, tail: model.shards.get(slot)!.length })
  }
}

function takeIn(
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

class Append implements Command {
  readonly slot: number
  readonly values: readonly string[]
  readonly fault: CommitFault | undefined

  constructor(slot: number, values: readonly string[], fault: CommitFault | undefined) {
    this.slot = slot
    this.values = values
    this.fault = fault
  }

  check = () => true

  async run(model: Model, real: Real): Promise<void> {
    const { owner, storage } = real
    if (model.forgotten.has(this.slot)) {
      expect((await owner.put(this.slot, this.values)).code).toBe('shardNotFound')
      return
    }
    if (this.fault) storage.disk.faults.push(this.fault)
    const { code, base } = await owner.put(this.slot, this.values)
    await real.settled()
    if (this.fault === undefined) {
      expect({ code, base }).toEqual({ code: 'stored', base: takeIn(model, this.slot, this.values) })
    } else if (code === 'outcomeUnknown') {
      if (this.fault === 'stored unnoticed') takeIn(model, this.slot, this.values)
    } else {
      // The fault hit the roll before it: nothing was written.
      expect(code).toBe('unavailable')
    }
  }

  toString = () => `append(${this.slot}, ${this.values.length} values, ${this.fault ?? 'no fault'})`
}

class Produce implements Command {
  readonly slot: number
  readonly id: number
  readonly count: number
  readonly what: 'next' | 'gap' | 'new epoch' | 'old epoch'

  constructor(slot: number, id: number, count: number, what: 'next' | 'gap' | 'new epoch' | 'old epoch') {
    this.slot = slot
    this.id = id
    this.count = count
    this.what = what
  }

  check = (model: Model) => !model.forgotten.has(this.slot)

  async run(model: Model, { owner }: Real): Promise<void> {
    const known = producerOf(model, this.slot, this.id)
    const epoch = Math.max(
      0,
      (known?.epoch ?? 1) + { next: 0, gap: 0, 'new epoch': 1, 'old epoch': -1 }[this.what],
    )
    const isNew = known === undefined || epoch > known.epoch
    const firstSequence = (isNew ? 0 : known.next) + (this.what === 'gap' ? 3 : 0)
    const values = Array.from({ length: this.count }, (_, i) => `p${this.id}.${epoch}.${firstSequence + i}`)
    const { code, base } = await owner.put(this.slot, values, { producerId: this.id, epoch, firstSequence })
    if (known !== undefined && epoch < known.epoch) expect(code).toBe('producerFenced')
    else if (this.what === 'gap') expect(code).toBe('outOfOrderSequence')
    else
      expect({ code, base }).toEqual({
        code: 'stored',
        base: takeIn(model, this.slot, values, { id: this.id, epoch }),
      })
  }

  toString = () => `produce(${this.slot}, producer ${this.id}, ${this.count}, ${this.what})`
}

class Retry implements Command {
  readonly slot: number
  readonly id: number

  constructor(slot: number, id: number) {
    this.slot = slot
    this.id = id
  }

  check = (model: Model) =>
    !model.forgotten.has(this.slot) && producerOf(model, this.slot, this.id) !== undefined

  /** Everything in the window at once, in one group. */
  async run(model: Model, { owner }: Real): Promise<void> {
    const { epoch, window } = producerOf(model, this.slot, this.id)!
    const answers = await owner.append(
      ...window.map(({ first, values }) => ({
        slot: this.slot,
        batch: batchOf({ values, producerId: this.id, epoch, firstSequence: first }),
      })),
    )
    expect(answers.map(({ code, base, duplicate }) => ({ code, base, duplicate }))).toEqual(
      window.map(({ base }) => ({ code: 'stored', base, duplicate: true })),
    )
  }

  toString = () => `retry(${this.slot}, producer ${this.id})`
}

class Read implements Command {
  readonly slot: number
  readonly from: number

  constructor(slot: number, from: number) {
    this.slot = slot
    this.from = from
  }

  check = () => true

  async run(model: Model, { owner }: Real): Promise<void> {
    if (model.forgotten.has(this.slot)) return
    const shard = model.shards.get(this.slot)!
    const from = shard.length === 0 ? 0 : this.from % shard.length
    const expected = shard.map((value, i) => `${i}=${value}`).slice(from)
    expect(await owner.values(this.slot, shard.length, from)).toEqual(expected)
  }

  toString = () => `read(${this.slot}, ${this.from})`
}

class Forget implements Command {
  readonly slot: number

  constructor(slot: number) {
    this.slot = slot
  }

  check = (model: Model) => !model.forgotten.has(this.slot) && model.shards.get(this.slot)!.length > 3

  async run(model: Model, { owner }: Real): Promise<void> {
    await owner.forget(this.slot)
    model.forgotten.add(this.slot)
  }

  toString = () => `forget(${this.slot})`
}

class Restart implements Command {
  readonly isCrash: boolean

  constructor(isCrash: boolean) {
    this.isCrash = isCrash
  }

  // After a roll nothing is left of a forgotten slot, and the owner may not know it any more.
  check = (model: Model) => model.forgotten.size === 0

  async run(model: Model, real: Real): Promise<void> {
    if (this.isCrash) {
      await real.moveTo((from, to) =>
        cp(from, to, { recursive: true, filter: (path) => !path.includes('/lock/') }),
      )
    } else {
      await real.storage.closeOwners()
      await real.open()
    }
    await openAll(model, real)
  }

  toString = () => (this.isCrash ? 'crash' : 'restart')
}

const slots = fc.constantFrom(...SLOTS)
const producers = fc.constantFrom(11, 12)
// Large enough that a handful fills a segment.
const valuesOf = fc.array(
  fc.tuple(fc.nat(0xffff), fc.nat(9_000)).map(([seed, length]) => `${seed}`.padEnd(length, '-')),
  { minLength: 1, maxLength: 3 },
)

test('whatever happens, storage holds what the model holds', async () => {
  const commands = [
    fc.tuple(slots, valuesOf).map(([slot, values]) => new Append(slot, values, undefined)),
    fc
      .tuple(slots, valuesOf, fc.constantFrom<CommitFault>('nothing stored', 'stored unnoticed'))
      .map(([slot, values, fault]) => new Append(slot, values, fault)),
    fc
      .tuple(
        slots,
        producers,
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom('next', 'next', 'next', 'gap', 'new epoch', 'old epoch'),
      )
      .map(([slot, id, count, what]) => new Produce(slot, id, count, what as 'next')),
    fc.tuple(slots, producers).map(([slot, id]) => new Retry(slot, id)),
    fc.tuple(slots, fc.nat()).map(([slot, from]) => new Read(slot, from)),
    slots.map((slot) => new Forget(slot)),
    fc.boolean().map((isCrash) => new Restart(isCrash)),
  ]
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 60, size: '+1' }), async (run) => {
      const real = await Real.create()
      const model: Model = {
        shards: new Map(SLOTS.map((slot) => [slot, []])),
        producers: new Map(),
        forgotten: new Set(),
      }
      try {
        await openAll(model, real)
        await fc.asyncModelRun(() => ({ model, real }), run)
        for (const slot of SLOTS) await new Read(slot, 0).run(model, real)
      } finally {
        await real.end()
      }
    }),
    { numRuns: 30, endOnFailure: true },
  )
})
