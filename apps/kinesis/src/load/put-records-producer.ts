// Puts records by PutRecords, one call under way at a time, so that records of one key are stored in the order of the calls. What comes
// meanwhile goes into the next call. Runs in the process that loads.
import { PutRecordsCommand, type KinesisClient, type PutRecordsResultEntry } from '@aws-sdk/client-kinesis'

interface Waiting {
  readonly partitionKey: string
  readonly data: Uint8Array
  readonly stored: () => void
  readonly refused: (error: Error) => void
}

/** What a call may have at most; its bytes with keys, below the bound of AWS. */
const CALL_RECORDS_MAX = 500
const CALL_BYTES_MAX = 4 * 1024 * 1024
/** Records that wait before a closed loop is asked to. */
const WAITING_ENOUGH = 2 * CALL_RECORDS_MAX
/** Records that wait before more of them are refused: so many wait only where the endpoint is too slow for the rate. */
const WAITING_MAX = 200_000

export class PutRecordsProducer {
  readonly #client: KinesisClient
  readonly #stream: string
  readonly #waiting: Waiting[] = []
  #isCalling = false
  #isClosed = false
  #room: { readonly promise: Promise<void>; readonly open: () => void } | undefined

  constructor(client: KinesisClient, stream: string) {
    this.#client = client
    this.#stream = stream
  }

  /** Puts a record; fulfils when the endpoint has acknowledged it, and rejects with its error, or that of the whole call. */
  send(partitionKey: string, data: Uint8Array): Promise<void> {
    if (this.#isClosed) return Promise.reject(closed())
    if (this.#waiting.length >= WAITING_MAX) {
      const message = `${WAITING_MAX} records wait for the endpoint: it is too slow for the rate.`
      return Promise.reject(Object.assign(new Error(message), { code: 'overloaded' }))
    }
    return new Promise((stored, refused) => {
      this.#waiting.push({ partitionKey, data, stored, refused })
      if (!this.#isCalling) {
        this.#isCalling = true
        // At the end of the turn: what is sent in one turn goes into one call.
        setImmediate(() => void this.#callAll())
      }
    })
  }

  ready(): Promise<void> | undefined {
    if (this.#isClosed || this.#waiting.length < WAITING_ENOUGH) return undefined
    if (this.#room === undefined) {
      let open = () => {}
      const promise = new Promise<void>((resolve) => {
        open = resolve
      })
      this.#room = { promise, open }
    }
    return this.#room.promise
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const { refused } of this.#waiting.splice(0)) refused(closed())
    this.#opened()
  }

  async #callAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const records = this.#next()
      if (this.#waiting.length < WAITING_ENOUGH) this.#opened()
      await this.#call(records)
    }
    this.#isCalling = false
  }

  #next(): Waiting[] {
    let count = 0
    for (let bytes = 0; count < Math.min(CALL_RECORDS_MAX, this.#waiting.length); count++) {
      const { data, partitionKey } = this.#waiting[count]!
      bytes += data.length + partitionKey.length
      if (bytes > CALL_BYTES_MAX && count > 0) break
    }
    return this.#waiting.splice(0, count)
  }

  async #call(records: readonly Waiting[]): Promise<void> {
    const entries = records.map(({ partitionKey, data }) => ({ PartitionKey: partitionKey, Data: data }))
    try {
      const command = new PutRecordsCommand({ StreamName: this.#stream, Records: entries })
      const { Records: results = [] } = await this.#client.send(command)
      for (const [at, { stored, refused }] of records.entries()) {
        const error = refusal(results[at])
        if (error === undefined) stored()
        else refused(error)
      }
    } catch (error) {
      for (const { refused } of records) refused(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #opened(): void {
    this.#room?.open()
    this.#room = undefined
  }
}

function refusal(result: PutRecordsResultEntry | undefined): Error | undefined {
  if (result?.SequenceNumber !== undefined) return undefined
  const code = result?.ErrorCode ?? 'unanswered'
  return Object.assign(new Error(result?.ErrorMessage ?? 'The endpoint gave no result for the record.'), {
    code,
  })
}

function closed(): Error {
  return Object.assign(new Error('The load ended before the record was acknowledged.'), { code: 'aborted' })
}
