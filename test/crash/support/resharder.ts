// Splits, merges and rescales a stream at random, through every restart of the broker. It uses plain connections and
// notes every epoch that it is told. Runs in the test's process.
import { setTimeout as delay } from 'node:timers/promises'
import {
  hashKeyFromBytes,
  hashKeyToHex,
  MillraceError,
  type RequestOf,
  type RoutedShard,
} from '../../../protocol/index.ts'
import { describeRouting, seeEpoch } from '../../support/checker/full-read.ts'
import type { History } from '../../support/checker/history.ts'
import type { Random } from '../../support/random.ts'
import { RawConnection } from '../../support/raw-connection.ts'

export interface ReshardedStream {
  readonly port: number
  readonly stream: string
  readonly history: History
  readonly random: Random
}

const SHARDS_MAX = 12
const RETRY_MS = 20
const DEADLINE_MS = 60_000

type Change =
  | { readonly verb: 'splitShard'; readonly request: RequestOf<'splitShard'> }
  | { readonly verb: 'mergeShards'; readonly request: RequestOf<'mergeShards'> }
  | { readonly verb: 'updateShardCount'; readonly request: RequestOf<'updateShardCount'> }

/** A change of shards under way. */
export interface RunningChange {
  /** The request, for the log of a failure. */
  readonly what: string
  /**
   * Fulfils when the change is answered, or the process that would answer is gone. Rejects for an answer that is never
   * allowed.
   */
  readonly settled: Promise<void>
}

/** Requests a random change of the present shards. */
export async function startChange(options: ReshardedStream): Promise<RunningChange> {
  const open = await openShards(options)
  const change = chooseChange(options, open)
  const connection = await connected(options.port)
  const settled = ask(connection, change)
    .catch(refusedByRight)
    .finally(() => connection.close())
  return {
    what: `${change.verb} ${JSON.stringify({ ...change.request, newStartingHashKeys: undefined })}`,
    settled,
  }
}

/** The controller's present epoch; waits until a controller answers. */
export async function epochOf({ port, stream, history }: ReshardedStream): Promise<number> {
  return await retried(async () => {
    await seeEpoch(port, stream, history)
    return (await describeRouting(port, stream)).epoch
  })
}

async function ask(connection: RawConnection, { verb, request }: Change): Promise<void> {
  if (verb === 'splitShard') await connection.request(verb, request)
  else if (verb === 'mergeShards') await connection.request(verb, request)
  else await connection.request(verb, request)
}

/**
 * Expected failures: a killed controller does not answer, a killed host makes the controller refuse, and a change
 * chosen by an old epoch is refused. Any other error is a defect.
 */
function refusedByRight(error: unknown): void {
  const expected = [
    'connectionLost',
    'outcomeUnknown',
    'unavailable',
    'streamBusy',
    'invalidArgument',
  ] as const
  if (!expected.some((code) => MillraceError.is(error, code))) throw error
}

function chooseChange({ stream: name, random }: ReshardedStream, open: readonly RoutedShard[]): Change {
  const dice = random.below(10)
  if (dice === 0)
    return { verb: 'updateShardCount', request: { name, shardCount: 1 + random.below(SHARDS_MAX) } }
  const isFull = open.length >= SHARDS_MAX
  if (open.length > 1 && (isFull || dice < 5)) {
    const at = random.below(open.length - 1)
    const pair = [open[at]!.index, open[at + 1]!.index]
    const [shardIndex, adjacentShardIndex] = random.below(2) === 0 ? pair : pair.toReversed()
    const request = { name, shardIndex: shardIndex!, adjacentShardIndex: adjacentShardIndex! }
    return { verb: 'mergeShards', request }
  }
  const shard = random.pick(open)
  const newStartingHashKeys = chooseStarts(shard, random)
  return { verb: 'splitShard', request: { name, shardIndex: shard.index, newStartingHashKeys } }
}

/** Starts of a split: none balances by load; one splits in two; two cut out the range between them. */
function chooseStarts(shard: RoutedShard, random: Random): Uint8Array[] {
  const start = bigOf(shard.startingHashKey)
  const span = bigOf(shard.endingHashKey) - start
  const keys = new Set<bigint>()
  for (let left = random.below(3); left > 0; left--) {
    const offset = (span * BigInt(1 + random.below(998))) / 1000n
    if (offset > 0n) keys.add(start + offset)
  }
  const rising = [...keys].toSorted((a, b) => (a < b ? -1 : 1))
  return rising.map((key) => Buffer.from(key.toString(16).padStart(32, '0'), 'hex'))
}

function bigOf(hashKey: Uint8Array): bigint {
  return BigInt(`0x${hashKeyToHex(hashKeyFromBytes(hashKey))}`)
}

async function openShards({ port, stream }: ReshardedStream): Promise<RoutedShard[]> {
  const { shards } = await retried(() => describeRouting(port, stream))
  const open = shards.filter(({ state }) => state === 'OPEN')
  return open.toSorted((a, b) => Buffer.compare(a.startingHashKey, b.startingHashKey))
}

function connected(port: number): Promise<RawConnection> {
  return retried(() => RawConnection.open(port))
}

/** Repeats the attempt until it succeeds, or until it has failed for too long. */
export async function retried<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + DEADLINE_MS
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await delay(RETRY_MS)
    }
  }
}
