// What is delivered twice, or not at all, while members of a group are replaced by others one after the other, as in a rolling
// restart, and records come in.
import { connect } from '../../harness/connect.ts'
import { bars } from '../../bars.ts'
import { within } from '../../harness/deadline.ts'
import type { GroupMemberResult } from '../../load/groups/member.ts'
import type { Part } from '../../report/part.ts'
import type { Bench } from '../../scenario.ts'
import { untilGroup } from './stream.ts'
import type { MovingValues } from './take-over.ts'

const STREAM = 'bench'
const GROUP = 'hand-over'
const RECORD_BYTES = 100
const JOIN_DEADLINE_MS = 120_000
const END_DEADLINE_MS = 120_000

export async function measureHandOver(
  bench: Bench,
  values: MovingValues & { readonly handOvers: number },
): Promise<Part> {
  const { movingShards, movingPerSecond: perSecond, handOvers, leaseMs } = values
  const daemon = await bench.startDaemon()
  const { url } = daemon
  await using client = await connect(url)
  await client.createStream(STREAM, { shards: movingShards })
  const feed = bench.load('steady', {
    url,
    stream: STREAM,
    recordBytes: RECORD_BYTES,
    perSecond,
    seconds: Infinity,
  })
  const join = async (index: number) => {
    const member = bench.load('groupMember', {
      url,
      stream: STREAM,
      group: GROUP,
      memberId: `member-${index}`,
      leaseMs,
      shards: 1,
      shardsAtEnd: Infinity,
    })
    await within(JOIN_DEADLINE_MS, 'a new member', member.ready)
    return member
  }
  bench.say(`${handOvers} times a member takes the place of another`)
  const results: GroupMemberResult[] = []
  let present = await join(0)
  for (let index = 1; index <= handOvers; index++) {
    const next = await join(index)
    present.stop()
    results.push(await within(END_DEADLINE_MS, 'a member leaves', present.result))
    present = next
  }
  feed.stop()
  const { sent } = await within(END_DEADLINE_MS, 'ending the records', feed.result)
  await untilGroup(client, GROUP, 'processing the rest', END_DEADLINE_MS, ({ shards }) =>
    shards.every(({ recordsBehind }) => recordsBehind === 0),
  )
  present.stop()
  results.push(await within(END_DEADLINE_MS, 'the last member leaves', present.result))
  await daemon.stop()
  const { delivered, distinct } = countOf(results)
  const name = `${handOvers} planned hand-over${handOvers === 1 ? '' : 's'}`
  return {
    figures: [
      { name: `${name}: delivered twice`, value: delivered - distinct, unit: 'records', bar: bars.none },
      { name: `${name}: delivered`, value: distinct, unit: 'records', bar: bars.all(sent) },
    ],
    latencies: [],
    notes: [],
  }
}

/** How often records were handed to handlers, and how many different ones. */
function countOf(results: readonly GroupMemberResult[]): { delivered: number; distinct: number } {
  let delivered = 0
  const records = new Set<string>()
  for (const { handled } of results) {
    for (const [shardId, numbers] of Object.entries(handled)) {
      delivered += numbers.length
      for (const number of numbers) records.add(`${shardId} ${number}`)
    }
  }
  return { delivered, distinct: records.size }
}
