// Large groups: how long it takes until every shard has its member, what joining and leaving cost the controller, and what the
// group costs once nothing happens. Runs in the bench's main process.
import { connect } from '../../harness/connect.ts'
import { monotonicMs } from '../../harness/clock.ts'
import { within } from '../../harness/deadline.ts'
import { processorPercentOf, processorSecondsOf } from '../../harness/processor-time.ts'
import { scrape } from '../../harness/scrape.ts'
import type { Figure } from '../../report/figure.ts'
import type { Part } from '../../report/part.ts'
import type { Bench } from '../../scenario.ts'
import { untilGroup } from './stream.ts'

interface ScaleValues {
  readonly scaleShards: number
  readonly scaleMembers: number
  readonly scaleGroups: number
}

const PROCESSES = 2
const DEADLINE_MS = 300_000

/** One group of many shards and members; then many groups of two members each. */
export async function measureScale(bench: Bench, values: ScaleValues): Promise<Part> {
  const { scaleShards, scaleMembers, scaleGroups } = values
  const perProcess = Math.max(1, Math.round(scaleMembers / PROCESSES))
  const one = { groups: 1, membersPerProcess: perProcess, shards: scaleShards }
  const many = { groups: scaleGroups, membersPerProcess: 1, shards: 2 }
  const figures = [...(await measured(bench, one)), ...(await measured(bench, many))]
  return { figures, latencies: [], notes: [] }
}

async function measured(
  bench: Bench,
  { groups, membersPerProcess, shards }: { groups: number; membersPerProcess: number; shards: number },
): Promise<readonly Figure[]> {
  const members = membersPerProcess * PROCESSES
  const names = Array.from({ length: groups }, (_, index) => `scale-${index}`)
  const what = `${groups === 1 ? 'a group' : `${groups} groups`} of ${shards} shards and ${members} members`
  const daemon = await bench.startDaemon()
  const { url, pid, adminUrl } = daemon
  await using client = await connect(url)
  for (const stream of names) await client.createStream(stream, { shards })
  bench.say(`${what}: joining`)
  const flushes = async (): Promise<number> =>
    (await scrape(adminUrl)).sum('millrace_small_commit_seconds_count')
  const [flushed, spent, startedAt] = [await flushes(), await processorSecondsOf(pid), monotonicMs()]
  const loads = Array.from({ length: PROCESSES }, (_, index) =>
    bench.load('idleMembers', {
      url,
      groups: names,
      prefix: `process-${index}`,
      membersPerGroup: membersPerProcess,
    }),
  )
  await within(DEADLINE_MS, 'joining', Promise.all(loads.map(({ ready }) => ready)))
  const joinedMs = monotonicMs() - startedAt
  for (const name of names) {
    await untilGroup(client, name, 'an even share for each member', DEADLINE_MS, (group) => {
      const shares = group.members.map((member) => member.shards)
      const assigned = shares.reduce((sum, share) => sum + share, 0)
      return assigned === shards && Math.max(...shares) - Math.min(...shares) <= 1
    })
  }
  const assignedMs = monotonicMs() - startedAt
  const busy = (await processorSecondsOf(pid)) - spent
  const writes = (await flushes()) - flushed
  bench.say(`  all have their shards; watching the controller for ${bench.seconds} s`)
  const idle = await processorPercentOf(pid, bench.seconds)
  const [spentBefore, leavingAt] = [await processorSecondsOf(pid), monotonicMs()]
  for (const load of loads) load.stop()
  await within(DEADLINE_MS, 'leaving', Promise.all(loads.map(({ result }) => result)))
  const leftMs = monotonicMs() - leavingAt
  const leaving = (await processorSecondsOf(pid)) - spentBefore
  await daemon.stop()
  return [
    { name: `${what}: all joined, processes started`, value: joinedMs / 1000, unit: 's' },
    { name: `${what}: even shares, processes started`, value: assignedMs / 1000, unit: 's' },
    { name: `${what}: controller's processor time until then`, value: busy, unit: 's' },
    { name: `${what}: flushes of the catalog's small rows until then`, value: writes, unit: 'runs' },
    { name: `${what}: controller's processor time, idle`, value: idle, unit: '%' },
    { name: `${what}: all have left`, value: leftMs / 1000, unit: 's' },
    { name: `${what}: controller's processor time to leave`, value: leaving, unit: 's' },
  ]
}
