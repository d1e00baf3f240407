// Judges a history: may a log that keeps its promises have produced it? Pure; runs in the process of the test.
// The numbers are those of the fourteen invariants that docs/architecture names; the rules themselves are one table,
// so a rule cannot exist without a name, a number and a sentence.
import { compareHashKeys, hashPartitionKey } from '../../protocol/hash-key.ts'
import type { AppendCall, FinalRead, History, ReadRecord } from './history.ts'

export interface Violation {
  readonly invariant: InvariantName
  readonly number: number
  /** What is wrong, with the evidence: value, shard, sequence number, who said so. */
  readonly what: string
}

interface Rule {
  readonly number: number
  readonly doc: string
  readonly check: (facts: Facts) => Iterable<string>
}

export const invariants = {
  ackedNeverLost: {
    number: 1,
    doc: 'Every acknowledged record is where its acknowledgement said, unless it is below the trim horizon.',
    check: checkAckedNeverLost,
  },
  noPhantom: {
    number: 2,
    doc: 'Every record read was sent, and its append was not refused.',
    check: checkNoPhantom,
  },
  oneValuePerNumber: {
    number: 3,
    doc: 'All reads and acknowledgements of a shard and sequence number agree on one value, over all time.',
    check: checkOneValuePerNumber,
  },
  numbersRise: {
    number: 4,
    doc: 'Sequence numbers of a shard rise strictly, in the log and in real time; arrival times never fall.',
    check: checkNumbersRise,
  },
  noDuplicates: {
    number: 5,
    doc: 'A record of an idempotent producer is stored once at most.',
    check: checkNoDuplicates,
  },
  orderPerKey: {
    number: 6,
    doc: "One producer's records of one key stand in the order of their acknowledgements.",
    check: checkOrderPerKey,
  },
  recordsInTheirRange: {
    number: 7,
    doc: "The hash of every record's key lies in the range of the shard that holds it.",
    check: checkRecordsInTheirRange,
  },
  noSkipNoStepBack: {
    number: 9,
    doc: 'Within one subscription numbers rise, and no stored record is passed over.',
    check: checkNoSkipNoStepBack,
  },
  visibleIsDurable: {
    number: 10,
    doc: 'What any reader ever got is still there in the end.',
    check: checkVisibleIsDurable,
  },
  batchesAreWhole: {
    number: 12,
    doc: 'Of the records of one batch all are stored, side by side, or none.',
    check: checkBatchesAreWhole,
  },
  bytesAreTheSent: {
    number: 13,
    doc: 'What is read has the bytes and the key that were sent: damage is an error, never data.',
    check: checkBytesAreTheSent,
  },
  everyCallEnds: {
    number: 14,
    doc: 'After the faults stop, every call has ended.',
    check: checkEveryCallEnds,
  },
} as const satisfies Record<string, Rule>

export type InvariantName = keyof typeof invariants

/** Every violation of every rule. An empty list is the only good answer. */
export function check(history: History): Violation[] {
  const facts = gatherFacts(history)
  const violations: Violation[] = []
  for (const invariant of Object.keys(invariants) as InvariantName[]) {
    const rule: Rule = invariants[invariant]
    for (const what of rule.check(facts)) violations.push({ invariant, number: rule.number, what })
  }
  return violations
}

/** A readable account: a few of each rule's violations, and how many there are in all. */
export function describeViolations(violations: readonly Violation[], eachMax = 5): string {
  const parts: string[] = []
  for (const name of new Set(violations.map((violation) => violation.invariant))) {
    const list = violations.filter((violation) => violation.invariant === name)
    parts.push(`${name} (${invariants[name].number}), ${list.length} times: ${invariants[name].doc}`)
    for (const violation of list.slice(0, eachMax)) parts.push(`  ${violation.what}`)
  }
  return parts.join('\n')
}

/** The history with the look-ups that the rules share. */
interface Facts {
  readonly history: History
  /** The call that sent each value. */
  readonly senders: ReadonlyMap<string, AppendCall>
  readonly keys: ReadonlyMap<string, string>
  readonly finals: ReadonlyMap<string, FinalRead>
  /** Shard → sequence number → what the final read has there. */
  readonly stored: ReadonlyMap<string, ReadonlyMap<number, ReadRecord>>
  /** Value → every place where the final reads have it. */
  readonly places: ReadonlyMap<string, readonly { readonly shard: string; readonly sequenceNumber: number }[]>
}

function gatherFacts(history: History): Facts {
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
  const places = new Map<string, { shard: string; sequenceNumber: number }[]>()
  for (const { shard, records } of history.finals) {
    stored.set(shard, new Map(records.map((record) => [record.sequenceNumber, record])))
    for (const { value, sequenceNumber } of records) {
      const known = places.get(value)
      if (known) known.push({ shard, sequenceNumber })
      else places.set(value, [{ shard, sequenceNumber }])
    }
  }
  return { history, senders, keys, finals, stored, places }
}

/** Each acknowledged record with the number that it was given. */
function* acknowledged(history: History) {
  for (const call of history.appends) {
    if (call.outcome.type !== 'ok') continue
    for (const [index, { value, partitionKey }] of call.records.entries()) {
      const sequenceNumber = call.outcome.sequenceNumbers[index]
      yield { call, value, partitionKey, shard: call.outcome.shard, sequenceNumber: sequenceNumber ?? NaN }
    }
  }
}

