// The order of stored and of delivered records: invariants 4, 6 and 9, over the whole lineage. Pure.
import type { AppendCall, ReadRecord } from '../checker/history.ts'
import { type Facts, lowerBound } from './facts.ts'

export function* checkNumbersRise(facts: Facts) {
  for (const { shard, records, tail } of facts.history.finals) {
    let last: ReadRecord | undefined
    for (const record of records) {
      if (last && record.sequenceNumber <= last.sequenceNumber) {
        yield `${shard} has ${record.sequenceNumber} after ${last.sequenceNumber} in the final read`
      }
      if (last && record.arrivalTime < last.arrivalTime) {
        yield `${shard}:${record.sequenceNumber} arrived at ${record.arrivalTime}, before its predecessor at ${last.arrivalTime}`
      }
      if (record.sequenceNumber >= tail)
        yield `${shard}:${record.sequenceNumber} is not below the tail ${tail}`
      last = record
    }
  }
  yield* checkGenerations(facts)
  yield* checkRealTime(facts)
}

/** A child's numbers begin above those of its parents, and a closed shard ends where the catalog says. */
function* checkGenerations({ history, finals }: Facts) {
  for (const { shard, tail, records, lineage } of history.finals) {
    if (!lineage) continue
    const { parents, startingSequenceNumber: start, endingSequenceNumber: end, isClosed } = lineage
    for (const parent of parents) {
      const parentTail = finals.get(parent)?.tail ?? 0
      if (start < parentTail)
        yield `${shard} starts at ${start}, below ${parentTail}, the tail of its parent ${parent}`
    }
    const first = records[0]?.sequenceNumber
    if (first !== undefined && first < start)
      yield `${shard}:${first} is below ${start}, where the shard starts`
    const expected = end === undefined ? start : end + 1
    if (isClosed && tail !== expected)
      yield `${shard} is closed with the end ${end ?? 'none'} (start ${start}), and has the tail ${tail}`
  }
}

/**
 * An append that was invoked after another was acknowledged gets a higher number, also across crashes in between. A
 * child's acknowledgement counts for its ancestors: this finds a shard that takes a record after its children did.
 */
function* checkRealTime({ history, ancestors }: Facts) {
  const events: { at: number; call: AppendCall; type: 'invoke' | 'end' }[] = []
  for (const call of history.appends) {
    if (call.outcome.type !== 'ok' || call.endedAt === undefined) continue
    events.push({ at: call.invokedAt, call, type: 'invoke' }, { at: call.endedAt, call, type: 'end' })
  }
  events.sort((a, b) => a.at - b.at)
  const highest = new Map<string, number>()
  const floor = new Map<AppendCall, number>()
  for (const { call, type } of events) {
    if (call.outcome.type !== 'ok') continue
    const { shard, sequenceNumbers } = call.outcome
    if (type === 'invoke') {
      floor.set(call, highest.get(shard) ?? -1)
      continue
    }
    const below = floor.get(call) ?? -1
    const lowest = Math.min(...sequenceNumbers)
    if (lowest <= below) {
      yield `${call.records[0]?.value} of ${call.producer} was given ${shard}:${lowest} though ${below} had been acknowledged before it was sent`
    }
    for (const line of [shard, ...(ancestors.get(shard) ?? [])]) {
      highest.set(line, Math.max(highest.get(line) ?? -1, ...sequenceNumbers))
    }
  }
}

export function* checkOrderPerKey(facts: Facts) {
  yield* checkAcknowledgedOrder(facts)
  yield* checkStoredOrder(facts)
  yield* checkDeliveredOrder(facts)
}

