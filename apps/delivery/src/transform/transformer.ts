// Sends records through a function, as Firehose does: requests of 6 MB at most, a failed one again up to its retries, then its records to the
// errors. Runs in the app. A function that is not reached is no failure of the records: the call is rejected, and made again later.
import { backoff, wait, type Clock } from '../engine/clock.ts'
import type { SourceRecord } from '../engine/source-record.ts'
import type { ErrorRecord } from '../errors/error-record.ts'
import { FunctionFailure, type FunctionCaller } from './function-caller.ts'
import { transformed, type Transformed } from './transform-answer.ts'
import {
  transformEntry,
  transformPayload,
  transformRequests,
  type TransformEntry,
  type TransformSource,
} from './transform-request.ts'

export interface TransformerParts {
  readonly caller: FunctionCaller
  /** Name or url. */
  readonly function: string
  /** Calls after the first. */
  readonly retriesMax: number
  readonly source: TransformSource
  readonly clock: Clock
  /** Within [0, 1). */
  readonly random: () => number
  /** Names a call. */
  readonly invocationId: () => string
}

/** A record as the function has returned it. */
export interface TransformedRecord {
  readonly record: SourceRecord
  readonly data: Uint8Array
  readonly partitionKeys: Readonly<Record<string, unknown>>
}

export interface TransformOutcome {
  readonly records: readonly TransformedRecord[]
  readonly failed: readonly ErrorRecord[]
}

export class Transformer {
  readonly #parts: TransformerParts

  constructor(parts: TransformerParts) {
    this.#parts = parts
  }

  /** Fulfils with what became of the records, in their order. Rejects with `FunctionUnreached`. */
  async transform(records: readonly SourceRecord[], signal: AbortSignal): Promise<TransformOutcome> {
    const outcome = { records: [] as TransformedRecord[], failed: [] as ErrorRecord[] }
    for (const { entries, isTooLarge } of transformRequests(this.#entries(records))) {
      const { answers, attempts } = isTooLarge ? tooLarge : await this.#answers(entries, signal)
      entries.forEach(({ record }, place) => {
        const answer = answers instanceof FunctionFailure ? failureOf(answers) : answers[place]!
        if (answer.result === 'Ok') outcome.records.push({ record, ...answer })
        else if (answer.result === 'failed') outcome.failed.push(this.#failed(record, answer, attempts))
      })
    }
    return outcome
  }

  *#entries(records: readonly SourceRecord[]): Generator<TransformEntry> {
    for (const record of records) yield transformEntry(record, this.#parts.source)
  }

  async #answers(entries: readonly TransformEntry[], signal: AbortSignal): Promise<Answers> {
    const { caller, source, invocationId, retriesMax, clock, random, function: name } = this.#parts
    const ids = entries.map(({ recordId }) => recordId)
    const payload = transformPayload(source, invocationId(), entries)
    for (let attempts = 1; ; attempts++) {
      try {
        return { answers: transformed(await caller.call(name, payload, signal), ids), attempts }
      } catch (error) {
        if (!(error instanceof FunctionFailure)) throw error
        if (attempts > retriesMax) return { answers: error, attempts }
      }
      await wait(clock, backoff(attempts, random), signal)
    }
  }

  #failed(record: SourceRecord, { code, message }: Failed, attemptsMade: number): ErrorRecord {
    return {
      type: 'processing-failed',
      origin: record,
      rawData: record.data,
      attemptsMade,
      code,
      message,
      endedAt: this.#parts.clock.now(),
      function: this.#parts.function,
    }
  }
}

interface Answers {
  /** Of each record; or why none has any. */
  readonly answers: readonly Transformed[] | FunctionFailure
  readonly attempts: number
}

type Failed = Extract<Transformed, { readonly result: 'failed' }>

const tooLarge: Answers = {
  answers: new FunctionFailure('Lambda.RequestTooLarge', 'The record does not fit into a request of 6 MB.'),
  attempts: 0,
}

function failureOf({ code, message }: FunctionFailure): Failed {
  return { result: 'failed', code, message }
}
