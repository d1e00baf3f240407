// Which shard has which hash keys: invariant 7. Pure.
import { compareHashKeys, hashKeyToHex, hashPartitionKey } from '../../../protocol/shards/hash-key.ts'
import type { HashKeyRange } from '../../../protocol/shards/shard-map.ts'
import type { EpochSeen } from '../checker/history.ts'
import type { Facts } from './facts.ts'

export function* checkRecordsInTheirRange({ history }: Facts) {
  const words = new Uint32Array(4)
  for (const { shard, range, records } of history.finals) {
    if (!range) continue
    for (const { partitionKey, sequenceNumber, value } of records) {
      hashPartitionKey(partitionKey, words, 0)
      if (compareHashKeys(words, 0, range.start, 0) >= 0 && compareHashKeys(words, 0, range.end, 0) <= 0)
        continue
      yield `${value} with the key ${partitionKey} is at ${shard}:${sequenceNumber}, outside the range of the shard`
    }
  }
}

/** Every epoch that a client was told covers all hash keys once, has the same shards for all clients, and never falls. */
export function* checkRangesPartition({ history }: Facts) {
  const known = new Map<number, string>()
  for (const { epoch, open } of history.epochs) {
    const sorted = open.toSorted((a, b) => compareHashKeys(a.range.start, 0, b.range.start, 0))
    const told = sorted.map(({ shard, range }) => `${shard} from ${hashKeyToHex(range.start)}`).join(', ')
    const before = known.get(epoch)
    if (before === undefined) {
      known.set(epoch, told)
      const gap = firstGap(sorted)
      if (gap !== undefined) yield `in epoch ${epoch}, ${gap}`
    } else if (before !== told) {
      yield `epoch ${epoch} was ${before} at first, and ${told} later`
    }
  }
  yield* checkEpochsRise(history.epochs)
}

function* checkEpochsRise(epochs: readonly EpochSeen[]) {
  const byQuestion = epochs.toSorted((a, b) => a.askedAt - b.askedAt)
  const byAnswer = epochs.toSorted((a, b) => a.answeredAt - b.answeredAt)
  let highest = -1
  let at = 0
  for (const { epoch, askedAt } of byQuestion) {
    for (; (byAnswer[at]?.answeredAt ?? Infinity) < askedAt; at++) {
      highest = Math.max(highest, byAnswer[at]?.epoch ?? -1)
    }
    if (epoch < highest) yield `epoch ${epoch} was answered to a question asked after ${highest} had been`
  }
}

const SPACE = 1n << 128n

function firstGap(
  sorted: readonly { readonly shard: string; readonly range: HashKeyRange }[],
): string | undefined {
  let expected = 0n
  for (const { shard, range } of sorted) {
    const start = BigInt(`0x${hashKeyToHex(range.start)}`)
    const end = BigInt(`0x${hashKeyToHex(range.end)}`)
    if (start > expected) return `no shard has the hash keys from ${expected.toString(16)} on`
    if (start < expected || end < start) return `${shard} has hash keys that another shard has`
    expected = end + 1n
  }
  return expected === SPACE ? undefined : `no shard has the hash keys from ${expected.toString(16)} on`
}
