// Load: timed records are sent at an even rate; a function that is a module gets them without a window, and a plain member of a group takes
// them. Each is timed from its intended send time to the handler. Runs in a load process; the app is another one.
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from '../../harness/connect.ts'
import { timeBoth, type AppLatencyResult, type AppLatencySettings } from '../apps/app-latency.ts'
import { untilOwned } from '../apps/group-state.ts'
import type { LoadControl } from '../job.ts'
import { moduleOf } from './drain.ts'
import { doorOf, functionDefinitions } from './functions-app.ts'

export interface FunctionsLatencySettings extends AppLatencySettings {
  readonly batchSize: number
}

const NAME = 'timed'
const LOOK_EVERY_MS = 50
const READ_BYTES = 1024 * 1024

export async function runFunctionsLatency(
  settings: FunctionsLatencySettings,
  control: LoadControl,
): Promise<AppLatencyResult> {
  const { url, stream, directory, batchSize } = settings
  const { createFunction, createMapping, mappingGroup } = await functionDefinitions()
  await using client = await connect(url)
  const door = doorOf(client)
  const times = join(directory, 'times')
  await writeFile(times, '')
  await createFunction(door, NAME, { target: moduleOf('time'), environment: { TIMES: times } })
  const { uuid } = await createMapping(door, { function: NAME, source: { stream }, batchSize })
  await using file = await open(times)
  const buffer = Buffer.alloc(READ_BYTES)
  return await timeBoth(settings, control, {
    ready: () => untilOwned(client, mappingGroup(uuid)),
    follow: (take) => {
      let rest = ''
      let isReading = false
      const look = async (): Promise<void> => {
        const { bytesRead } = await file.read(buffer, 0, READ_BYTES)
        const lines = (rest + buffer.toString('latin1', 0, bytesRead)).split('\n')
        rest = lines.pop()!
        for (const line of lines) {
          const [intendedAt, at] = line.split(' ').map(Number)
          take(intendedAt!, at!)
        }
      }
      const timer = setInterval(() => {
        if (isReading) return
        isReading = true
        void look().finally(() => (isReading = false))
      }, LOOK_EVERY_MS)
      return () => clearInterval(timer)
    },
  })
}
