// A log that is written, rotated and read in steps, and a destination that stores a prepared chunk once, as a stream does. What an agent
// does between its steps is lost with it.
import fc from 'fast-check'
import { expect } from 'vitest'
import { AgentDied, rangeOf, textsOf, type ReadingAgent } from './reading-agent.ts'

/** What the writer of the log does to its files. */
export interface LogStore {
  has(path: string): boolean
  append(path: string, text: string): void
  create(path: string): void
  rename(from: string, to: string): void
  copy(from: string, to: string): void
  truncate(path: string): void
}

export type Step =
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
      /** After how many writes to the journal the agent dies, and whether the last one is durable. */
      readonly dies?: { readonly after: number; readonly isDurable: boolean } | undefined
    }

/** Where a crash comes in the delivery of the last run, if one comes. */
type End = 'none' | 'read' | 'prepared' | 'stored' | 'idle'

/** Random steps, with these kinds of rotation. */
export const rotationSteps = (rotations: readonly ('rename' | 'copytruncate')[]): fc.Arbitrary<Step> =>
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
      arbitrary: fc.record({
        do: fc.constant('wait' as const),
        ms: fc.constantFrom(1, 150, 1_500),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('read' as const),
        runs: fc.integer({ min: 0, max: 6 }),
        bytesMax: fc.constantFrom(1, 20, 2_000),
        recordsMax: fc.integer({ min: 1, max: 5 }),
        end: fc.constantFrom<End>('none', 'none', 'read', 'prepared', 'stored', 'idle'),
        dies: fc.option(
          fc.record({
            after: fc.integer({ min: 0, max: 8 }),
            isDurable: fc.boolean(),
          }),
          {
            nil: undefined,
            freq: 2,
          },
        ),
      }),
    },
  )

export class RotationScene {
  readonly #store: LogStore
  readonly #log: string
  readonly #clock: { ms: number }
  readonly agent: ReadingAgent
  readonly written: string[] = []
  /** What the destination holds, chunk by chunk. */
  readonly stored = new Map<string, readonly string[]>()
  #isLineOpen = false
  #rotated = 0

  constructor(store: LogStore, log: string, clock: { ms: number }, agent: ReadingAgent) {
    this.#store = store
    this.#log = log
    this.#clock = clock
    this.agent = agent
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'append':
        for (let line = 0; line < step.lines; line++) this.#append('x'.repeat(step.width), '\n')
        return
      case 'begin-line':
        if (!this.#isLineOpen) this.#append('', '')
        return
      case 'rename':
        if (!this.#store.has(this.#log)) return
        this.#shift()
        this.#store.rename(this.#log, `${this.#log}.1`)
        this.#store.create(this.#log)
        this.#isLineOpen = false
        return
      case 'copytruncate':
        if (!this.#store.has(this.#log)) return
        this.#shift()
        this.#store.copy(this.#log, `${this.#log}.1`)
        for (let poll = 0; poll < step.pollsBetween; poll++) {
          await this.#read({
            do: 'read',
            runs: 3,
            bytesMax: 1_000,
            recordsMax: 2,
            end: 'none',
          })
        }
        this.#store.truncate(this.#log)
        this.#isLineOpen = false
        return
      case 'wait':
        this.#clock.ms += step.ms
        return
      case 'read':
        await this.#readOrDie(step)
    }
  }

  /** Completes what is begun, and reads until nothing comes any more. */
  async finish(): Promise<void> {
    if (this.#isLineOpen) this.#append('', '\n')
    for (let poll = 0; poll < 60; poll++) {
      await this.#read({
        do: 'read',
        runs: 1_000,
        bytesMax: 1_000,
        recordsMax: 100,
        end: 'none',
      })
      this.#clock.ms += 500
    }
  }

  delivered(): string[] {
    return [...this.stored.values()].flat()
  }

  #append(filling: string, end: string): void {
    if (this.#isLineOpen) {
      this.#store.append(this.#log, `rest${end}`)
      this.written.push(`${this.written.pop()}rest`)
    } else {
      const line = `line ${this.written.length} ${filling}`
      this.#store.append(this.#log, `${line}${end}`)
      this.written.push(line)
    }
    this.#isLineOpen = end === ''
  }

  #shift(): void {
    for (let number = this.#rotated; number > 0; number--)
      this.#store.rename(`${this.#log}.${number}`, `${this.#log}.${number + 1}`)
    this.#rotated++
  }

  async #readOrDie(step: Step & { readonly do: 'read' }): Promise<void> {
    this.agent.dies = step.dies && { ...step.dies }
    try {
      await this.#read(step)
    } catch (error) {
      if (!(error instanceof AgentDied)) throw error
      await this.#crash()
    }
    this.agent.dies = undefined
  }

  async #read({ runs, bytesMax, recordsMax, end }: Step & { readonly do: 'read' }): Promise<void> {
    for (let left = runs; left > 0; left--) {
      const run = await this.agent.next({ bytesMax, recordsMax })
      if (run === undefined) break
      const isLast = left === 1
      if (isLast && end === 'read') return this.#crash()
      await this.agent.positions.prepared(run, {
        plan: null,
        madeAt: 0,
        seed: '',
      })
      if (isLast && end === 'prepared') return this.#crash()
      this.#deliver(rangeOf(run), textsOf(run))
      if (isLast && end === 'stored') return this.#crash()
      await this.agent.positions.confirmed(run)
    }
    if (end === 'idle') await this.#crash()
  }

  #deliver(
    range: {
      readonly file: string
      readonly from: number
      readonly to: number
    },
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
        this.#deliver(rangeOf(range), textsOf(await this.agent.files.again(range)))
      await this.agent.positions.confirmed(chunk.ranges)
    }
  }
}
