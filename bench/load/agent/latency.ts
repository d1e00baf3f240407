// Load: lines are appended to a file at an even rate, the agent tails it, and a subscription takes the records; each is timed from the moment at
// which its line was to be written. Runs in a load process, with the agent in it.
import { closeSync, openSync, writeSync } from 'node:fs'
import { connect } from '../../harness/connect.ts'
import { monotonicMs } from '../../harness/clock.ts'
import { type HistogramText, LatencyRecorder } from '../../harness/latency.ts'
import type { LoadControl } from '../job.ts'
import { runOpenLoop } from '../../../cli/load-test/pacing/open-loop.ts'
import { agentApp } from './agent-app.ts'

export interface AgentLatencySettings {
  readonly url: string
  readonly config: string
  readonly file: string
  readonly stream: string
  readonly lineBytes: number
  readonly perSecond: number
  readonly seconds: number
  readonly warmUpSeconds: number
}

export async function runAgentLatency(
  settings: AgentLatencySettings,
  control: LoadControl,
): Promise<{ readonly pushed: HistogramText }> {
  const { url, config, file, stream, lineBytes, perSecond, warmUpSeconds } = settings
  await using client = await connect(url)
  const subscription = client.subscribe(stream)
  await subscription.started
  const fd = openSync(file, 'a')
  const { serveApp } = await agentApp()
  const agent = await serveApp({ broker: { url }, options: { config, host: '127.0.0.1', port: 0 } }, () => {})
  const seconds = warmUpSeconds + settings.seconds
  const expected = Math.round(perSecond * seconds)
  const warmUp = Math.round(perSecond * warmUpSeconds)
  const pushed = new LatencyRecorder()
  const receiving = (async () => {
    let received = 0
    for await (const batch of subscription.batches()) {
      const now = monotonicMs()
      for (const record of batch) {
        if (++received > warmUp) pushed.record(now - Number.parseFloat(Buffer.from(record.bytes).toString()))
      }
      if (received === expected) return
    }
  })()
  control.ready()
  await runOpenLoop({
    perSecond,
    seconds,
    send: (intendedAt) => void writeSync(fd, `${intendedAt.toFixed(3)} `.padEnd(lineBytes - 1, 'x') + '\n'),
  })
  await receiving
  closeSync(fd)
  await agent.close()
  return { pushed: pushed.toText() }
}
