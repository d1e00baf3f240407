// Which records may be missing, and from when on: invariant 11. Pure.
import type { Facts } from './facts.ts'

/**
 * The readable records are one piece that ends at the tail. Its beginning only rises, and a read below it is an error,
 * never silence.
 */
export function* checkRetentionOnlyCutsTheHead(facts: Facts) {
  yield* checkSuffix(facts)
  yield* checkHorizons(facts)
  yield* checkNothingReturns(facts)
}

function* checkSuffix({ history }: Facts) {
  for (const { shard, trimHorizon, tail, records } of history.finals) {
    let expected = trimHorizon
    for (const { sequenceNumber } of records) {
      if (sequenceNumber > expected) yield `${shard} has nothing at ${expected}, and has ${sequenceNumber}`
      expected = sequenceNumber + 1
    }
    if (expected < tail) yield `${shard} has nothing at ${expected}, below its tail ${tail}`
  }
}

function* checkHorizons({ history, finals }: Facts) {
  const highest = new Map<string, number>()
  for (const { shard, trimHorizon, below } of history.horizons) {
    const before = highest.get(shard) ?? 0
    if (trimHorizon < before) yield `the trim horizon of ${shard} was ${before}, and ${trimHorizon} later`
    if (below !== undefined && below !== 'trimmed')
      yield `a read of ${shard}:${trimHorizon - 1}, below the horizon, was answered with ${below}`
    highest.set(shard, Math.max(before, trimHorizon))
  }
  for (const [shard, horizon] of highest) {
    const final = finals.get(shard)
    if (final && final.trimHorizon < horizon)
      yield `the trim horizon of ${shard} was ${horizon}, and is ${final.trimHorizon} in the end`
  }
}

/** A reader that began after a horizon was known gets no record below it. */
function* checkNothingReturns({ history }: Facts) {
  for (const { reader, shard, openedAt, records } of history.runs) {
    const known = history.horizons.filter((seen) => seen.shard === shard && seen.seenAt < openedAt)
    const horizon = Math.max(0, ...known.map(({ trimHorizon }) => trimHorizon))
    for (const { sequenceNumber } of records) {
      if (sequenceNumber < horizon)
        yield `${reader} got ${shard}:${sequenceNumber}, below the horizon ${horizon} that was known before it began`
    }
  }
}
