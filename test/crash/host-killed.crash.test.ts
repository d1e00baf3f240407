// Kills a host alone at each step of a change of shards: before each call from the controller to a host, after its
// answer, and at each commit of the catalog. The change completes, and clients that append and follow meanwhile lose
// nothing and get nothing twice or out of order. Each step is tested in the change or in the one that undoes it; with
// MILLRACE_CRASH_ROUNDS (as by `npm run test:crash`) in both.
import { describe, expect, onTestFailed, test } from 'vitest'
import { checkDataDirectory } from '../../broker/storage/integrity.ts'
import { type Client, connect } from '../../client/index.ts'
import { check, describeViolations } from '../support/checker/checker.ts'
import { readFully, seeEpoch } from '../support/checker/full-read.ts'
import { History } from '../support/checker/history.ts'
import { untilProgress } from '../support/checker/progress.ts'
import { randomOf } from '../support/random.ts'
import { temporaryDirectory } from '../support/disk/temporary.ts'
import { runPipelinedProducer, runPutter } from './support/client-producers.ts'
import { runClientFollower, runClientSubscriber } from './support/client-readers.ts'
import { ForkedHosts, type Kill } from './support/forked-hosts.ts'

const STREAM = 'clicks'
const PROGRESS_CALLS = 20
const isLong = process.env['MILLRACE_CRASH_ROUNDS'] !== undefined
const DEADLINE_MS = 600_000

/** A change and another that undoes it, so that both can be repeated, with a kill at each of their steps. */
interface ChangeAndBack {
  readonly name: string
  readonly shards: number
  readonly change: (client: Client) => Promise<unknown>
  readonly back: (client: Client) => Promise<unknown>
  readonly openBetween: number
}

const changes: readonly ChangeAndBack[] = [
  {
    name: 'a split, and a merge of what lies on two hosts',
    shards: 1,
    change: async (client) => client.splitShard(STREAM, (await openShards(client))[0]!),
    back: async (client) => {
      const [left, right] = await openShards(client)
      return client.mergeShards(STREAM, left!, right!)
    },
    openBetween: 2,
  },
  {
    name: 'a wave of eight splits, and one of eight merges',
    shards: 8,
    change: (client) => client.updateShardCount(STREAM, 16),
    back: (client) => client.updateShardCount(STREAM, 8),
    openBetween: 16,
  },
]

/** In the order of their ranges, which is also the order of their indexes here. */
async function openShards(client: Client): Promise<string[]> {
  const open: string[] = []
  for await (const { shardId, state } of client.listShards(STREAM)) if (state === 'OPEN') open.push(shardId)
  return open
}

describe('a host that is killed alone at any step of a change of shards', () => {
  // The wave has the same steps with more shards in each, so it runs in the long form only.
  test.each(isLong ? changes : changes.slice(0, 1))(
    'holds nothing up for good, and nothing is lost: $name',
    async (change) => {
      await using directory = await temporaryDirectory()
      const history = new History()
      const kills: string[] = []
      onTestFailed(() => console.error(kills.join('\n')))
      {
        await using hosts = await ForkedHosts.start(directory.path)
        await using client = await connect(hosts.url, { retry: { backoffMinMs: 5, backoffMaxMs: 50 } })
        await client.createStream(STREAM, { shards: change.shards })
        await underLoad({ client, history }, async () => {
          await killAtEachStep({ client, hosts, history, kills }, change)
          await hosts.whenReady()
          history.endFaults()
          await untilProgress(history, PROGRESS_CALLS)
        })
        await seeEpoch(hosts.port, STREAM, history)
        for (const final of await readFully(hosts.port, STREAM)) history.addFinal(final)
      }
      expect(describeViolations(check(history))).toBe('')
      expect((await checkDataDirectory(directory.path)).problems).toEqual([])
    },
    DEADLINE_MS,
  )
})

interface Scene {
  readonly client: Client
  readonly hosts: ForkedHosts
  readonly history: History
  /** Which host was killed when, to explain a failure. */
  readonly kills: string[]
}

/** Runs the change and its way back without kills to count the steps; then both with a kill at each step. */
async function killAtEachStep(
  scene: Scene,
  { change, back, shards, openBetween }: ChangeAndBack,
): Promise<void> {
  const there = { change, open: openBetween }
  const again = { change: back, open: shards }
  const killsThere = killsIn(await carryOut(scene, there), 0)
  const killsAgain = killsIn(await carryOut(scene, again), 1)
  for (let at = 0; at < Math.max(killsThere.length, killsAgain.length); at++) {
    await carryOut(scene, there, killsThere[at])
    await carryOut(scene, again, killsAgain[at])
  }
}

interface Steps {
  readonly calls: number
  readonly commits: number
}

/** A kill at each step, before and after; in the short form only one of the two, chosen by `parity`. */
function killsIn({ calls, commits }: Steps, parity: 0 | 1): Kill[] {
  const isChosen = (at: number, side: 0 | 1): boolean => isLong || (at + side) % 2 === parity
  const kills: Kill[] = []
  for (let call = 1; call <= calls; call++) {
    if (isChosen(call, 0)) kills.push({ side: 'before', call })
    if (isChosen(call, 1)) kills.push({ side: 'after', call })
  }
  for (let commit = 1; commit <= commits; commit++) {
    if (isChosen(commit, 0)) kills.push({ side: 'commit', commit, hostId: 1 })
    if (isChosen(commit, 1)) kills.push({ side: 'commit', commit, hostId: 2 })
  }
  return kills
}

/** Runs one change, with or without a kill, and expects it to complete with the right number of open shards. */
async function carryOut(
  { client, hosts, history, kills }: Scene,
  { change, open }: { readonly change: (client: Client) => Promise<unknown>; readonly open: number },
  kill?: Kill,
): Promise<Steps> {
  await hosts.whenReady()
  await untilProgress(history, PROGRESS_CALLS)
  hosts.arm(kill)
  await change(client)
  const steps = { calls: hosts.calls.length, commits: hosts.commits }
  hosts.disarm()
  if (kill !== undefined) {
    expect(hosts.killed, `a kill came: ${JSON.stringify(kill)}`).toBeDefined()
    kills.push(hosts.killed!)
  }
  expect(await openShards(client), `killed ${kills.at(-1)}`).toHaveLength(open)
  return steps
}

async function underLoad(
  { client, history }: Pick<Scene, 'client' | 'history'>,
  work: () => Promise<void>,
): Promise<void> {
  const stop = new AbortController()
  const load = { client, stream: STREAM, history, random: randomOf(1), stopped: stop.signal }
  const loads = [
    runPipelinedProducer({ ...load, name: 'pipe' }),
    runPutter({ ...load, name: 'put' }),
    runClientSubscriber({ ...load, name: 'subscriber' }),
    runClientFollower({ ...load, name: 'follower' }),
  ]
  try {
    await work()
  } finally {
    stop.abort()
    await Promise.all(loads)
  }
}