/** Each record that anyone read, at any time. */
function* everyRead(history: History) {
  for (const run of history.runs) {
    for (const record of run.records) yield { reader: run.reader, shard: run.shard, record }
  }
  for (const final of history.finals) {
    for (const record of final.records) yield { reader: 'the final read', shard: final.shard, record }
  }
}

function* checkAckedNeverLost({ history, finals, stored }: Facts) {
  for (const { value, shard, sequenceNumber, call } of acknowledged(history)) {
    const horizon = finals.get(shard)?.trimHorizon ?? 0
    if (sequenceNumber < horizon) continue
    const found = stored.get(shard)?.get(sequenceNumber)
    if (found?.value === value) continue
    yield `${value} of ${call.producer} was acknowledged at ${shard}:${sequenceNumber}, where the final read has ${found ? found.value : 'nothing'}`
  }
}

function* checkNoPhantom({ history, senders }: Facts) {
  for (const { reader, shard, record } of everyRead(history)) {
    const outcome = senders.get(record.value)?.outcome
    const place = `${shard}:${record.sequenceNumber}, read by ${reader}`
    if (!outcome) yield `${JSON.stringify(record.value)} at ${place}, was never sent`
    else if (outcome.type === 'refused') yield `${record.value} at ${place}, was refused with ${outcome.code}`
  }
}

function* checkOneValuePerNumber({ history }: Facts) {
  const said = new Map<string, { value: string; by: string }>()
  const claims = function* () {
    for (const { reader, shard, record } of everyRead(history)) {
      yield { place: `${shard}:${record.sequenceNumber}`, value: record.value, by: reader }
    }
    for (const { call, value, shard, sequenceNumber } of acknowledged(history)) {
      yield { place: `${shard}:${sequenceNumber}`, value, by: `the acknowledgement to ${call.producer}` }
    }
  }
  for (const { place, value, by } of claims()) {
    const first = said.get(place)
    if (!first) said.set(place, { value, by })
    else if (first.value !== value) yield `${place} is ${first.value} to ${first.by} and ${value} to ${by}`
  }
}

function* checkNumbersRise({ history }: Facts) {
  for (const { shard, records, tail } of history.finals) {
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
  yield* checkRealTime(history)
}

/** An append that was invoked after another was acknowledged gets a higher number, across every crash in between. */
function* checkRealTime(history: History) {
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
    highest.set(shard, Math.max(highest.get(shard) ?? -1, ...sequenceNumbers))
  }
}

function* checkNoDuplicates({ places, senders }: Facts) {
  for (const [value, found] of places) {
    if (found.length < 2 || !senders.get(value)?.idempotent) continue
    const where = found.map(({ shard, sequenceNumber }) => `${shard}:${sequenceNumber}`).join(' and ')
    yield `${value} of an idempotent producer is stored at ${where}`
  }
}

function* checkOrderPerKey({ history }: Facts) {
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

function* checkRecordsInTheirRange({ history }: Facts) {
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

function* checkNoSkipNoStepBack({ history, finals }: Facts) {
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

/** Index of the first record at `sequenceNumber` or above. */
function lowerBound(records: readonly ReadRecord[], sequenceNumber: number): number {
  let low = 0
  let high = records.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((records[middle]?.sequenceNumber ?? Infinity) < sequenceNumber) low = middle + 1
    else high = middle
  }
  return low
}

function* checkVisibleIsDurable({ history, finals, stored }: Facts) {
  for (const { reader, shard, records } of history.runs) {
    const horizon = finals.get(shard)?.trimHorizon ?? 0
    for (const { sequenceNumber, value } of records) {
      if (sequenceNumber < horizon || stored.get(shard)?.get(sequenceNumber)?.value === value) continue
      yield `${reader} got ${value} at ${shard}:${sequenceNumber}, which the final read does not have`
    }
  }
}

function* checkBatchesAreWhole({ history, places }: Facts) {
  for (const { records, producer } of history.appends) {
    const [first] = records
    if (!first || records.length === 1) continue
    for (const { shard, sequenceNumber } of places.get(first.value) ?? []) {
      for (const [index, { value }] of records.entries()) {
        const expected = sequenceNumber + index
        const found = places
          .get(value)
          ?.some((place) => place.shard === shard && place.sequenceNumber === expected)
        if (!found) yield `${value} of ${producer} is not at ${shard}:${expected}, where its batch has it`
      }
    }
    if (places.has(first.value)) continue
    for (const { value } of records) {
      if (places.has(value))
        yield `${value} of ${producer} is stored without ${first.value}, the first of its batch`
    }
  }
}

function* checkBytesAreTheSent({ history, keys }: Facts) {
  for (const { reader, shard, record } of everyRead(history)) {
    const place = `${shard}:${record.sequenceNumber}, read by ${reader}`
    if (!record.intact)
      yield `${JSON.stringify(record.value)} at ${place}, does not have the bytes that were sent`
    const key = keys.get(record.value)
    if (key !== undefined && key !== record.partitionKey) {
      yield `${record.value} at ${place}, has the key ${record.partitionKey}, and was sent with ${key}`
    }
  }
}

function* checkEveryCallEnds({ history }: Facts) {
  for (const { outcome, records, producer } of history.appends) {
    if (outcome.type === 'pending') yield `the append of ${records[0]?.value} by ${producer} never ended`
  }
}
