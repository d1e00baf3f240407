// Batches into another stream of the broker: each record stored once, through any crash, in the order of its key. Runs in the app. The plan
// of a prepared append stands in the delivery's progress document, beside the range that it is for.
import { MillraceError, type AppendPlan, type Client, type PreparedWriter, type RecordInput } from 'millrace'
import { DeliveryFault } from '../../errors/delivery-fault.ts'
import type { BatchOutcome, BatchSink, SinkBatch } from '../batch-sink.ts'

/** Records of one plan at most: a plan stands in a document, which has a bound. */
const RECORDS_MAX = 10_000

export class StreamSink implements BatchSink {
  readonly recordsMax = RECORDS_MAX
  readonly bytesMax = Infinity
  readonly #client: Pick<Client, 'preparedWriter'>
  readonly #stream: string
  #writer: Promise<PreparedWriter> | undefined

  constructor(client: Pick<Client, 'preparedWriter'>, stream: string) {
    this.#client = client
    this.#stream = stream
  }

  async send({ records, plan, keep }: SinkBatch, signal: AbortSignal): Promise<BatchOutcome> {
    const inputs = records.map(({ record, data }): RecordInput => {
      const { partitionKey, explicitHashKey, headers, arrivedAt } = record
      return {
        partitionKey,
        data,
        timestamp: arrivedAt,
        ...(explicitHashKey !== undefined && { explicitHashKey }),
        ...(headers !== undefined && { headers }),
      }
    })
    try {
      const writer = await (this.#writer ??= this.#client.preparedWriter(this.#stream))
      if (plan === undefined) await writer.append(inputs, { keep, signal })
      else await writer.resume(plan as AppendPlan, inputs, { keep, signal })
      return { failed: [] }
    } catch (error) {
      signal.throwIfAborted()
      // A writer that has ended stays so.
      await this.close()
      throw this.#faultOf(error)
    }
  }

  async close(): Promise<void> {
    const writer = this.#writer
    this.#writer = undefined
    await (await writer?.catch(() => undefined))?.close()
  }

  #faultOf(error: unknown): unknown {
    if (!MillraceError.is(error)) return error
    const of = (code: DeliveryFault['code'], retry: boolean): DeliveryFault =>
      new DeliveryFault(code, `The stream ${this.#stream} does not take records: ${error.message}`, {
        retry,
        cause: error,
      })
    switch (error.code) {
      case 'streamNotFound':
        return of('missing', false)
      case 'permissionDenied':
      case 'unauthenticated':
        return of('denied', false)
      case 'invalidArgument':
        return of('refused', false)
      case 'provisionedThroughputExceeded':
        return of('throttled', true)
      case 'storageFull':
        return of('full', true)
      default:
        return of('unreachable', true)
    }
  }
}
