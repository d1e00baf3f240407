// Compares the log with what was sent, acknowledged and shown: invariants 1, 2, 3, 5, 10, 12 and 13. Pure.
import { acknowledged, everyRead, type Facts } from './facts.ts'

export function* checkAckedNeverLost({ history, finals, stored }: Facts) {
  for (const { value, shard, sequenceNumber, call } of acknowledged(history)) {
    const horizon = finals.get(shard)?.trimHorizon ?? 0
    if (sequenceNumber < horizon) continue
    const found = stored.get(shard)?.get(sequenceNumber)
    if (found?.value === value) continue
    yield `${value} of ${call.producer} was acknowledged at ${shard}:${sequenceNumber}, where the final read has ${found ? found.value : 'nothing'}`
  }
}

export function* checkNoPhantom({ history, senders }: Facts) {
  for (const { reader, shard, record } of everyRead(history)) {
    const outcome = senders.get(record.value)?.outcome
    const place = `${shard}:${record.sequenceNumber}, read by ${reader}`
    if (!outcome) yield `${JSON.stringify(record.value)} at ${place}, was never sent`
    else if (outcome.type === 'refused') yield `${record.value} at ${place}, was refused with ${outcome.code}`
  }
}

export function* checkOneValuePerNumber({ history }: Facts) {
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

/** Over all shards: a parent and its children count as one log. */
export function* checkNoDuplicates({ places, senders }: Facts) {
  for (const [value, found] of places) {
    if (found.length < 2 || !senders.get(value)?.idempotent) continue
    const where = found.map(({ shard, sequenceNumber }) => `${shard}:${sequenceNumber}`).join(' and ')
    yield `${value} of an idempotent producer is stored at ${where}`
  }
}

export function* checkVisibleIsDurable({ history, finals, stored }: Facts) {
  for (const { reader, shard, records } of history.runs) {
    const horizon = finals.get(shard)?.trimHorizon ?? 0
    for (const { sequenceNumber, value } of records) {
      if (sequenceNumber < horizon || stored.get(shard)?.get(sequenceNumber)?.value === value) continue
      yield `${reader} got ${value} at ${shard}:${sequenceNumber}, which the final read does not have`
    }
  }
}

export function* checkBatchesAreWhole({ history, places }: Facts) {
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

export function* checkBytesAreTheSent({ history, keys }: Facts) {
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
