// The way from a log to two lakes: what its agent, its function and its deliveries are told, how far each of them is, and how their
// processes are killed. Runs in a test's process.
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from 'millrace'
import { expect } from 'vitest'
import { command } from '../../../cli/command.ts'
import {
  childrenOf,
  isAlive,
  knownProcess,
  signal,
  untilGone,
  type KnownProcess,
  type TestDaemon,
} from '../../../support/daemon.ts'
import { handlerSource } from './flights.ts'

/** Directories of the deliveries: gzipped lines, and Parquet. */
export type Lakes = Readonly<Record<'json' | 'parquet', string>>

/** Small buffers, so that many chunks are on their way when somebody dies. A rotated file is no log by itself. */
export async function writeAgentConfig(folder: string): Promise<string> {
  const flow = {
    filePattern: 'flights.log',
    kinesisStream: 'flights',
    initialPosition: 'START_OF_FILE',
    maxBufferAgeMillis: 20,
    maxBufferSizeRecords: 100,
    minTimeBetweenFilePollsMillis: 10,
  }
  const path = join(folder, 'agent.json')
  await writeFile(path, JSON.stringify({ flows: [flow] }))
  return path
}

/** Makes the function and the deliveries, as a user does. Returns the names of the groups that they read by, in the order of the way. */
export async function makePipeline(options: {
  readonly url: string
  readonly folder: string
  readonly lakes: Lakes
}): Promise<readonly string[]> {
  const { url, folder, lakes } = options
  await writeFile(join(folder, 'late.mjs'), handlerSource)
  const run = async (line: string): Promise<string> => {
    const { code, stdout, stderr } = await command(line.split(' '), { url, cwd: folder })
    expect({ code, stderr }).toMatchObject({ code: 0 })
    return stdout.toString()
  }
  const mapping = '--stream flights --create-stream --to late --batch-size 100'
  const made = await run(`function create late --handler ./late.mjs --timeout 60s ${mapping} --json`)
  const { uuid } = (JSON.parse(made) as { readonly mapping: { readonly uuid: string } }).mapping
  const source = '--stream late --partition-by .lateness --buffer-interval 1s'
  await run(`delivery create json --to ${lakes.json} --compression gzip ${source}`)
  await run(`delivery create parquet --to ${lakes.parquet} --format parquet ${source}`)
  return [`function.${uuid}`, 'delivery.json', 'delivery.parquet']
}

/** How many records a stream was given; those of shards whose host is down do not count. */
export async function recordsIn(client: Client, stream: string): Promise<number> {
  let count = 0
  for await (const { startingSequenceNumber, tail } of client.listShards(stream)) {
    count += Math.max(0, (tail ?? 0) - startingSequenceNumber)
  }
  return count
}

/** How many records a group has before it; infinitely many where somebody's place is not known. */
export async function recordsBefore(client: Client, group: string): Promise<number> {
  const { totals, shards } = await client.describeGroup(group)
  const isKnown = totals.unknownShards === 0 && shards.every(({ reason }) => reason === 'caughtUp')
  return isKnown ? totals.recordsBehind : Infinity
}

/** All records of a stream, as lines. */
export async function linesIn(client: Client, stream: string): Promise<string[]> {
  const lines: string[] = []
  for await (const { bytes } of client.read(stream)) lines.push(Buffer.from(bytes).toString().trimEnd())
  return lines
}

/** Splits the open shard with the most bytes. */
export async function splitLargest(client: Client, stream: string): Promise<void> {
  let largest: { readonly shardId: string; readonly bytes: number } | undefined
  for await (const { shardId, state, bytes = 0 } of client.listShards(stream)) {
    if (state === 'OPEN' && (largest === undefined || bytes > largest.bytes)) largest = { shardId, bytes }
  }
  await client.splitShard(stream, largest!.shardId)
}

export async function killHosts(daemon: TestDaemon): Promise<void> {
  await kill((await daemon.hostPids()).map(knownProcess))
}

/** Kills the process of an app, which is started again by itself; waits for it where it is just being started. */
export async function killApp(daemon: TestDaemon, app: string): Promise<void> {
  const running = () =>
    childrenOf(knownProcess(daemon.controllerPid)).filter(
      (child) => isAlive(child) && commandLine(child).includes(`app-${app}`),
    )
  await expect.poll(() => running().length).toBe(1)
  await kill(running())
}

async function kill(processes: readonly KnownProcess[]): Promise<void> {
  for (const process of processes) signal(process, 'SIGKILL')
  await untilGone(processes)
}

/** Its command and arguments; empty where it is gone. */
function commandLine({ pid }: KnownProcess): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