/** Numbers of one key rise from parent to child, so they are compared across shards. */
function* checkAcknowledgedOrder({ history }: Facts) {
  const calls = history.appends.filter((call) => call.endedAt !== undefined)
  calls.sort((a, b) => (a.endedAt ?? 0) - (b.endedAt ?? 0))
  const last = new Map<string, { value: string; sequenceNumber: number }>()
  for (const call of calls) {
    if (call.outcome.type !== 'ok') continue
    for (const [index, { value, partitionKey }] of call.records.entries()) {
      const sequenceNumber = call.outcome.sequenceNumbers[index] ?? NaN
      const lane = `${call.producer}\n${partitionKey}`
      const before = last.get(lane)
      if (before && sequenceNumber <= before.sequenceNumber) {
        yield `${call.producer}, key ${partitionKey}: ${value} was acknowledged after ${before.value} but stands at ${sequenceNumber}, not above ${before.sequenceNumber}`
      }
      last.set(lane, { value, sequenceNumber })
    }
  }
}

/** An idempotent producer's stored records are in the order of sending, whatever was answered. */
function* checkStoredOrder({ history, places }: Facts) {
  const last = new Map<string, { value: string; sequenceNumber: number }>()
  for (const { idempotent, producer, records } of history.appends) {
    if (!idempotent) continue
    for (const { value, partitionKey } of records) {
      const place = places.get(value)?.[0]
      if (!place) continue
      const lane = `${producer}\n${partitionKey}`
      const before = last.get(lane)
      if (before && place.sequenceNumber <= before.sequenceNumber) {
        yield `${producer}, key ${partitionKey}: ${value} was sent after ${before.value} but is stored at ${place.shard}:${place.sequenceNumber}, not above ${before.sequenceNumber}`
      }
      last.set(lane, { value, sequenceNumber: place.sequenceNumber })
    }
  }
}

function* checkDeliveredOrder({ history }: Facts) {
  for (const { reader, deliveries } of history.streamReads) {
    const last = new Map<string, ReadRecord>()
    for (const { shard, record } of deliveries) {
      const before = last.get(record.partitionKey)
      if (before && record.sequenceNumber <= before.sequenceNumber) {
        yield `${reader} got ${record.value} of the key ${record.partitionKey} at ${shard}:${record.sequenceNumber} after ${before.value} at ${before.sequenceNumber}`
      }
      last.set(record.partitionKey, record)
    }
  }
}

/** For each stream reader and shard: the first and last place in the deliveries, and how far the shard was read. */
export function* checkParentsFirst({ history, ancestors, finals }: Facts) {
  for (const { reader, deliveries } of history.streamReads) {
    const spans = new Map<string, { first: number; last: number; reached: number }>()
    for (const [at, { shard, record }] of deliveries.entries()) {
      const span = spans.get(shard)
      if (!span) spans.set(shard, { first: at, last: at, reached: record.sequenceNumber })
      else Object.assign(span, { last: at, reached: record.sequenceNumber })
    }
    for (const [shard, span] of spans) {
      for (const older of ancestors.get(shard) ?? []) {
        const before = spans.get(older)
        const end = finals.get(older)?.records.at(-1)?.sequenceNumber
        if (before && before.last > span.first) {
          yield `${reader} got a record of ${shard} before the last of ${older}, from which it descends`
        } else if (end !== undefined && (before?.reached ?? -1) < end) {
          yield `${reader} got records of ${shard} without ${older}:${end}, the last of a shard from which it descends`
        }
      }
    }
  }
}

export function* checkNoSkipNoStepBack({ history, finals }: Facts) {
  for (const { reader, shard, from, records } of history.runs) {
    const stored = finals.get(shard)?.records ?? []
    let wanted = from
    let at = wanted === undefined ? 0 : lowerBound(stored, wanted)
    for (const { sequenceNumber } of records) {
      if (wanted !== undefined && sequenceNumber < wanted) {
        yield `${reader} got ${shard}:${sequenceNumber} when ${wanted} was the lowest it could get`
      }
      if (wanted === undefined) at = lowerBound(stored, sequenceNumber)
      const passed = stored[at]
      if (passed && passed.sequenceNumber < sequenceNumber) {
        yield `${reader} got ${shard}:${sequenceNumber} without ${passed.sequenceNumber} (${passed.value}) before it`
      }
      wanted = sequenceNumber + 1
      at = lowerBound(stored, wanted)
    }
  }
}
