// What a function of a mapping with an output stream answers with: the records of it are taken out and packed, the rest stays for the mapping.
// Runs in the threads that run handlers, and in the app for HTTP endpoints. Pure. An answer of another shape fails the call.
import type { PackedRecords } from './packed-records.ts'

/** The answer is none that can be put into a stream. It fails the call as an error of the function. */
export class AnswerFault extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InvalidAnswer'
  }
}

/** Characters of a partition key. */
const KEY_CHARACTERS_MAX = 256
/** Bytes of one record, as of the largest that a stream takes. */
const DATA_BYTES_MAX = 10 * 1024 * 1024

/**
 * Takes the records out of an answer: `{ records: [...] }`, an array of them, or nothing (null or undefined, or an object without records).
 * A record is `{ data, partitionKey? }`, or any other value that is its data. Text and bytes are put as they are, everything else as JSON.
 * Without a key, `keyOf(i)` gives it, where the answer has as many records as the call, and one of its own otherwise. Throws `AnswerFault`.
 */
export function takeOutput(
  payload: unknown,
  keyOf: (index: number, count: number) => string,
): { readonly payload: unknown; readonly output: PackedRecords } {
  if (payload === null || payload === undefined) return { payload: null, output: packed([], keyOf) }
  if (Array.isArray(payload)) return { payload: null, output: packed(payload, keyOf) }
  if (typeof payload !== 'object') {
    throw new AnswerFault(
      `The function returned ${kindOf(payload)}; it must return an array of records, or an object with records.`,
    )
  }
  const { records, ...rest } = payload as Readonly<Record<string, unknown>>
  if (records === undefined || records === null) return { payload: rest, output: packed([], keyOf) }
  if (Array.isArray(records)) return { payload: rest, output: packed(records, keyOf) }
  throw new AnswerFault(`The function returned records that are ${kindOf(records)}; they must be an array.`)
}

function packed(records: readonly unknown[], keyOf: (index: number, count: number) => string): PackedRecords {
  const count = records.length
  const datas: Uint8Array[] = []
  const partitionKeys: string[] = []
  const ends = new Uint32Array(count)
  let end = 0
  for (let i = 0; i < count; i++) {
    const { data, partitionKey } = recordOf(records[i], i)
    datas.push(data)
    partitionKeys.push(partitionKey ?? keyOf(i, count))
    end += data.length
    ends[i] = end
  }
  const bytes = new Uint8Array(end)
  for (let i = 0, at = 0; i < count; i++) {
    bytes.set(datas[i]!, at)
    at = ends[i]!
  }
  return { count, bytes, ends, partitionKeys }
}

interface AnswerRecord {
  readonly data: Uint8Array
  readonly partitionKey: string | undefined
}

function recordOf(record: unknown, index: number): AnswerRecord {
  const isRecord =
    typeof record === 'object' && record !== null && !ArrayBuffer.isView(record) && 'data' in record
  if (!isRecord) return { data: dataOf(record, index), partitionKey: undefined }
  const { data, partitionKey } = record as { readonly data: unknown; readonly partitionKey?: unknown }
  if (partitionKey === undefined || partitionKey === null)
    return { data: dataOf(data, index), partitionKey: undefined }
  const isKey =
    typeof partitionKey === 'string' && partitionKey.length > 0 && partitionKey.length <= KEY_CHARACTERS_MAX
  if (isKey) return { data: dataOf(data, index), partitionKey }
  throw new AnswerFault(
    `records[${index}].partitionKey is ${kindOf(partitionKey)}; it must be a text of 1 to ${KEY_CHARACTERS_MAX} characters.`,
  )
}

function dataOf(value: unknown, index: number): Uint8Array {
  const data = bytesOf(value)
  if (data === undefined) throw new AnswerFault(`records[${index}] is ${kindOf(value)}, which is no JSON.`)
  if (data.length <= DATA_BYTES_MAX) return data
  throw new AnswerFault(`records[${index}] has ${data.length} bytes; a record has at most ${DATA_BYTES_MAX}.`)
}

function bytesOf(value: unknown): Uint8Array | undefined {
  if (typeof value === 'string') return Buffer.from(value)
  if (value instanceof Uint8Array) return value
  // An object that holds itself, or a big integer, is no JSON.
  const json = jsonOf(value)
  return json === undefined ? undefined : Buffer.from(json)
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : `of type ${typeof value}`
}
