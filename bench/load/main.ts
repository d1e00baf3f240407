// PROCESS ENTRY of a load process: takes one job over IPC, runs it, sends the result and ends. Load shares no thread with
// the broker or with the bench, so that they slow each other only by sharing the machine's cores.
import type { FromLoad, Job, ToLoad } from './job.ts'
import { jobs } from './jobs.ts'

const stop = new AbortController()

process.on('message', (message: ToLoad) => {
  if (message.type === 'stop') stop.abort()
  else void runJob(jobs[message.job] as Job<unknown, unknown>, message.settings)
})
// Without its bench the load ends, since no process waits for the result.
process.on('disconnect', () => process.exit(0))

async function runJob(job: Job<unknown, unknown>, settings: unknown): Promise<void> {
  const tell = (message: FromLoad) => process.send?.(message)
  try {
    const result = await job(settings, {
      ready: (detail) => tell({ type: 'ready', detail }),
      say: (text) => tell({ type: 'say', text }),
      stopped: stop.signal,
    })
    tell({ type: 'result', result })
  } catch (error) {
    tell({ type: 'failed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}
