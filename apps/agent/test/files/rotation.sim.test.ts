// Random sequences of appending, rotation, polls and crashes: each line is delivered once, and in the order in which it was written.
// The destination stores a prepared chunk once, as a stream does; what an agent does between its steps is lost with it.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { MemoryDisk } from './support/memory-disk.ts'
import { ReadingAgent, rangeOf, TestClock, textsOf } from './support/reading-agent.ts'

const LOG = '/logs/app.log'

type Step =
  | { readonly do: 'append'; readonly lines: number; readonly width: number }
  | { readonly do: 'begin-line' }
  | { readonly do: 'rename' }
  | { readonly do: 'copytruncate'; readonly pollsBetween: number }
  | { readonly do: 'wait'; readonly ms: number }
  | {
      readonly do: 'read'
      readonly runs: number
      readonly bytesMax: number
      readonly recordsMax: number
      readonly end: End
    }

/** Where a crash comes in the delivery of the last run, if one comes. */
type End = 'none' | 'read' | 'prepared' | 'stored' | 'idle'

const steps = (rotations: readonly ('rename' | 'copytruncate')[]): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        lines: fc.integer({ min: 1, max: 4 }),
        width: fc.constantFrom(0, 0, 30, 700),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'begin-line' as const }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom(...rotations),
        pollsBetween: fc.integer({ min: 0, max: 2 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 150, 1_500) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('read' as const),
        runs: fc.integer({ min: 0, max: 6 }),
        bytesMax: fc.constantFrom(1, 20, 2_000),
        recordsMax: fc.integer({ min: 1, max: 5 }),
        end: fc.constantFrom<End>('none', 'none', 'read', 'prepared', 'stored', 'idle'),
      }),
    },
  )

class Scene {
  readonly clock = new TestClock()
  readonly disk = new MemoryDisk(() => this.clock.ms++)
  readonly agent = new ReadingAgent(this.disk, this.clock, { recordBytesMax: 1_000 })
  readonly written: string[] = []
  /** What the destination holds, chunk by chunk. */
  readonly stored = new Map<string, readonly string[]>()
  #isLineOpen = false
  #rotated = 0

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'append':
        for (let line = 0; line < step.lines; line++) this.#append('x'.repeat(step.width), '\n')
        return
      case 'begin-line':
        if (!this.#isLineOpen) this.#append('', '')
        return
      case 'rename':
        if (!this.disk.has(LOG)) return
        this.#shift()
        this.disk.rename(LOG, `${LOG}.1`)
        this.disk.create(LOG)
        this.#isLineOpen = false
        return
      case 'copytruncate':
        if (!this.disk.has(LOG)) return
        this.#shift()
        this.disk.copy(LOG, `${LOG}.1`)
        for (let poll = 0; poll < step.pollsBetween; poll++) {
          await this.#read({ do: 'read', runs: 3, bytesMax: 1_000, recordsMax: 2, end: 'none' })
        }
        this.disk.truncate(LOG)
        this.#isLineOpen = false
        return
      case 'wait':
        this.clock.ms += step.ms
        return
      case 'read':
        await this.#read(step)
    }
  }

  /** Completes what is begun, and reads until nothing comes any more. */
  async finish(): Promise<void> {
    if (this.#isLineOpen) this.#append('', '\n')
    for (let poll = 0; poll < 60; poll++) {
      await this.#read({ do: 'read', runs: 1_000, bytesMax: 1_000, recordsMax: 100, end: 'none' })
      this.clock.ms += 500
    }
  }

  delivered(): string[] {
    return [...this.stored.values()].flat()
  }

  #append(filling: string, end: string): void {
    if (this.#isLineOpen) {
      this.disk.append(LOG, `rest${end}`)
      this.written.push(`${this.written.pop()}rest`)
    } else {
      const line = `line ${this.written.length} ${filling}`
      this.disk.append(LOG, `${line}${end}`)
      this.written.push(line)
    }
    this.#isLineOpen = end === ''
  }

  #shift(): void {
    for (let number = this.#rotated; number > 0; number--)
      this.disk.rename(`${LOG}.${number}`, `${LOG}.${number + 1}`)
    this.#rotated++
  }

  async #read({ runs, bytesMax, recordsMax, end }: Step & { readonly do: 'read' }): Promise<void> {
    for (let left = runs; left > 0; left--) {
      const run = await this.agent.next({ bytesMax, recordsMax })
      if (run === undefined) break
      const isLast = left === 1
      if (isLast && end === 'read') return this.#crash()
      await this.agent.positions.prepared(run, { plan: null, madeAt: 0, seed: '' })
      if (isLast && end === 'prepared') return this.#crash()
      this.#store(rangeOf(run), textsOf(run))
      if (isLast && end === 'stored') return this.#crash()
      await this.agent.positions.confirmed(run)
    }
    if (end === 'idle') await this.#crash()
  }

  #store(
    range: { readonly file: string; readonly from: number; readonly to: number },
    lines: string[],
  ): void {
    const key = JSON.stringify([range.file, range.from, range.to])
    const before = this.stored.get(key)
    if (before !== undefined) expect(lines).toEqual(before)
    else this.stored.set(key, lines)
  }

  async #crash(): Promise<void> {
    await this.agent.crash()
    for (const chunk of this.agent.positions.inDoubt()) {
      for (const range of chunk.ranges)
        this.#store(rangeOf(range), textsOf(await this.agent.files.again(range)))
      await this.agent.positions.confirmed(chunk.ranges)
    }
  }
}

for (const rotations of [['rename'], ['copytruncate'], ['rename', 'copytruncate']] as const) {
  it(`delivers each line once and in order through ${rotations.join(' and ')}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps(rotations), { maxLength: 25 }), async (sequence) => {
        const scene = new Scene()
        scene.disk.mkdir('/logs')
        await scene.agent.start()
        for (const step of sequence) await scene.take(step)
        await scene.finish()
        expect(scene.delivered()).toEqual(scene.written)
        await scene.agent.files.close()
        expect(scene.disk.openHandles).toBe(0)
      }),
      { numRuns: 500 },
    )
  })
}
