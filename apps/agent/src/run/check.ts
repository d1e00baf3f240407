// What a configuration would do, without doing it: which files it matches and where it would begin, and whether its destinations are there.
// What `millrace agent --check` shows. It changes nothing, and runs beside an agent that runs.
import type { AppConnection } from 'millrace/app'
import { destinationWords } from '../config/flow-bounds.ts'
import { printedProblem, type AgentConfig, type FlowConfig } from '../config/index.ts'
import { nodeDisk, type FileFacts } from '../files/disk.ts'
import { PathPattern, unreadable } from '../files/path-pattern.ts'
import { listFiles } from '../files/tracking/listing.ts'
import { inodeKey } from '../files/tracking/tracked-file.ts'
import type { FilePosition, FlowRecords } from '../positions/position-facts.ts'
import { Positions } from '../positions/positions.ts'
import { worldRim } from '../rim.ts'
import { isOfBroker, makeSender } from '../send/make-sender.ts'
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

type PositionsOfFlows = ReadonlyMap<string, FlowRecords>

export async function checkAgent(broker: AppConnection, config: AgentConfig): Promise<CheckReport> {
  const warnings = config.warnings.map(printedProblem)
  const errors: string[] = []
  const positions = await positionsOf(config, errors)
  const flows: CheckedFlow[] = []
  const troubles = await destinationTroubles(broker, config)
  for (const [index, flow] of config.flows.entries()) {
    const files = await filesOf(flow, positions?.get(flow.name), errors)
    if (files.length === 0) warnings.push(`${flow.name} matches no file now: ${flow.filePattern}`)
    const trouble = troubles[index]
    if (trouble !== undefined) errors.push(`${flow.name}: ${trouble}`)
    const { type, name } = flow.destination
    flows.push({ name: flow.name, destination: `${destinationWords[type]}, ${name}`, trouble, files })
  }
  return { configs: config.files, stateDir: config.stateDir, warnings, errors, flows }
}

/** Undefined where nothing was ever read, or what is there cannot be understood. */
async function positionsOf(
  { stateDir }: AgentConfig,
  errors: string[],
): Promise<PositionsOfFlows | undefined> {
  try {
    return await Positions.look(stateDir)
  } catch (error) {
    errors.push(`Where files stand cannot be told: ${messageOf(error)}`)
    return undefined
  }
}

async function filesOf(
  flow: FlowConfig,
  records: FlowRecords | undefined,
  errors: string[],
): Promise<readonly CheckedFile[]> {
  const { paths, passedOver } = await new PathPattern(flow.filePattern).find(nodeDisk)
  const { listed, failed } = await listFiles(nodeDisk, paths, () => false)
  const known = new Map([...(records?.files.values() ?? [])].map((each) => [inodeKey(each), each]))
  const isStarted = records?.startedAt !== undefined
  const files: CheckedFile[] = []
  for (const [key, { path, facts }] of listed) {
    const { size } = facts
    files.push({ path, size, ...beginningOf(facts, known.get(key), { flow, isStarted }) })
    await nodeDisk
      .open(path)
      .then((opened) => opened?.close())
      .catch((error: NodeJS.ErrnoException) => errors.push(unreadable(path, error).reason))
  }
  for (const { path, reason, state } of [...passedOver, ...failed]) {
    files.push({ path, size: 0, offset: undefined, note: reason })
    if (state === 'unreadable') errors.push(reason)
  }
  return files
}

/** Where reading a file would go on, and in words where that comes from. */
function beginningOf(
  facts: FileFacts,
  known: FilePosition | undefined,
  { flow, isStarted }: { readonly flow: FlowConfig; readonly isStarted: boolean },
): { readonly offset: number; readonly note: string } {
  const isSame = known !== undefined && (known.bornAt === undefined || known.bornAt === facts.bornAt)
  if (isSame && known.isFinished !== true) {
    return facts.size < known.offset
      ? { offset: 0, note: 'truncated since it was read, from its start' }
      : { offset: known.offset, note: 'known' }
  }
  if (isStarted || flow.initialPosition === 'START_OF_FILE') return { offset: 0, note: 'new, from its start' }
  // Said outright, it holds with --once too.
  const isSaid = flow.initialPosition !== undefined
  return { offset: facts.size, note: `new, from its end${isSaid ? '' : '; with --once from its start'}` }
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
  const reached = opened.client
  const client = reached && (() => Promise.resolve(reached))
  const events = { attempted() {}, failed() {}, waits() {} }
  try {
    return await Promise.all(
      config.flows.map(async (flow) => {
        try {
          if (isOfBroker(flow) && opened.trouble !== undefined) return opened.trouble
          const sender = makeSender({ flow, config, client, rim: worldRim, events, log })
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
