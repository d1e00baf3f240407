// An agent that reads the files of one flow, and may crash: positions are those of the app, and what is durable of them survives.
import { FlowFiles } from '../../../src/files/flow-files.ts'
import type { Disk } from '../../../src/files/disk.ts'
import type { FilesRim, FlowFileSettings } from '../../../src/files/flow-file-settings.ts'
import type { CheckedRange, LineRun } from '../../../src/lines/line-run.ts'
import { FlowPositions } from '../../../src/positions/flow-positions.ts'
import {
  applyFact,
  factsOfRecords,
  noRecords,
  type PositionFact,
} from '../../../src/positions/position-facts.ts'

type FilesClock = Pick<FilesRim, 'now' | 'monotonic' | 'wait'>

/** A clock that moves when it is told to, and when somebody waits. */
export class TestClock {
  ms = 1_700_000_000_000
  /** How far the clock on the wall is off. */
  offMs = 0
  readonly now = (): number => this.ms + this.offMs
  readonly monotonic = (): number => this.ms
  readonly wait = (ms: number): Promise<void> => {
    this.ms += Math.max(1, ms)
    return Promise.resolve()
  }
}

export const SETTINGS: FlowFileSettings = {
  filePattern: '/logs/app.log*',
  initialPosition: 'START_OF_FILE',
  skipHeaderLines: 0,
  recordBytesMax: 1 << 20,
  truncationTerminator: Buffer.from('\n'),
  keepTerminators: false,
  pollMsMin: 100,
  refreshMsMax: 1_000,
  once: false,
  watchesMax: 0,
}

/** What is thrown where the agent dies in the middle of something. */
export class AgentDied extends Error {}

export class ReadingAgent {
  readonly #disk: Disk
  readonly #settings: FlowFileSettings
  readonly clock: FilesClock
  /** What the journal holds, as text. */
  #journal: readonly string[] = []
  /** After how many writes to the journal the agent dies, and whether the last one is durable then. */
  dies: { after: number; readonly isDurable: boolean } | undefined
  positions!: FlowPositions
  files!: FlowFiles

  constructor(disk: Disk, clock: FilesClock, settings: Partial<FlowFileSettings> = {}) {
    this.#disk = disk
    this.clock = clock
    this.#settings = { ...SETTINGS, ...settings }
  }

  async start(): Promise<this> {
    const records = noRecords()
    for (const fact of this.#journal) applyFact(records, JSON.parse(fact) as PositionFact)
    this.#journal = factsOfRecords('flow', records).map((fact) => JSON.stringify(fact))
    this.positions = new FlowPositions({
      name: 'flow',
      records,
      timeToLiveDays: 7,
      now: this.clock.now,
      append: (facts) => {
        const isDeath = this.dies !== undefined && this.dies.after-- === 0
        if (!isDeath || this.dies?.isDurable === true) {
          for (const fact of facts) applyFact(records, fact)
          this.#journal = [...this.#journal, ...facts.map((fact) => JSON.stringify(fact))]
        }
        return isDeath ? Promise.reject(new AgentDied()) : Promise.resolve()
      },
    })
    const rim = {
      disk: this.#disk,
      now: this.clock.now,
      monotonic: this.clock.monotonic,
      wait: this.clock.wait,
    }
    this.files = await FlowFiles.open({
      flow: this.#settings,
      positions: this.positions,
      rim,
    })
    return this
  }

  /** Ends without telling anybody, and begins again. */
  async crash(): Promise<void> {
    this.dies = undefined
    await this.files.close()
    await this.start()
  }

  async next(limits: { bytesMax?: number; recordsMax?: number } = {}): Promise<LineRun | undefined> {
    return this.files.next({ bytesMax: 1 << 20, recordsMax: 1000, ...limits })
  }

  /** Reads and confirms everything that comes within some polls. */
  async drain(polls = 3, limits: { bytesMax?: number; recordsMax?: number } = {}): Promise<string[]> {
    const lines: string[] = []
    for (let poll = 0; poll < polls; poll++) {
      for (let run = await this.next(limits); run !== undefined; run = await this.next(limits)) {
        lines.push(...textsOf(run))
        await this.positions.confirmed(run)
      }
      await this.files.idle(new AbortController().signal)
    }
    return lines
  }
}

export function textsOf(run: LineRun): string[] {
  return run.records.map((record) => Buffer.from(record).toString('latin1'))
}

export function rangeOf({ file, from, to, tail }: CheckedRange): CheckedRange {
  return { file, from, to, tail }
}
