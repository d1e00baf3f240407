// What clients saw in one scenario: every append with its outcome, and every record read. Pure bookkeeping for the
// checker; runs in the test's process. An outcome is ok, refused or unknown. A lost connection or a timeout is unknown
// and never refused: the broker may have stored the records.
import { createHash } from 'node:crypto'
import type { HashKeyRange } from '../../../protocol/shards/shard-map.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'

/** A record as its producer sent it. Values are unique in a history, so that a read record identifies its append. */
export interface SentRecord {
  readonly value: string
  readonly partitionKey: string
}

export type Outcome =
  | { readonly type: 'pending' }
  | { readonly type: 'ok'; readonly shard: string; readonly sequenceNumbers: readonly number[] }
  | { readonly type: 'refused'; readonly code: string }
  | { readonly type: 'unknown'; readonly code: string }

/** One append. The records of a call are in one batch, so they are stored together or not at all. */
export interface AppendCall {
  readonly producer: string
  readonly idempotent: boolean
  readonly records: readonly SentRecord[]
  /** Logical time: a counter that rises with every event of the history. */
  readonly invokedAt: number
  endedAt: number | undefined
  outcome: Outcome
}

/** A record as a reader got it. `intact` is true if its bytes are those that belong to its value. */
export interface ReadRecord {
  readonly sequenceNumber: number
  readonly arrivalTime: number
  readonly value: string
  readonly partitionKey: string
  readonly intact: boolean
}

/** One reader's or subscription's deliveries from one shard, in order, without a reconnection in between. */
export interface ReadRun {
  readonly reader: string
  readonly shard: string
  /** The first number wanted, if the reader knows it. */
  readonly from: number | undefined
  /** Logical time at which the run began. */
  readonly openedAt: number
  readonly records: ReadRecord[]
}

/** A stream reader's deliveries over all shards and reconnections, in order. */
export interface StreamRead {
  readonly reader: string
  /** True if the reader began at the oldest record and was followed to the end: it must have got every stored record. */
  readonly isComplete: boolean
  readonly deliveries: readonly { readonly shard: string; readonly record: ReadRecord }[]
  deliver(shard: string, record: ReadRecord): void
}

/** All records of one shard after the last fault, from the trim horizon to the tail. */
export interface FinalRead {
  readonly shard: string
  readonly trimHorizon: number
  readonly tail: number
  readonly records: readonly ReadRecord[]
  /** The shard's hash key range, both ends included, if the scenario knows it. */
  readonly range?: HashKeyRange
  /** The catalog's lineage of the shard, if the scenario asked for it. */
  readonly lineage?: Lineage
}

export interface Lineage {
  readonly parents: readonly string[]
  readonly startingSequenceNumber: number
  readonly isClosed: boolean
  /** Set for a closed shard that assigned any number. */
  readonly endingSequenceNumber: number | undefined
}

/** A stream's open shards, as a client was told. */
export interface EpochSeen {
  readonly epoch: number
  readonly open: readonly { readonly shard: string; readonly range: HashKeyRange }[]
  /** Logical times of the question and of the answer. */
  readonly askedAt: number
  readonly answeredAt: number
}

/** A trim horizon as a client was told, and the answer to a read of the number below it, if that was tried. */
export interface HorizonSeen {
  readonly shard: string
  readonly trimHorizon: number
  readonly below: string | undefined
  readonly seenAt: number
}

/** Settles one append. Each call ends once. */
export interface OpenAppend {
  ok(shard: string, sequenceNumbers: readonly number[]): void
  /** Notes a refusal or an unknown outcome, by the error's promise about side effects. */
  failed(error: unknown): void
}

export class History {
  readonly appends: AppendCall[] = []
  readonly runs: ReadRun[] = []
  readonly finals: FinalRead[] = []
  readonly streamReads: StreamRead[] = []
  readonly epochs: EpochSeen[] = []
  readonly horizons: HorizonSeen[] = []
  /** Logical time of the end of all faults; undefined until the scenario sets it. */
  faultsEndedAt: number | undefined
  /** Acknowledged appends so far. Costs the same for any length of history. */
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

  /** Opens a read of all shards from the oldest record. Deliveries from each shard also form a run. */
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
          // A delivery from this shard may have been under way since the reader began.
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

  /** Call this before asking for the open shards; call the returned function with the answer. */
  askEpoch(): (seen: Pick<EpochSeen, 'epoch' | 'open'>) => void {
    const askedAt = ++this.#now
    return (seen) => this.epochs.push({ ...seen, askedAt, answeredAt: ++this.#now })
  }

  seeHorizon(seen: Omit<HorizonSeen, 'seenAt'>): void {
    this.horizons.push({ ...seen, seenAt: ++this.#now })
  }

  /** From now on every client must be served. */
  endFaults(): void {
    this.faultsEndedAt = ++this.#now
  }

  addFinal(final: FinalRead): void {
    this.finals.push(final)
  }

  /**
   * A copy of the history now, to continue it in two ways. Appends under way have an unknown outcome in the copy. Final
   * reads are not copied.
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

  /** Appends by outcome. A scenario without acknowledged appends proves nothing. */
  count(): Record<Outcome['type'], number> {
    const counts = { pending: 0, ok: 0, refused: 0, unknown: 0 }
    for (const call of this.appends) counts[call.outcome.type] += call.records.length
    return counts
  }
}

/** Only an error that promises that nothing was written is a refusal; after any other error the outcome is unknown. */
export function outcomeOf(error: unknown): Outcome {
  if (!MillraceError.is(error)) return { type: 'unknown', code: String(error) }
  return { type: error.sideEffects === 'none' ? 'refused' : 'unknown', code: error.code }
}

const VALUE_BYTES = 24

/** The payload for a value: the value, followed by bytes that only this value has. At least 24 bytes. */
export function payloadOf(value: string, bytes = 100): Buffer {
  if (Buffer.byteLength(value) > VALUE_BYTES)
    throw new Error(`value ${value} is longer than ${VALUE_BYTES} bytes`)
  const payload = Buffer.alloc(Math.max(VALUE_BYTES, bytes), ' ', 'latin1')
  payload.write(value, 0, 'utf8')
  const pattern = createHash('sha1').update(value).digest()
  for (let at = VALUE_BYTES; at < payload.length; at += pattern.length) pattern.copy(payload, at)
  return payload
}

/** The value in a payload, and whether every byte of the payload belongs to it. */
export function valueOf(payload: Uint8Array): { readonly value: string; readonly intact: boolean } {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  const value = bytes.toString('utf8', 0, VALUE_BYTES).trimEnd()
  return {
    value,
    intact: Buffer.byteLength(value) <= VALUE_BYTES && payloadOf(value, bytes.length).equals(bytes),
  }
}
