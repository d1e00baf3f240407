// A history with the look-ups that the checker's rules share. Pure; runs in the process of the test.
import type { AppendCall, FinalRead, History, ReadRecord } from '../checker/history.ts'

export interface Facts {
  readonly history: History
  /** The append of each value. */
  readonly senders: ReadonlyMap<string, AppendCall>
  readonly keys: ReadonlyMap<string, string>
  readonly finals: ReadonlyMap<string, FinalRead>
  /** Shard */
  readonly ancestors: ReadonlyMap<string, ReadonlySet<string>>
  /** Shard */
  readonly stored: ReadonlyMap<string, ReadonlyMap<number, ReadRecord>>
  /** Value */
  readonly places: ReadonlyMap<string, readonly Place[]>
}

export interface Place {
  readonly shard: string
  readonly sequenceNumber: number
}

/** Throws if two records have the same value: such a history proves nothing. */
export function gatherFacts(history: History): Facts {
  const senders = new Map<string, AppendCall>()
  const keys = new Map<string, string>()
  for (const call of history.appends) {
    for (const record of call.records) {
      if (senders.has(record.value))
        throw new Error(`the value ${record.value} was sent twice: the history proves nothing`)
      senders.set(record.value, call)
      keys.set(record.value, record.partitionKey)
    }
  }
  const finals = new Map(history.finals.map((final) => [final.shard, final]))
  const stored = new Map<string, Map<number, ReadRecord>>()
  const places = new Map<string, Place[]>()
  for (const { shard, records } of history.finals) {
    stored.set(shard, new Map(records.map((record) => [record.sequenceNumber, record])))
    for (const { value, sequenceNumber } of records) {
      const known = places.get(value)
      if (known) known.push({ shard, sequenceNumber })
      else places.set(value, [{ shard, sequenceNumber }])
    }
  }
  return { history, senders, keys, finals, ancestors: ancestorsOf(finals), stored, places }
}

/** Collects known ancestors: a parent that has fully expired has no final read. */
function ancestorsOf(finals: ReadonlyMap<string, FinalRead>): Map<string, Set<string>> {
  const all = new Map<string, Set<string>>()
  const visit = (shard: string): Set<string> => {
    const known = all.get(shard)
    if (known) return known
    const found = new Set<string>()
    all.set(shard, found)
    for (const parent of finals.get(shard)?.lineage?.parents ?? []) {
      found.add(parent)
      for (const older of visit(parent)) found.add(older)
    }
    return found
  }
  for (const shard of finals.keys()) visit(shard)
  return all
}

/** Each acknowledged record with its assigned number. */
export function* acknowledged(history: History) {
  for (const call of history.appends) {
    if (call.outcome.type !== 'ok') continue
    for (const [index, { value, partitionKey }] of call.records.entries()) {
      const sequenceNumber = call.outcome.sequenceNumbers[index]
      yield { call, value, partitionKey, shard: call.outcome.shard, sequenceNumber: sequenceNumber ?? NaN }
    }
  }
}

/** Each record that any reader got, at any time. */
export function* everyRead(history: History) {
  for (const run of history.runs) {
    for (const record of run.records) yield { reader: run.reader, shard: run.shard, record }
  }
  for (const final of history.finals) {
    for (const record of final.records) yield { reader: 'the final read', shard: final.shard, record }
  }
}

/** Index of the first record at `sequenceNumber` or above. */
export function lowerBound(records: readonly ReadRecord[], sequenceNumber: number): number {
  let low = 0
  let high = records.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((records[middle]?.sequenceNumber ?? Infinity) < sequenceNumber) low = middle + 1
    else high = middle
  }
  return low
}
