// The stream that keeps what functions print. Runs in the app. It is made when the first line comes and it is missing. Lines that the
// broker does not take in time are lost, and counted in a line; nobody waits for it.
import { MillraceError, type Client, type Producer } from 'millrace'
import { FUNCTION_LOG_STREAM } from 'millrace/protocol'
import type { LoggedLine, LogSink } from './function-log.ts'

const HOUR_MS = 3_600_000
const RETENTION_BYTES = 1024 ** 3

const logStreamLimits = {
  /** Bytes of lines on their way to the broker. */
  bufferBytesMax: 8 * 1024 * 1024,
  /** Lines that wait while the stream is being made. */
  waitingMax: 5000,
  /** How long lines may be gathered. */
  lingerMs: 20,
  /** How long nothing is tried after the stream could not be made. */
  againMs: 5000,
} as const

/** The parts of a client that it uses. */
export type LogClient = Pick<Client, 'createStream' | 'describeStream' | 'producer'>

export interface LogStreamParts {
  readonly client: LogClient
  readonly now: () => number
  /** Takes what an operator should know. */
  readonly tell: (message: string, error: unknown) => void
}

type Line = readonly [name: string, line: LoggedLine]

export class LogStream implements LogSink {
  readonly #parts: LogStreamParts
  #producer: Producer<Uint8Array> | undefined
  #opening: Promise<void> | undefined
  readonly #waiting: Line[] = []
  #againAt = 0
  #lost = 0

  constructor(parts: LogStreamParts) {
    this.#parts = parts
  }

  write(name: string, line: LoggedLine): void {
    if (this.#producer !== undefined) return this.#push(this.#producer, [name, line])
    if (this.#waiting.length < logStreamLimits.waitingMax) this.#waiting.push([name, line])
    else this.#lost += 1
    if (this.#opening === undefined && this.#parts.now() >= this.#againAt) this.#opening = this.#open()
  }

  /** Sends what was taken, and ends. */
  async close(): Promise<void> {
    await this.#opening
    // Losses were told as they happened.
    await this.#producer?.close().catch(() => {})
  }

  async #open(): Promise<void> {
    const { client, now, tell } = this.#parts
    try {
      await madeStream(client)
      const producer = await client.producer<Uint8Array>(FUNCTION_LOG_STREAM, {
        bufferBytesMax: logStreamLimits.bufferBytesMax,
        lingerMs: logStreamLimits.lingerMs,
        onRefused: (error, { recordCount }) => this.#refused(error, recordCount),
      })
      this.#producer = producer
      for (const line of this.#waiting.splice(0)) this.#push(producer, line)
    } catch (error) {
      this.#againAt = now() + logStreamLimits.againMs
      tell(`What functions print is not kept: the stream ${FUNCTION_LOG_STREAM} cannot be made.`, error)
    } finally {
      this.#opening = undefined
    }
  }

  #push(producer: Producer<Uint8Array>, [name, line]: Line): void {
    try {
      if (this.#lost > 0) {
        const text = `${this.#lost} lines of functions were left out: the broker did not take them in time.`
        void producer.push(recordOf(name, { at: line.at, level: 'warn', line: text }))
        this.#lost = 0
      }
      // Whether there is room is seen by the next line: nobody waits for it.
      void producer.push(recordOf(name, line))
    } catch (error) {
      this.#refused(error, 1)
    }
  }

  #refused(error: unknown, lines: number): void {
    if (this.#lost === 0) this.#parts.tell('Lines that functions printed were lost.', error)
    this.#lost += lines
    // Somebody deleted the stream: it is made again.
    if (!MillraceError.is(error, 'streamNotFound') || this.#producer === undefined) return
    const producer = this.#producer
    this.#producer = undefined
    this.#againAt = this.#parts.now() + logStreamLimits.againMs
    producer.abort()
  }
}

/** Whoever may only write to the stream takes the one that is there. */
async function madeStream(client: LogClient): Promise<void> {
  try {
    await client.describeStream(FUNCTION_LOG_STREAM)
    return
  } catch (error) {
    if (!MillraceError.is(error, 'streamNotFound')) throw error
  }
  try {
    await client.createStream(FUNCTION_LOG_STREAM, {
      mode: 'on-demand',
      shards: 1,
      retentionMs: 24 * HOUR_MS,
      retentionBytes: RETENTION_BYTES,
    })
  } catch (error) {
    if (!MillraceError.is(error, 'streamExists')) throw error
  }
}

function recordOf(
  name: string,
  line: LoggedLine,
): { readonly partitionKey: string; readonly data: Uint8Array } {
  return { partitionKey: name, data: Buffer.from(JSON.stringify(line)) }
}
