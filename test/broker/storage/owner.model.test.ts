// Any sequence of appends, retries, gaps, seals, trims, rolls, removals, restarts, crashes and disk failures, against a
// model that is an array of values per shard. What is stored, answered and read must equal the model.
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openLmdb } from '../../../broker/storage/environment.ts'
import { decodeRow, encodeKey } from '../../../broker/storage/rows/key-space.ts'
import { copyAsTarget } from '../../support/disk/replaced-segments.ts'
import { batchOf, type CommitFault, type StorageFixture } from '../../support/disk/storage.ts'
import { copyOf, extentOf, openAll, producerOf, Real, SLOTS, takeIn, type Model } from './owner-model.ts'

type Command = fc.AsyncCommand<Model, Real>

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
    if (model.closed.has(this.slot)) {
      expect((await owner.put(this.slot, this.values)).code).toBe('shardClosed')
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
      // The fault hit the roll before the append: nothing was written.
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
    else if (model.closed.has(this.slot)) expect(code).toBe('shardClosed')
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

  /** Sends everything in the window at once, in one group. */
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
    const horizon = model.horizons.get(this.slot)!
    const from = horizon + (this.from % (shard.length - horizon + 1))
    const expected = shard.map((value, i) => `${i}=${value}`).slice(from)
    expect(await owner.values(this.slot, shard.length, from)).toEqual(expected)
  }

  toString = () => `read(${this.slot}, ${this.from})`
}

class Seal implements Command {
  readonly slot: number
  readonly fault: CommitFault | undefined

  constructor(slot: number, fault: CommitFault | undefined) {
    this.slot = slot
    this.fault = fault
  }

  check = (model: Model) => !model.forgotten.has(this.slot)

  async run(model: Model, real: Real): Promise<void> {
    const { owner, storage } = real
    // A shard that is already closed writes nothing that could fail.
    if (this.fault && !model.closed.has(this.slot)) {
      storage.disk.faults.push(this.fault)
      await expect(owner.seal(this.slot)).rejects.toMatchObject({ code: 'outcomeUnknown' })
      await real.settled()
    }
    model.closed.add(this.slot)
    expect(await owner.seal(this.slot)).toMatchObject([extentOf(model, this.slot)])
  }

  toString = () => `seal(${this.slot}, ${this.fault ?? 'no fault'})`
}

class Trim implements Command {
  readonly slot: number
  readonly by: number

  constructor(slot: number, by: number) {
    this.slot = slot
    this.by = by
  }

  check = (model: Model) => !model.forgotten.has(this.slot)

  async run(model: Model, { owner }: Real): Promise<void> {
    const tail = model.shards.get(this.slot)!.length
    const horizon = model.horizons.get(this.slot)!
    const raised = horizon + (this.by % (tail - horizon + 1))
    await owner.trim(this.slot, raised)
    await owner.trim(this.slot, horizon) // changes nothing
    model.horizons.set(this.slot, raised)
    expect(await owner.open(this.slot)).toMatchObject([extentOf(model, this.slot)])
  }

  toString = () => `trim(${this.slot}, by ${this.by})`
}

class Roll implements Command {
  check = () => true

  async run(model: Model, { owner }: Real): Promise<void> {
    const before = owner.list.segments.length
    const rolled = await owner.roll()
    expect(owner.list.segments).toHaveLength(before + (rolled ? 1 : 0))
    expect(await owner.roll()).toBe(false)
    const { shards, list } = await owner.wanted()
    expect(list).toEqual(owner.list)
    for (const slot of SLOTS.filter((each) => !model.forgotten.has(each))) {
      expect(shards).toContainEqual({ slot, trimHorizon: model.horizons.get(slot) })
    }
  }

  toString = () => 'roll'
}

/** Drops a sealed segment without wanted records, or replaces one by a copy. */
class Replace implements Command {
  readonly at: number

  constructor(at: number) {
    this.at = at
  }

  check = () => true

  async run(model: Model, { owner, storage }: Real): Promise<void> {
    const { segments } = owner.list
    if (segments.length === 1) return
    const name = segments[this.at % (segments.length - 1)]!
    const isWanted = await this.#isWanted(model, storage, name)
    await owner.replace([name], isWanted ? await copyAsTarget(storage, name) : null)
    expect(owner.list.segments).not.toContain(name)
    expect(owner.list.segments).toHaveLength(segments.length - (isWanted ? 0 : 1))
  }

  async #isWanted(model: Model, storage: StorageFixture, name: string): Promise<boolean> {
    const path = join(storage.ownerDirectory(), name)
    const environment = await openLmdb({ path, mapBytes: 1 << 28, readOnly: true })
    const isWanted = SLOTS.filter((slot) => !model.forgotten.has(slot)).some((slot) => {
      const key = encodeKey('head', slot)
      const value = environment.get(key)
      const head = value && decodeRow('head', key, value)
      return head !== undefined && head.batches > 0 && head.next > model.horizons.get(slot)!
    })
    await environment.close()
    return isWanted
  }

  toString = () => `replace(${this.at})`
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

  // After a roll nothing of a forgotten slot is left, and the owner may not know the slot any more.
  check = (model: Model) => model.forgotten.size === 0

  async run(model: Model, real: Real): Promise<void> {
    if (this.isCrash) {
      await real.moveTo(copyOf)
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
// Large enough for a few to fill a segment.
const valuesOf = fc.array(
  fc.tuple(fc.nat(0xffff), fc.nat(9_000)).map(([seed, length]) => `${seed}`.padEnd(length, '-')),
  { minLength: 1, maxLength: 3 },
)

test('owner: stores what the model holds, whatever happens', async () => {
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
    fc
      .tuple(slots, fc.constantFrom<CommitFault | undefined>(undefined, 'nothing stored', 'stored unnoticed'))
      .map(([slot, fault]) => new Seal(slot, fault)),
    fc.tuple(slots, fc.nat()).map(([slot, by]) => new Trim(slot, by)),
    fc.constant(new Roll()),
    fc.nat().map((at) => new Replace(at)),
    slots.map((slot) => new Forget(slot)),
    fc.boolean().map((isCrash) => new Restart(isCrash)),
  ]
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 60, size: '+1' }), async (run) => {
      const real = await Real.create()
      const model: Model = {
        shards: new Map(SLOTS.map((slot) => [slot, []])),
        producers: new Map(),
        horizons: new Map(SLOTS.map((slot) => [slot, 0])),
        closed: new Set(),
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
