// The durable positions of an agent: one directory, one journal, all flows. Runs in the process of the agent, which alone has the
// directory.
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { claimDirectory, type DirectoryClaim } from './directory-claim.ts'
import { FlowPositions } from './flow-positions.ts'
import { decodeFrames } from './journal-frames.ts'
import { Journal, syncDirectory } from './journal.ts'
import {
  applyFact,
  factsOfRecords,
  noRecords,
  type FlowRecords,
  type PositionFact,
} from './position-facts.ts'

const DIRECTORY_MODE = 0o700
const JOURNAL_FILE = 'positions.journal'

export interface PositionsOptions {
  /** How long a file that is gone is remembered: `checkpointTimeToLiveDays`. */
  readonly timeToLiveDays: number
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export class Positions implements AsyncDisposable {
  readonly #options: PositionsOptions
  readonly #claim: DirectoryClaim
  readonly #flows = new Map<string, FlowRecords>()
  readonly #opened = new Map<string, FlowPositions>()
  #journal: Journal | undefined

  private constructor(options: PositionsOptions, claim: DirectoryClaim) {
    this.#options = options
    this.#claim = claim
  }

  /** Opens a directory, and makes it where it is missing. Rejects with a sentence where another agent has it, or it is damaged. */
  static async open(directory: string, options: PositionsOptions): Promise<Positions> {
    const path = resolve(directory)
    const isMade = (await mkdir(path, { recursive: true, mode: DIRECTORY_MODE })) !== undefined
    if (isMade) await syncDirectory(dirname(path))
    const claim = await claimDirectory(path)
    try {
      const positions = new Positions(options, claim)
      positions.#journal = await Journal.open(join(path, JOURNAL_FILE), {
        apply: (facts) => {
          for (const fact of facts as readonly PositionFact[]) applyFact(positions.#records(fact.flow), fact)
        },
        snapshot: () => [...positions.#flows].flatMap(([flow, records]) => factsOfRecords(flow, records)),
      })
      return positions
    } catch (error) {
      await claim.release()
      throw error
    }
  }

  /** What a directory holds, read beside the agent that has it: nothing is claimed or written. Undefined where there is nothing. */
  static async look(directory: string): Promise<ReadonlyMap<string, FlowRecords> | undefined> {
    const path = join(resolve(directory), JOURNAL_FILE)
    const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
    })
    if (bytes === undefined) return undefined
    const flows = new Map<string, FlowRecords>()
    for (const fact of decodeFrames(bytes, path).facts as readonly PositionFact[])
      applyFact(recordsIn(flows, fact.flow), fact)
    return flows
  }

  /** The positions of a flow; the same object for the same name. The name must be the same after a restart. */
  flow(name: string): FlowPositions {
    const known = this.#opened.get(name)
    if (known !== undefined) return known
    const { timeToLiveDays, now } = this.#options
    const flow = new FlowPositions({
      name,
      records: this.#records(name),
      timeToLiveDays,
      now,
      append: (facts) => this.#journal!.append(facts),
    })
    this.#opened.set(name, flow)
    return flow
  }

  /** Fulfils when everything told is durable or refused, and the directory is free. */
  async close(): Promise<void> {
    await this.#journal?.close()
    await this.#claim.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #records(flow: string): FlowRecords {
    return recordsIn(this.#flows, flow)
  }
}

function recordsIn(flows: Map<string, FlowRecords>, flow: string): FlowRecords {
  const records = flows.get(flow) ?? noRecords()
  flows.set(flow, records)
  return records
}
