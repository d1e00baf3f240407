// Puts records into a Kinesis stream, several requests at a time, in the order of each key. Runs in the process that exports.
import { PutRecordsCommand, type KinesisClient, type PutRecordsRequestEntry } from '@aws-sdk/client-kinesis'
import { delayMsOf, insist, type Patience } from '../patience.ts'
import { PutQueue, type QueuedEntry } from './put-queue.ts'

/** A record to put. */
export interface SinkEntry extends QueuedEntry {
  readonly request: PutRecordsRequestEntry
  /** Called when it is stored. */
  readonly onStored: () => void
}

/** Bounds of PutRecords: as many records as it takes, and bytes that it took in every year of its life. */
const REQUEST = { records: 500, bytes: 5 * 1024 * 1024 }
const REQUESTS_MAX = 4
/** Beyond this, who adds waits. */
const WAITING = { records: 10_000, bytes: 32 * 1024 * 1024 }

/** An error of a single record. */
class RecordRefused extends Error {
  override readonly name = 'RecordRefused'
}

export class Sink {
  readonly #client: KinesisClient
  readonly #stream: string
  readonly #patience: Patience
  readonly #queue = new PutQueue<SinkEntry>()
  #requests = 0
  #refusals = 0
  #lastStoredAt: number
  #failure: { readonly error: unknown } | undefined
  readonly #waiters: (() => void)[] = []

  constructor(client: KinesisClient, stream: string, patience: Patience) {
    this.#client = client
    this.#stream = stream
    this.#patience = patience
    this.#lastStoredAt = patience.monotonic()
  }

  /** Takes a record; fulfils when there is room for the next one. Rejects once a record cannot be stored. */
  async add(entry: SinkEntry): Promise<void> {
    if (this.#queue.size === 0) this.#lastStoredAt = this.#patience.monotonic()
    this.#queue.add(entry)
    this.#pump()
    while (this.#isFull()) await this.#change()
    this.#throwFailure()
  }

  /** Fulfils when all that was taken is stored; rejects if something cannot be. */
  async drain(): Promise<void> {
    while (this.#queue.size > 0 && this.#failure === undefined) await this.#change()
    this.#throwFailure()
  }

  #isFull(): boolean {
    const { size, bytes } = this.#queue
    return this.#failure === undefined && (size >= WAITING.records || bytes >= WAITING.bytes)
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  #pump(): void {
    while (this.#failure === undefined && this.#requests < REQUESTS_MAX) {
      const entries = this.#queue.take(REQUEST)
      if (entries.length === 0) return
      this.#requests++
      void this.#put(entries).finally(() => {
        this.#requests--
        for (const resolve of this.#waiters.splice(0)) resolve()
        this.#pump()
      })
    }
  }

  async #put(entries: readonly SinkEntry[]): Promise<void> {
    try {
      const command = new PutRecordsCommand({
        StreamName: this.#stream,
        Records: entries.map(({ request }) => request),
      })
      const { signal: abortSignal } = this.#patience
      const answer = await insist(() => this.#client.send(command, { abortSignal }), this.#patience)
      const refused: SinkEntry[] = []
      let refusal: Error | undefined
      for (const [index, entry] of entries.entries()) {
        const { ErrorCode, ErrorMessage } = answer.Records![index]!
        if (ErrorCode === undefined || ErrorCode === null) {
          this.#queue.stored(entry)
          entry.onStored()
        } else {
          refused.push(entry)
          refusal ??= new RecordRefused(`${ErrorCode}: ${ErrorMessage ?? 'no reason given'}`)
        }
      }
      if (refused.length < entries.length) {
        this.#refusals = 0
        this.#lastStoredAt = this.#patience.monotonic()
      }
      if (refusal !== undefined) await this.#waitAfter(refusal)
      for (const entry of refused) this.#queue.refused(entry)
    } catch (error) {
      this.#failure ??= { error }
    }
  }

  async #waitAfter(refusal: Error): Promise<void> {
    const { monotonic, giveUpAfterMs, random, sleep, signal, onWait } = this.#patience
    if (monotonic() - this.#lastStoredAt > giveUpAfterMs) throw refusal
    const delayMs = delayMsOf(this.#refusals++, random())
    onWait(refusal, delayMs)
    await sleep(delayMs, signal)
  }
}
