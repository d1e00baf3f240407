// Files of a flow in memory: a script of what `next` gives, and a clock that moves only when somebody waits. For tests of flows.
import type { LineRun } from '../../src/lines/line-run.ts'
import type { FlowFiles } from '../../src/files/flow-files.ts'
import type { FlowPositions } from '../../src/positions/flow-positions.ts'
import type { PreparedChunk } from '../../src/positions/position-facts.ts'

const NO_TAIL = { bytes: 0, digest: '' }

/** Moves by waits alone. */
export class WaitedTime {
  at = 0
  readonly waits: number[] = []
  readonly now = (): number => 1_767_225_600_000 + this.at
  readonly monotonic = (): number => this.at
  readonly random = (): number => 1
  readonly wait = async (ms: number, signal: AbortSignal): Promise<void> => {
    await Promise.resolve()
    if (signal.aborted) return
    this.waits.push(ms)
    this.at += ms
  }
}

export function runOf(from: number, lines: readonly string[], file = 'file-1'): LineRun {
  const records = lines.map((line) => Buffer.from(line))
  const to = from + records.reduce((sum, { byteLength }) => sum + byteLength, 0)
  return {
    file,
    from,
    to,
    tail: NO_TAIL,
    path: `/logs/${file}`,
    records,
    droppedBytes: 0,
    cutRecords: 0,
    modifiedAt: 0,
  }
}

/** Gives the runs of its script one after another; undefined in it: nothing now. At its end it is ended. */
export class FakeFiles {
  readonly #script: (LineRun | undefined)[]
  readonly #time: WaitedTime
  readonly asked: { bytesMax: number; recordsMax: number }[] = []
  readonly holds: (string | undefined)[] = []
  readonly pollMs = 100

  constructor(script: readonly (LineRun | undefined)[], time: WaitedTime) {
    this.#script = [...script]
    this.#time = time
  }

  get isEnded(): boolean {
    return this.#script.length === 0
  }

  async next({
    bytesMax,
    recordsMax,
  }: {
    bytesMax: number
    recordsMax: number
  }): Promise<LineRun | undefined> {
    this.asked.push({ bytesMax, recordsMax })
    await Promise.resolve()
    return this.#script.shift()
  }

  async again(range: { from: number; to: number }): Promise<LineRun> {
    await Promise.resolve()
    if (range.to > 1000) throw new Error('The file is gone.')
    return { ...runOf(range.from, ['x'.repeat(range.to - range.from)]), to: range.to }
  }

  idle(signal: AbortSignal): Promise<void> {
    return this.#time.wait(this.pollMs, signal)
  }

  hold(reason: string | undefined): void {
    if (this.holds.at(-1) !== reason) this.holds.push(reason)
  }

  get files(): FlowFiles {
    return this as unknown as FlowFiles
  }
}

/** Positions in memory, and what they were told. */
export class FakePositions {
  readonly told: string[] = []
  readonly doubts: PreparedChunk[] = []

  async prepared(ranges: readonly { from: number }[]): Promise<void> {
    await Promise.resolve()
    this.told.push(`prepared ${ranges.map(({ from }) => from).join()}`)
  }

  async confirmed(ranges: readonly { from: number }[]): Promise<void> {
    await Promise.resolve()
    this.told.push(`confirmed ${ranges.map(({ from }) => from).join()}`)
  }

  inDoubt(): readonly PreparedChunk[] {
    return this.doubts
  }

  get positions(): FlowPositions {
    return this as unknown as FlowPositions
  }
}
