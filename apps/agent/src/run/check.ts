// What a configuration would do, without doing it: which files it matches and where it would begin, and whether its destinations are there.
// What `millrace agent --check` shows. It changes nothing, and runs beside an agent that runs.
import { stat } from 'node:fs/promises'
import type { AppConnection } from 'millrace/app'
import { destinationWords } from '../config/flow-bounds.ts'
import { printedProblem, type AgentConfig, type FlowConfig } from '../config/index.ts'
import { nodeDisk } from '../files/disk.ts'
import { PathPattern } from '../files/path-pattern.ts'
import { Positions } from '../positions/positions.ts'
import { worldRim } from '../rim.ts'
import { makeSender } from '../send/make-sender.ts'
import { openClient } from './open-client.ts'

export interface CheckedFile {
  readonly path: string
  readonly size: number
  /** Where reading would go on; undefined where the positions cannot be looked at. */
  readonly offset: number | undefined
  /** In words: where that comes from, or why the file is not read. */
  readonly note: string
}

export interface CheckedFlow {
  readonly name: string
  readonly destination: string
  /** What is wrong with the destination. */
  readonly trouble: string | undefined
  readonly files: readonly CheckedFile[]
}

export interface CheckReport {
  readonly configs: readonly string[]
  readonly stateDir: string
  readonly warnings: readonly string[]
  /** What keeps something from being delivered. */
  readonly errors: readonly string[]
  readonly flows: readonly CheckedFlow[]
}

const CHECK_MS = 10_000

export async function checkAgent(broker: AppConnection, config: AgentConfig): Promise<CheckReport> {
  const warnings = config.warnings.map(printedProblem)
  const errors: string[] = []
  await using positions = await openPositions(config, warnings)
  const flows: CheckedFlow[] = []
  const troubles = await destinationTroubles(broker, config)
  for (const [index, flow] of config.flows.entries()) {
    const files = await filesOf(flow, positions, errors)
    if (files.length === 0) warnings.push(`${flow.name} matches no file now: ${flow.filePattern}`)
    const trouble = troubles[index]
    if (trouble !== undefined) errors.push(`${flow.name}: ${trouble}`)
    const { type, name } = flow.destination
    flows.push({ name: flow.name, destination: `${destinationWords[type]}, ${name}`, trouble, files })
  }
  return { configs: config.files, stateDir: config.stateDir, warnings, errors, flows }
}

/** Undefined where nothing was ever read, or another agent has them. */
async function openPositions(config: AgentConfig, warnings: string[]): Promise<Positions | undefined> {
  const isThere = await stat(config.stateDir).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (!isThere) return undefined
  try {
    return await Positions.open(config.stateDir, {
      timeToLiveDays: config.positionLifeDays,
      now: worldRim.now,
    })
  } catch (error) {
    warnings.push(`Where files stand cannot be told: ${messageOf(error)}`)
    return undefined
  }
}

async function filesOf(
  flow: FlowConfig,
  positions: Positions | undefined,
  errors: string[],
): Promise<readonly CheckedFile[]> {
  const { paths, passedOver } = await new PathPattern(flow.filePattern).find(nodeDisk)
  const known = positions?.flow(flow.name)
  const files: CheckedFile[] = []
  for (const path of paths) {
    const facts = await nodeDisk.facts(path)
    if (facts === undefined) continue
    const { device, inode, size } = facts
    const before = known?.files().find((each) => each.device === device && each.inode === inode)
    const begins = flow.initialPosition === 'START_OF_FILE' || known?.isNew === false ? 0 : size
    const note =
      before === undefined
        ? begins === 0
          ? 'new, from its start'
          : 'new, from its end; with --once from its start'
        : 'known'
    files.push({ path, size, offset: before?.offset ?? begins, note })
    await nodeDisk
      .open(path)
      .then((opened) => opened?.close())
      .catch((error: unknown) => errors.push(`${path} cannot be read: ${messageOf(error)}`))
  }
  for (const { path, reason, state } of passedOver) {
    files.push({ path, size: 0, offset: undefined, note: reason })
    if (state === 'unreadable') errors.push(`${path}: ${reason}`)
  }
  return files
}

/** Of each flow. */
async function destinationTroubles(
  broker: AppConnection,
  config: AgentConfig,
): Promise<readonly (string | undefined)[]> {
  const signal = AbortSignal.timeout(CHECK_MS)
  const log = (): void => {}
  const opened = await openClient(broker, config, { log, now: worldRim.now }).then(
    ({ client }) => ({ client, trouble: undefined }),
    (error: unknown) => ({ client: undefined, trouble: messageOf(error) }),
  )
  const events = { attempted() {}, failed() {}, waits() {} }
  try {
    return await Promise.all(
      config.flows.map(async (flow) => {
        const { type } = flow.destination
        const isOfBroker = type === 'stream' || type === 'delivery'
        try {
          if (isOfBroker && opened.trouble !== undefined) return opened.trouble
          const sender = makeSender({ flow, config, client: opened.client, rim: worldRim, events, log })
          const trouble = await sender.check(signal)
          await sender.close()
          return trouble
        } catch (error) {
          return messageOf(error)
        }
      }),
    )
  } finally {
    await opened.client?.close()
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
