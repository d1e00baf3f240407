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
  /** Logical time at which it began. */
  readonly openedAt: number
  readonly records: ReadRecord[]
}

/** What a reader of a whole stream delivered, over every shard and reconnection, in the order of delivery. */
export interface StreamRead {
  readonly reader: string
  /** It began at the oldest record and was followed to the end: everything that is stored must have come. */
  readonly isComplete: boolean
  readonly deliveries: readonly { readonly shard: string; readonly record: ReadRecord }[]
  deliver(shard: string, record: ReadRecord): void
}

/** Everything that one shard holds when all faults are over, read from the trim horizon to the tail. */
export interface FinalRead {
  readonly shard: string
  readonly trimHorizon: number
  readonly tail: number
  readonly records: readonly ReadRecord[]
  /** The hash keys that belong to the shard, both ends included, where the scenario knows them. */
  readonly range?: HashKeyRange
  /** What the catalog says of the shard, where the scenario asked for it. */
  readonly lineage?: Lineage
}

export interface Lineage {
  readonly parents: readonly string[]
  readonly startingSequenceNumber: number
  readonly isClosed: boolean
  /** Of a closed shard that was given any number. */
  readonly endingSequenceNumber: number | undefined
}

/** The open shards of a stream, as someone was told them. */
export interface EpochSeen {
  readonly epoch: number
  readonly open: readonly { readonly shard: string; readonly range: HashKeyRange }[]
  /** Logical times of question and answer. */
  readonly askedAt: number
  readonly answeredAt: number
}

/** A trim horizon, as someone was told it, and how a read of the number below it was answered, if that was tried. */
export interface HorizonSeen {
  readonly shard: string
  readonly trimHorizon: number
  readonly below: string | undefined
  readonly seenAt: number
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
  readonly streamReads: StreamRead[] = []
  readonly epochs: EpochSeen[] = []
  readonly horizons: HorizonSeen[] = []
  /** Logical time from which nothing was broken any more; undefined while the scenario does not say. */
  faultsEndedAt: number | undefined
  /** Appends that were acknowledged so far: cheap to ask for, however long the history is. */
  acknowledgedCalls = 0
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
      if (outcome.type === 'ok') this.acknowledgedCalls++
    }
    return {
      ok: (shard, sequenceNumbers) => end({ type: 'ok', shard, sequenceNumbers }),
      failed: (error) => end(outcomeOf(error)),
    }
  }

  openRun(run: { reader: string; shard: string; from?: number | undefined }): ReadRun {
    const { reader, shard, from } = run
    const opened: ReadRun = { reader, shard, from, openedAt: ++this.#now, records: [] }
    this.runs.push(opened)
    return opened
  }

  /** A reader of all shards, from the oldest records on; of each shard its deliveries are a run as well. */
  openStreamRead(reader: string, options: { readonly isComplete: boolean }): StreamRead {
    const runs = new Map<string, ReadRun>()
    const openedAt = ++this.#now
    const deliveries: { shard: string; record: ReadRecord }[] = []
    const opened: StreamRead = {
      reader,
      isComplete: options.isComplete,
      deliveries,
      deliver: (shard, record) => {
        let run = runs.get(shard)
        if (!run) {
          // What it delivers of a shard may have been on its way since it began.
          run = { reader, shard, from: 0, openedAt, records: [] }
          runs.set(shard, run)
          this.runs.push(run)
        }
        run.records.push(record)
        deliveries.push({ shard, record })
      },
    }
    this.streamReads.push(opened)
    return opened
  }

  /** Call it before asking for the open shards; call what it answers with the answer. */
  askEpoch(): (seen: Pick<EpochSeen, 'epoch' | 'open'>) => void {
    const askedAt = ++this.#now
    return (seen) => this.epochs.push({ ...seen, askedAt, answeredAt: ++this.#now })
  }

  seeHorizon(seen: Omit<HorizonSeen, 'seenAt'>): void {
    this.horizons.push({ ...seen, seenAt: ++this.#now })
  }

  /** From now on whoever asks must be served. */
  endFaults(): void {
    this.faultsEndedAt = ++this.#now
  }

  addFinal(final: FinalRead): void {
    this.finals.push(final)
  }

  /**
   * The history as it is now, for what goes on from here twice: an append that is under way has an unknown outcome there.
   * Final reads are not taken over.
   */
  snapshot(): History {
    const copy = new History()
    copy.#now = this.#now
    copy.faultsEndedAt = this.faultsEndedAt
    copy.acknowledgedCalls = this.acknowledgedCalls
    for (const call of this.appends) {
      const isOpen = call.outcome.type === 'pending'
      copy.appends.push(isOpen ? { ...call, outcome: { type: 'unknown', code: 'killed' } } : { ...call })
    }
    for (const run of this.runs) copy.runs.push({ ...run, records: [...run.records] })
    for (const read of this.streamReads) {
      copy.streamReads.push({ ...read, isComplete: false, deliveries: [...read.deliveries] })
    }
    copy.epochs.push(...this.epochs)
    copy.horizons.push(...this.horizons)
    return copy
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
