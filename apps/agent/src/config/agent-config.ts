// The whole configuration: the file, the directory of more flows beside it, and what of them counts. Reads files; what it makes of them is
// pure. As with AWS' agent, files of the directory add flows and nothing else.
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { AgentConfigFault, type ConfigProblem } from './config-fault.ts'
import { endpointOf, type AwsEndpoint } from './endpoints.ts'
import { flowConfig, type FlowConfig, type FlowEndpoints } from './flow-config.ts'
import { isProblem, parseJsonFile, type JsonValue } from './json-file.ts'
import { globalKeys } from './keys/global-keys.ts'
import { Findings, shown, valuesIn } from './key-values.ts'

export interface AgentConfig {
  /** Absolute. */
  readonly file: string
  /** The files that were read. */
  readonly files: readonly string[]
  readonly flows: readonly FlowConfig[]
  readonly warnings: readonly ConfigProblem[]
  /** Where positions are kept. */
  readonly stateDir: string
  readonly positionLifeDays: number
  readonly shutdownMs: number
  readonly createsStreams: boolean
  readonly statusPeriodMs: number
  readonly logsInternals: boolean
  readonly aws: AwsSettings
}

export interface AwsSettings {
  /** Undefined: as the SDK finds them. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
  readonly connectionsMax: number
  readonly connectionTimeoutMs: number
  readonly socketTimeoutMs: number
  readonly userAgent: string | undefined
}

/** A file of the configuration, read. */
export interface ConfigText {
  readonly file: string
  readonly text: string
}

/** Reads and checks the configuration. Throws AgentConfigFault with all that is wrong, or that the file cannot be read. */
export async function loadAgentConfig(
  file: string,
  { stateDir }: { readonly stateDir?: string | undefined } = {},
): Promise<AgentConfig> {
  const absolute = resolve(file)
  const main = { file: absolute, text: await textOf(absolute) }
  return agentConfig(main, await dropIns(absolute), stateDir)
}

/** What the texts say. Throws AgentConfigFault. */
export function agentConfig(
  main: ConfigText,
  dropped: readonly ConfigText[],
  stateDir?: string,
): AgentConfig {
  const findings = new Findings()
  const parsed = [main, ...dropped].map(({ file, text }) => parseJsonFile(file, text))
  const broken = parsed.filter(isProblem)
  if (broken.length > 0) throw new AgentConfigFault(broken)
  const [root, ...others] = parsed as JsonValue[]
  if (root!.members === undefined) throw new AgentConfigFault([noObject(main.file)])
  const values = valuesIn(globalKeys, root!, findings)
  const endpoints = endpointsOf(root!, values, findings)
  const flows = [root!, ...others].flatMap((file) =>
    flowsOf(file, { endpoints, findings, isMain: file === root }),
  )
  checkFlows(main.file, flows, findings)
  if (findings.problems.length > 0) throw new AgentConfigFault(findings.problems)
  const { awsAccessKeyId: accessKeyId, awsSecretAccessKey: secretAccessKey } = values
  return {
    file: main.file,
    files: [main, ...dropped].map(({ file }) => file),
    flows,
    warnings: findings.warnings,
    stateDir: stateDir ?? stateDirOf(main.file, values.checkpointFile),
    positionLifeDays: values.checkpointTimeToLiveDays,
    shutdownMs: values.shutdownTimeoutMillis,
    createsStreams: values['millrace.createStreams'],
    statusPeriodMs: values['log.statusReportingPeriodSeconds'] * 1000,
    logsInternals: values['log.emitInternalMetrics'],
    aws: {
      credentials: accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined,
      connectionsMax: values.maxConnections,
      connectionTimeoutMs: values.connectionTimeoutMillis,
      socketTimeoutMs: values.socketTimeoutMillis,
      userAgent: values.userAgentOverride ?? values.userAgent,
    },
  }
}

function stateDirOf(file: string, checkpointFile: string | undefined): string {
  const directory = dirname(file)
  return checkpointFile ? `${resolve(directory, checkpointFile)}.millrace` : join(directory, 'agent-state')
}

function noObject(file: string): ConfigProblem {
  return { file, line: 1, message: 'The configuration must be an object with "flows".' }
}

function endpointsOf(
  root: JsonValue,
  values: {
    readonly [N in 'kinesis.endpoint' | 'kinesis.region' | 'firehose.endpoint' | 'firehose.region']:
      string | undefined
  },
  findings: Findings,
): FlowEndpoints {
  const read = (service: 'kinesis' | 'firehose'): AwsEndpoint | undefined => {
    const key = `${service}.endpoint` as const
    const found = endpointOf(values[key], values[`${service}.region`])
    if (found === undefined || !('fault' in found)) return found
    findings.problem(
      root.members?.get(key)?.place ?? root.place,
      `${key} is ${shown(values[key])}: ${found.fault}.`,
    )
    return undefined
  }
  return { kinesis: read('kinesis'), firehose: read('firehose') }
}

function flowsOf(
  file: JsonValue,
  { endpoints, findings, isMain }: { endpoints: FlowEndpoints; findings: Findings; isMain: boolean },
): FlowConfig[] {
  if (file.members === undefined) {
    findings.problems.push(noObject(file.place.file))
    return []
  }
  if (!isMain) {
    for (const [name, { place }] of file.members) {
      if (name !== 'flows') {
        findings.warn(
          `dropped:${name}`,
          place,
          `${name} has no effect in ${basename(dirname(place.file))}: its files add flows alone. Give it in the main file.`,
        )
      }
    }
  }
  return (file.members.get('flows')?.items ?? [])
    .filter(({ members }) => members !== undefined)
    .flatMap((item) => flowConfig(item, endpoints, findings) ?? [])
}

function checkFlows(file: string, flows: readonly FlowConfig[], findings: Findings): void {
  if (flows.length === 0 && findings.problems.length === 0) {
    findings.problem(
      { file },
      'There are no flows: give "flows": [{ "filePattern": …, "kinesisStream": … }].',
    )
  }
  const seen = new Map<string, FlowConfig>()
  for (const flow of flows) {
    const first = seen.get(flow.name)
    if (first === undefined) seen.set(flow.name, flow)
    else {
      findings.problem(
        flow.place,
        `The flow ${flow.name} is there already, at ${first.place.file}:${first.place.line}: remove one of them.`,
      )
    }
  }
}

/** The files of `agent.d` beside `agent.json`, in the order of their names. */
async function dropIns(file: string): Promise<readonly ConfigText[]> {
  const directory = file.replace(/(\.[^./\\]*)?$/, '.d')
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw new AgentConfigFault([
      {
        file: directory,
        message: `The directory cannot be read: ${error.message}. Give this user the right to.`,
      },
    ])
  })
  const names = entries
    // What editors and package managers leave behind is no configuration.
    .filter(
      (entry) => !entry.isDirectory() && !/^\.|~$|\.(bak|swp|orig|rpmnew|rpmsave|dpkg-.*)$/.test(entry.name),
    )
    .map((entry) => join(directory, entry.name))
    .sort()
  return Promise.all(names.map(async (name) => ({ file: name, text: await textOf(name) })))
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'There is no such file: name the configuration with --config.',
      EACCES: 'This user may not read it: give it the right to, or run the agent as one who may.',
      EISDIR: 'It is a directory: name the file in it.',
    }
    throw new AgentConfigFault([{ file, message: reasons[code ?? ''] ?? `It cannot be read: ${message}.` }])
  }
}
