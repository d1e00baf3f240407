// Takes records apart that hold several: aggregates of the Kinesis Producer Library, JSON objects one behind the other, delimited text.
// Pure. A part is named for ever by the sequence number of its record and its place in it. A record that cannot be taken apart fails as
// a whole, so that replaying it doubles nothing.
import { deaggregate } from 'millrace'
import type { DeliveryDeaggregation } from 'millrace/protocol'
import type { SourceRecord } from '../engine/source-record.ts'
import type { ErrorRecord } from '../errors/error-record.ts'
import { objectsIn } from './json-objects.ts'

/** Parts of a record at most. Firehose takes 500. */
export const PARTS_MAX = 10_000

export interface TakenApart {
  readonly records: readonly SourceRecord[]
  readonly failed: readonly ErrorRecord[]
}

/** What a record consists of, before it has its place. */
type Part = Pick<SourceRecord, 'data' | 'partitionKey'> & { readonly explicitHashKey?: string | undefined }

/** Takes each record apart, step by step. */
export function takeApart(
  records: readonly SourceRecord[],
  steps: readonly DeliveryDeaggregation[],
  now: () => number,
): TakenApart {
  if (steps.length === 0) return { records, failed: [] }
  const taken: SourceRecord[] = []
  const failed: ErrorRecord[] = []
  for (const record of records) {
    const parts = partsOf(record, steps)
    if (typeof parts === 'string') failed.push(failure(record, parts, now()))
    else if (parts.length === 1 && parts[0]!.data === record.data) taken.push(record)
    else parts.forEach((part, place) => taken.push(placed(record, part, place)))
  }
  return { records: taken, failed }
}

/** Returns the parts, or why there are none. */
function partsOf(record: SourceRecord, steps: readonly DeliveryDeaggregation[]): readonly Part[] | string {
  let parts: readonly Part[] = [record]
  for (const step of steps) {
    const next: Part[] = []
    for (const part of parts) {
      const found = partsOfStep(part, step)
      if (typeof found === 'string') return found
      for (const one of found) next.push(one)
      if (next.length > PARTS_MAX) return `it holds more than ${PARTS_MAX} records`
    }
    parts = next
  }
  return parts
}

function partsOfStep(part: Part, step: DeliveryDeaggregation): readonly Part[] | string {
  switch (step.type) {
    case 'kpl':
      return userRecordsOf(part)
    case 'json': {
      const { objects, fault } = objectsIn(part.data, PARTS_MAX)
      if (fault !== undefined) return `${fault.message} (byte ${fault.at})`
      if (objects.length === 0) return 'it holds no JSON object'
      return objects.map(({ from, to }) => withData(part, from, to))
    }
    case 'delimited':
      return delimitedParts(part, Buffer.from(step.delimiter))
  }
}

function userRecordsOf(part: Part): readonly Part[] | string {
  try {
    return deaggregate(part)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Parts without bytes, as between two delimiters, are no records. */
function delimitedParts(part: Part, delimiter: Buffer): readonly Part[] | string {
  const { data } = part
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const parts: Part[] = []
  for (let from = 0; from < bytes.length;) {
    const found = bytes.indexOf(delimiter, from)
    const to = found === -1 ? bytes.length : found
    if (to > from) parts.push(withData(part, from, to))
    if (parts.length > PARTS_MAX) return `it holds more than ${PARTS_MAX} records`
    from = to + delimiter.length
  }
  return parts
}

function withData(part: Part, from: number, to: number): Part {
  const { data, partitionKey, explicitHashKey } = part
  if (from === 0 && to === data.length) return part
  return {
    data: data.subarray(from, to),
    partitionKey,
    ...(explicitHashKey !== undefined && { explicitHashKey }),
  }
}

function placed(record: SourceRecord, part: Part, place: number): SourceRecord {
  const { explicitHashKey: _, ...rest } = record
  return {
    ...rest,
    partitionKey: part.partitionKey,
    ...(part.explicitHashKey !== undefined && { explicitHashKey: part.explicitHashKey }),
    data: part.data,
    subSequence: place,
  }
}

function failure(origin: SourceRecord, reason: string, endedAt: number): ErrorRecord {
  return {
    type: 'processing-failed',
    origin,
    rawData: origin.data,
    attemptsMade: 1,
    code: 'Deaggregation.MalformedRecord',
    message: `The record cannot be taken apart: ${reason}.`,
    endedAt,
  }
}
