// What members cost the controller while nothing happens: they renew their leases, and wait for changes.
import { connect } from '../../harness/connect.ts'
import { bars } from '../../bars.ts'
import { within } from '../../harness/deadline.ts'
import { processorPercentOf } from '../../harness/processor-time.ts'
import type { Part } from '../../report/part.ts'
import type { Bench } from '../../scenario.ts'
import { untilGroup } from './stream.ts'

interface IdleMembersValues {
  readonly idleMembers: number
  readonly idleGroups: number
}

const PROCESSES = 4
/** At the default of `--seconds`, longer than a member waits for a change before it asks again. */
const WINDOWS = 5
const JOIN_DEADLINE_MS = 180_000
const LEAVE_DEADLINE_MS = 120_000
const BARRED_MEMBERS = 1000

export async function measureIdleMembers(bench: Bench, values: IdleMembersValues): Promise<Part> {
  const { idleGroups } = values
  const membersPerGroup = Math.ceil(values.idleMembers / idleGroups / PROCESSES)
  const shards = membersPerGroup * PROCESSES
  const count = shards * idleGroups
  const groups = Array.from({ length: idleGroups }, (_, index) => `idle-${index}`)
  const daemon = await bench.startDaemon()
  const { url } = daemon
  await using client = await connect(url)
  for (const name of groups) await client.createStream(name, { shards })
  const seconds = WINDOWS * bench.seconds
  const quiet = await processorPercentOf(daemon.pid, seconds)
  bench.say(`${count} members join ${idleGroups} groups`)
  const loads = Array.from({ length: PROCESSES }, (_, index) =>
    bench.load('idleMembers', { url, groups, prefix: `process-${index}`, membersPerGroup }),
  )
  await within(JOIN_DEADLINE_MS, 'joining', Promise.all(loads.map(({ ready }) => ready)))
  for (const name of groups) {
    await untilGroup(client, name, 'a shard for each member', JOIN_DEADLINE_MS, ({ members }) =>
      members.every((member) => member.shards === 1),
    )
  }
  bench.say(`  all have their shards; watching the controller for ${seconds} s`)
  const busy = await processorPercentOf(daemon.pid, seconds)
  for (const load of loads) load.stop()
  const all = Promise.all(loads.map(({ result }) => result))
  const results = await within(LEAVE_DEADLINE_MS, 'leaving', all)
  await daemon.stop()
  const joined = results.reduce((sum, result) => sum + result.joined, 0)
  const name = `${count} idle members in ${idleGroups} group${idleGroups === 1 ? '' : 's'}`
  const bar = count === BARRED_MEMBERS ? { bar: bars.idleMembers } : {}
  return {
    figures: [
      { name: `${name}: controller's processor time`, value: busy - quiet, unit: '%', ...bar },
      { name: `${name}: memberships lost`, value: joined - count, unit: 'clients' },
    ],
    latencies: [],
    notes: [`${name}: without them the controller takes ${quiet.toFixed(1)} % of a core.`],
  }
}
