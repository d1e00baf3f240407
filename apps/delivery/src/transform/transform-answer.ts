// Answers of functions that transform records, read with distrust: each record is found its own, or fails for itself. Pure.
import { FunctionFailure } from './function-caller.ts'

/** What became of a record. */
export type Transformed =
  | {
      readonly result: 'Ok'
      readonly data: Uint8Array
      readonly partitionKeys: Readonly<Record<string, unknown>>
    }
  | { readonly result: 'Dropped' }
  | { readonly result: 'failed'; readonly code: string; readonly message: string }

const failed = (code: string, message: string): Transformed => ({ result: 'failed', code, message })

/** Returns what became of each record, in the order of their ids. Throws a `FunctionFailure` where the answer is none. */
export function transformed(text: string, recordIds: readonly string[]): readonly Transformed[] {
  const answers = new Map<string, Transformed>()
  for (const answer of recordsOf(text)) {
    const id =
      typeof answer === 'object' && answer !== null ? (answer as { recordId?: unknown }).recordId : undefined
    // Without an id an answer is nobody's: the record that it was meant for is missing.
    if (typeof id !== 'string') continue
    answers.set(
      id,
      answers.has(id)
        ? failed(
            'Lambda.DuplicatedRecordId',
            'The function has returned several records with the same recordId.',
          )
        : answerOf(answer as Answer),
    )
  }
  const missing = failed(
    'Lambda.MissingRecordId',
    'The function has not returned the recordId of this record.',
  )
  return recordIds.map((id) => answers.get(id) ?? missing)
}

interface Answer {
  readonly result?: unknown
  readonly data?: unknown
  readonly metadata?: unknown
}

function recordsOf(text: string): readonly unknown[] {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch (error) {
    throw new FunctionFailure(
      'Lambda.JsonProcessingException',
      `The function's answer is no JSON: ${(error as Error).message}`,
    )
  }
  const records =
    typeof answer === 'object' && answer !== null ? (answer as { records?: unknown }).records : undefined
  if (Array.isArray(records)) return records as readonly unknown[]
  throw new FunctionFailure('Lambda.JsonProcessingException', `The function's answer has no list "records".`)
}

function answerOf({ result, data, metadata }: Answer): Transformed {
  if (result === 'Dropped') return { result }
  if (result === 'ProcessingFailed') {
    return failed(
      'Lambda.ProcessingFailedStatus',
      'The function has returned ProcessingFailed for this record.',
    )
  }
  if (result !== 'Ok') {
    return failed('Lambda.InvalidStatus', 'The result of a record must be Ok, Dropped or ProcessingFailed.')
  }
  if (typeof data !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(data)) {
    return failed('Lambda.InvalidData', 'The data of a record with the result Ok must be base64.')
  }
  const { partitionKeys = {} } = isRecord(metadata) ? metadata : {}
  if (!isRecord(partitionKeys)) {
    return failed('Lambda.InvalidMetadata', 'metadata.partitionKeys must be an object of texts.')
  }
  return { result, data: Buffer.from(data, 'base64'), partitionKeys }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
