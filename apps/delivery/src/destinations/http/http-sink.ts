// Sends batches to an HTTP endpoint by Firehose's protocol, tries again for as long as the delivery says, and then gives them up.
// Runs in the app. One batch is sent at a time for each shard, by its caller; batches of several shards go side by side.
import type { HttpDestination } from 'millrace/protocol'
import { DeliveryFault } from '../../errors/delivery-fault.ts'
import type { ErrorRecord } from '../../errors/error-record.ts'
import type { BatchOutcome, BatchSink, SinkBatch } from '../batch-sink.ts'
import {
  ANSWER_BYTES_MAX,
  connectionFailure,
  failureOf,
  type HttpAnswer,
  type HttpFailure,
} from './http-answer.ts'
import { backoffMs } from './http-backoff.ts'
import { bodyOf, headersOf, HTTP_BATCH_BYTES_MAX, HTTP_RECORDS_MAX, httpUrlFlaw } from './http-request.ts'
import { Turns } from './turns.ts'

export interface HttpSinkOptions {
  readonly destination: HttpDestination
  /** Names the delivery to the endpoint. */
  readonly sourceArn: string
}

/** The rim: what a test replaces. */
export interface HttpSinkRim {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Within [0, 1). */
  readonly random: () => number
  /** Fulfils after so long; rejects with the signal's reason. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** A signal for each request, which ends it where it has had no answer for too long. */
  readonly timeout?: () => AbortSignal
  /** Requests at a time. */
  readonly requestsMax?: number
}

/** What is kept of a batch that has failed at least once. */
interface HttpPlan {
  readonly attempts: number
  /** What was waited between attempts. Firehose counts neither the first attempt nor the times until answers. */
  readonly waitedMs: number
}

const TIMEOUT_MS = 180_000
const REQUESTS_MAX = 8

export class HttpSink implements BatchSink {
  readonly recordsMax = HTTP_RECORDS_MAX
  readonly bytesMax = HTTP_BATCH_BYTES_MAX
  readonly #destination: HttpDestination
  readonly #headers: Readonly<Record<string, string>>
  readonly #rim: HttpSinkRim
  readonly #turns: Turns

  /** Throws a fault where the url may not be sent to. */
  constructor({ destination, sourceArn }: HttpSinkOptions, rim: HttpSinkRim) {
    const flaw = httpUrlFlaw(destination)
    if (flaw !== undefined) throw new DeliveryFault('refused', flaw, { retry: false })
    this.#destination = destination
    this.#headers = headersOf(destination, sourceArn)
    this.#rim = rim
    this.#turns = new Turns(rim.requestsMax ?? REQUESTS_MAX)
  }

  /** Fulfils when the endpoint has taken the batch, or when it was given up: then all of its records have failed. */
  async send(batch: SinkBatch, signal: AbortSignal): Promise<BatchOutcome> {
    const { now, random, sleep } = this.#rim
    let plan = planOf(batch.plan) ?? { attempts: 0, waitedMs: 0 }
    for (;;) {
      const failure = await this.#attempt(batch, signal)
      if (failure === undefined) return { failed: [] }
      const attempts = plan.attempts + 1
      const waitMs = backoffMs(attempts, random())
      plan = { attempts, waitedMs: plan.waitedMs + waitMs }
      const isOver = plan.waitedMs > this.#destination.retryMs
      if (failure.isPermanent || isOver) return { failed: givenUp(batch, failure, attempts, now()) }
      // Another life of this process goes on counting where this one ends.
      await batch.keep(plan)
      await sleep(waitMs, signal)
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #attempt({ requestId, records }: SinkBatch, signal: AbortSignal): Promise<HttpFailure | undefined> {
    await using _turn = await this.#turns.take(signal)
    const { contentEncoding, url } = this.#destination
    const body = await bodyOf({ requestId, timestamp: this.#rim.now(), records }, contentEncoding)
    const timeout = this.#rim.timeout?.() ?? AbortSignal.timeout(TIMEOUT_MS)
    try {
      const response = await this.#rim.fetch(url, {
        method: 'POST',
        headers: { ...this.#headers, 'x-amz-firehose-request-id': requestId },
        body,
        redirect: 'manual',
        signal: AbortSignal.any([signal, timeout]),
      })
      return failureOf(await readAnswer(response), requestId)
    } catch (error) {
      signal.throwIfAborted()
      return connectionFailure(error, timeout.aborted)
    }
  }
}

/** Reads an answer as far as it may go. */
async function readAnswer({ status, headers, body }: Response): Promise<HttpAnswer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength
    // Leaving the loop ends the connection.
    if (bytes > ANSWER_BYTES_MAX) return { status, headers, body: undefined }
    chunks.push(chunk)
  }
  return { status, headers, body: Buffer.concat(chunks).toString() }
}

function planOf(plan: unknown): HttpPlan | undefined {
  if (typeof plan !== 'object' || plan === null) return undefined
  const { attempts, waitedMs } = plan as Partial<HttpPlan>
  return typeof attempts === 'number' && typeof waitedMs === 'number' ? { attempts, waitedMs } : undefined
}

function givenUp(
  { records }: SinkBatch,
  { code, message }: HttpFailure,
  attemptsMade: number,
  endedAt: number,
): readonly ErrorRecord[] {
  return records.map(({ record, data }) => ({
    type: 'http-endpoint-failed',
    origin: record,
    rawData: data,
    attemptsMade,
    code,
    message,
    endedAt,
  }))
}
