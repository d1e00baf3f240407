// Load: a file of lines is sent to a stream, by the agent, or by a plain Node program that reads lines and pushes them. Runs in a load
// process; the start of the process is not counted.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { monotonicMs } from '../../harness/clock.ts'
import { connect } from '../../harness/connect.ts'
import type { LoadControl } from '../job.ts'
import { agentApp } from './agent-app.ts'

export interface FileLoad {
  readonly url: string
  /** Configuration of an agent whose one flow reads the file. */
  readonly config: string
  readonly file: string
  readonly stream: string
}

export interface FileResult {
  readonly lines: number
  readonly linesPerSecond: number
}

/** The agent with its journal: each line once. */
export async function runAgentOnce({ url, config }: FileLoad, control: LoadControl): Promise<FileResult> {
  const { runOnce, loadAgentConfig } = await agentApp()
  const read = await loadAgentConfig(config)
  control.ready()
  const startedAt = monotonicMs()
  const { snapshot } = await runOnce({
    broker: { url },
    config: read,
    log: () => {},
    signal: control.stopped,
    onProgress: () => {},
  })
  const lines = snapshot.flows.reduce((sum, { tally }) => sum + tally.recordsSent, 0)
  return { lines, linesPerSecond: (1000 * lines) / (monotonicMs() - startedAt) }
}

/** Lines by `readline`, to a producer: without positions, so that a crash loses or repeats lines. */
export async function runPlainTail(
  { url, file, stream }: FileLoad,
  control: LoadControl,
): Promise<FileResult> {
  await using client = await connect(url)
  control.ready()
  const startedAt = monotonicMs()
  const producer = await client.producer(stream)
  let lines = 0
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    lines++
    const wait = producer.push({ partitionKey: `key-${lines % 1024}`, data: `${line}\n` })
    if (wait !== undefined) await wait
  }
  await producer.close()
  return { lines, linesPerSecond: (1000 * lines) / (monotonicMs() - startedAt) }
}
