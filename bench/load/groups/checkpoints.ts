// Load: members of one group that wait for a checkpoint behind each record, until stopped. Runs in a load process. Every
// member has a client of its own, as if it were a process.
import { once } from 'node:events'
import { connect } from '../../harness/connect.ts'
import type { LoadControl } from '../job.ts'

export interface GroupCheckpointsSettings {
  readonly url: string
  readonly stream: string
  readonly group: string
  /** Begins the names of the members. */
  readonly prefix: string
  readonly members: number
}

export interface GroupCheckpointsResult {
  /** Checkpoints that were answered. */
  readonly stored: number
}

export async function runGroupCheckpoints(
  { url, stream, group: name, prefix, members }: GroupCheckpointsSettings,
  control: LoadControl,
): Promise<GroupCheckpointsResult> {
  const clients = await Promise.all(Array.from({ length: members }, () => connect(url)))
  let stored = 0
  const joined = clients.map((client, index) => {
    const group = client.group({ stream, name, memberId: `${prefix}-${index}`, checkpoint: 'manual' })
    const running = group.run(async (records, context) => {
      for (const record of records) {
        // What is left at the end is passed by.
        if (control.stopped.aborted) return
        await context.checkpoint(record)
        stored++
      }
    })
    return { group, running }
  })
  await Promise.race([once(control.stopped, 'abort'), ...joined.map(({ running }) => running)])
  await Promise.all(joined.map(({ group }) => group.stop()))
  await Promise.all(joined.map(({ running }) => running))
  await Promise.all(clients.map((client) => client.close()))
  return { stored }
}
