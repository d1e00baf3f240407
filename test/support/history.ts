// What happened in one scenario, as its clients saw it: every append with its outcome, and everything that anyone read.
// Pure bookkeeping for the checker; runs in the process of the test. Outcomes are three: ok, refused, unknown. A lost
// connection or a timeout is always unknown, never refused: the broker may have stored the records.
import { createHash } from 'node:crypto'
import type { HashKeyRange } from '../../protocol/shard-map.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'

/** One record as its producer sent it. Values are unique in a history, so that a read maps to one send. */
export interface SentRecord {
  readonly value: string
  readonly partitionKey: string
}

export type Outcome =
  | { readonly type: 'pending' }
  | { readonly type: 'ok'; readonly shard: string; readonly sequenceNumbers: readonly number[] }
  | { readonly type: 'refused'; readonly code: string }
  | { readonly type: 'unknown'; readonly code: string }

/** One append: the records of one call stand in one batch, so they are stored together or not at all. */
export interface AppendCall {
  readonly producer: string
  readonly idempotent: boolean
  readonly records: readonly SentRecord[]
  /** Logical time: a counter that rises with every event of the history. */
  readonly invokedAt: number
  endedAt: number | undefined
  outcome: Outcome
}

/** One record as a reader got it. `intact` says that its bytes are those that its value stands for. */
export interface ReadRecord {
  readonly sequenceNumber: number
  readonly arrivalTime: number
  readonly value: string
  readonly partitionKey: string
  readonly intact: boolean
}

/** What one reader or subscription delivered of one shard, in order of delivery, without a reconnection in between. */
export interface ReadRun {
  readonly reader: string
  readonly shard: string
  /** The first number wanted, where the reader knows it. */
  readonly from: number | undefined
  readonly records: ReadRecord[]
}

/** Everything that one shard holds when all faults are over, read from the trim horizon to the tail. */
export interface FinalRead {
  readonly shard: string
  readonly trimHorizon: number
  readonly tail: number
  readonly records: readonly ReadRecord[]
  /** The hash keys that belong to the shard, both ends included, where the scenario knows them. */
  readonly range?: HashKeyRange
}

/** Settles one append. Each call ends once. */
export interface OpenAppend {
  ok(shard: string, sequenceNumbers: readonly number[]): void
  /** Refused or unknown: the error's own promise about side effects decides. */
  failed(error: unknown): void
}

export class History {
  readonly appends: AppendCall[] = []
  readonly runs: ReadRun[] = []
  readonly finals: FinalRead[] = []
  #now = 0

  invoke(append: Pick<AppendCall, 'producer' | 'idempotent' | 'records'>): OpenAppend {
    const call: AppendCall = {
      ...append,
      invokedAt: ++this.#now,
      endedAt: undefined,
      outcome: { type: 'pending' },
    }
    this.appends.push(call)
    const end = (outcome: Outcome) => {
      if (call.outcome.type !== 'pending')
        throw new Error(`append of ${append.records[0]?.value} ended twice`)
      call.outcome = outcome
      call.endedAt = ++this.#now
    }
    return {
      ok: (shard, sequenceNumbers) => end({ type: 'ok', shard, sequenceNumbers }),
      failed: (error) => end(outcomeOf(error)),
    }
  }

  openRun(run: { reader: string; shard: string; from?: number | undefined }): ReadRun {
    const opened: ReadRun = { reader: run.reader, shard: run.shard, from: run.from, records: [] }
    this.runs.push(opened)
    return opened
  }

  addFinal(final: FinalRead): void {
    this.finals.push(final)
  }

  /** How many appends ended in each way: a scenario that acknowledged nothing proves nothing. */
  count(): Record<Outcome['type'], number> {
    const counts = { pending: 0, ok: 0, refused: 0, unknown: 0 }
    for (const call of this.appends) counts[call.outcome.type] += call.records.length
    return counts
  }
}

/** Only an error that promises "nothing was written" is a refusal. Whatever else went wrong, the outcome is unknown. */
export function outcomeOf(error: unknown): Outcome {
  if (!MillraceError.is(error)) return { type: 'unknown', code: String(error) }
  return { type: error.sideEffects === 'none' ? 'refused' : 'unknown', code: error.code }
}

const VALUE_BYTES = 24

/** The payload that stands for a value: the value itself, then bytes that only this value has. At least 24 bytes. */
export function payloadOf(value: string, bytes = 100): Buffer {
  if (Buffer.byteLength(value) > VALUE_BYTES)
    throw new Error(`value ${value} is longer than ${VALUE_BYTES} bytes`)
  const payload = Buffer.alloc(Math.max(VALUE_BYTES, bytes), ' ', 'latin1')
  payload.write(value, 0, 'utf8')
  const pattern = createHash('sha1').update(value).digest()
  for (let at = VALUE_BYTES; at < payload.length; at += pattern.length) pattern.copy(payload, at)
  return payload
}

/** The value that a payload carries, and whether every byte of the payload belongs to it. */
export function valueOf(payload: Uint8Array): { readonly value: string; readonly intact: boolean } {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  const value = bytes.toString('utf8', 0, VALUE_BYTES).trimEnd()
  return {
    value,
    intact: Buffer.byteLength(value) <= VALUE_BYTES && payloadOf(value, bytes.length).equals(bytes),
  }
}
