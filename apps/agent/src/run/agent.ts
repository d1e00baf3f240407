// The agent: all flows of a configuration, their positions, and the watchdog. Composition of flows; the world is handed in.
import type { AgentConfig, FlowConfig } from '../config/index.ts'
import { nodeDisk } from '../files/disk.ts'
import { FlowRunner, type AgentLog } from '../flows/flow-runner.ts'
import { printedProblem } from '../config/index.ts'
import { Positions } from '../positions/positions.ts'
import { matchInLinearTime } from '../processing/linear-matching.ts'
import type { AgentRim } from '../rim.ts'
import type { BrokerTrouble, BrokerTroubles } from '../send/broker-troubles.ts'
import { isOfBroker, makeSender, type SenderParts } from '../send/make-sender.ts'
import type { AgentSnapshot } from '../status/snapshot.ts'

export interface AgentParts {
  readonly config: AgentConfig
  /** Undefined where no flow goes to the broker. */
  readonly client: SenderParts['client']
  /** Why the broker was never reached so far. */
  readonly absenceOfBroker?: () => string | undefined
  readonly troubles: BrokerTroubles
  readonly rim: AgentRim
  readonly log: AgentLog
  /** Reads what is there, and ends. */
  readonly isOnce: boolean
}

/** How often rates are measured and files looked at. */
const LOOK_MS = 5_000

export class Agent {
  readonly #parts: AgentParts
  readonly #positions: Positions
  readonly #runners: readonly FlowRunner[]
  readonly #reading = new AbortController()
  readonly #sending = new AbortController()
  readonly #startedAt: number
  readonly #looking: Promise<void>
  readonly #running: Promise<PromiseSettledResult<void>[]>

  private constructor(parts: AgentParts, positions: Positions) {
    const { config, rim, log, isOnce } = parts
    this.#parts = parts
    this.#positions = positions
    this.#startedAt = rim.now()
    this.#runners = config.flows.map(
      (flow) =>
        new FlowRunner({
          config: flow,
          positions: positions.flow(flow.name),
          troubleOfBroker: () => troubleOf(flow, parts.troubles),
          absenceOfBroker: () => (isOfBroker(flow) ? parts.absenceOfBroker?.() : undefined),
          makeSender: (events) => makeSender({ flow, events, ...parts }),
          disk: nodeDisk,
          rim,
          isOnce,
          standsAfterMs: Math.max(config.statusPeriodMs, 2 * flow.buffer.ageMs),
          log,
        }),
    )
    this.#running = Promise.allSettled(
      this.#runners.map((runner) => runner.run(this.#reading.signal, this.#sending.signal)),
    )
    this.#looking = this.#look()
  }

  /** Opens the positions and begins. Rejects with a sentence where another agent has them. */
  static async start(parts: AgentParts): Promise<Agent> {
    // Before any pattern is made: those of the configuration are made anew for each flow.
    matchInLinearTime()
    const { config, rim, log } = parts
    for (const warning of config.warnings) log('warn', printedProblem(warning))
    const positions = await Positions.open(config.stateDir, {
      timeToLiveDays: config.positionLifeDays,
      now: rim.now,
    })
    return new Agent(parts, positions)
  }

  /** With `isOnce`: fulfils when all flows have ended, with the faults of those that could not deliver everything. */
  async ended(): Promise<readonly { readonly flow: FlowConfig; readonly error: unknown }[]> {
    const settled = await this.#running
    return settled.flatMap((outcome, index) =>
      outcome.status === 'rejected'
        ? [{ flow: this.#parts.config.flows[index]!, error: outcome.reason as unknown }]
        : [],
    )
  }

  snapshot(): AgentSnapshot {
    const { config, rim } = this.#parts
    return {
      at: rim.now(),
      startedAt: this.#startedAt,
      config: config.file,
      warnings: config.warnings.map(printedProblem),
      flows: this.#runners.map((runner) => runner.snapshot()),
    }
  }

  /** Looks at the files now, so that a snapshot shows them as they are. */
  refresh(): void {
    for (const runner of this.#runners) runner.look()
  }

  /** Reads no more, lets what is on its way be delivered for a bounded time, and closes the positions. */
  async close(): Promise<void> {
    const { config, rim } = this.#parts
    this.#reading.abort()
    const over = new AbortController()
    await Promise.race([this.#running, rim.wait(config.shutdownMs, over.signal)])
    over.abort()
    this.#sending.abort(new Error('The agent is stopped.'))
    await this.#running
    await this.#looking
    await this.#positions.close()
  }

  async #look(): Promise<void> {
    const { rim, config, log } = this.#parts
    const { signal } = this.#reading
    let reportedAt = rim.monotonic()
    while (!signal.aborted) {
      this.refresh()
      if (rim.monotonic() - reportedAt >= config.statusPeriodMs) {
        reportedAt = rim.monotonic()
        log(config.logsInternals ? 'info' : 'debug', this.#report())
      }
      await rim.wait(LOOK_MS, signal)
    }
  }

  #report(): string {
    const { flows } = this.snapshot()
    return flows
      .map(
        ({ name, state, tally }) =>
          `${name}: ${state}, ${tally.recordsRead} records read (${tally.bytesRead} bytes), ${tally.recordsSent} sent`,
      )
      .join('; ')
  }
}

/** What the client waits for, where the flow goes to the broker. The stream of a delivery has another name. */
function troubleOf(flow: FlowConfig, troubles: BrokerTroubles): BrokerTrouble | undefined {
  if (!isOfBroker(flow)) return undefined
  const { type, name } = flow.destination
  return troubles.of(type === 'stream' ? name : undefined)
}
