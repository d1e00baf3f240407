// Load: timed records are sent at an even rate; a delivery without buffers writes them to files, and a plain member of a group takes them. Each
// is timed from its intended send time to the moment at which the file is there and read, or at which the handler has it. Runs in a load
// process; the app is another one.
import { mkdirSync, watch } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from '../../harness/connect.ts'
import { monotonicMs } from '../../harness/clock.ts'
import { timeBoth, type AppLatencyResult, type AppLatencySettings } from '../apps/app-latency.ts'
import { untilOwned } from '../apps/group-state.ts'
import type { LoadControl } from '../job.ts'
import { deliveryDefinitions } from './delivery-app.ts'

const NAME = 'timed'
/** Files appear in one directory, which is there before them. */
const FOLDER = 'objects'

export async function runDeliveryLatency(
  settings: AppLatencySettings,
  control: LoadControl,
): Promise<AppLatencyResult> {
  const { url, stream, directory } = settings
  const { createDelivery, groupOfDelivery } = await deliveryDefinitions()
  await using client = await connect(url)
  const folder = join(directory, FOLDER)
  mkdirSync(folder, { recursive: true })
  await createDelivery(client, NAME, {
    source: { stream },
    destination: { type: 'directory', path: directory },
    prefix: `!{timestamp:'${FOLDER}'}/`,
    buffer: { intervalMs: 0 },
  })
  const seen = new Set<string>()
  return await timeBoth(settings, control, {
    ready: () => untilOwned(client, groupOfDelivery(NAME)),
    follow: (take) => {
      const look = (name: string | null): void => {
        if (name === null || !name.startsWith(NAME) || seen.has(name)) return
        seen.add(name)
        readFile(join(folder, name), 'utf8').then(
          (text) => {
            const now = monotonicMs()
            for (const line of text.split('\n')) if (line !== '') take(Number.parseFloat(line), now)
          },
          () => seen.delete(name),
        )
      }
      const watcher = watch(folder, (_, name) => look(name))
      // What the system had no room to tell of.
      const again = setInterval(() => void readdir(folder).then((names) => names.forEach(look)), 1000)
      return () => {
        watcher.close()
        clearInterval(again)
      }
    },
  })
}
