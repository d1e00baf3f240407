// Puts the output of a shard into the stream that has a name now, also after it was deleted and made again, or after the mapping was given
// another one. Runs in the app. Calls are made one after the other.
import { MillraceError, type Client, type RecordInput } from 'millrace'

/** Puts output into a stream, once: the part of a prepared writer that a shard uses. */
export interface OutputWriter {
  append(records: readonly RecordInput[], options: KeepOptions): Promise<void>
  resume(plan: unknown, records: readonly RecordInput[], options: KeepOptions): Promise<void>
  close(): Promise<void>
}

interface KeepOptions {
  readonly keep: (plan: unknown) => Promise<void>
  readonly signal: AbortSignal
}

export class NamedWriter implements OutputWriter {
  readonly #client: Pick<Client, 'describeStream'>
  readonly #stream: string
  readonly #open: (stream: string) => Promise<OutputWriter>
  #writer: OutputWriter | undefined

  constructor(
    client: Pick<Client, 'describeStream'>,
    stream: string,
    open: (stream: string) => Promise<OutputWriter>,
  ) {
    this.#client = client
    this.#stream = stream
    this.#open = open
  }

  /** Rejects with `streamNotFound` while there is no stream of the name. */
  async append(records: readonly RecordInput[], options: KeepOptions): Promise<void> {
    return this.#use((writer) => writer.append(records, options))
  }

  /** What was prepared for a stream that is gone, or for another one, is prepared anew. */
  async resume(plan: unknown, records: readonly RecordInput[], options: KeepOptions): Promise<void> {
    const { id } = await this.#client.describeStream(this.#stream)
    const { streamId } = plan as { readonly streamId?: unknown }
    return this.#use((writer) =>
      streamId === id ? writer.resume(plan, records, options) : writer.append(records, options),
    )
  }

  async close(): Promise<void> {
    await this.#writer?.close()
  }

  async #use(put: (writer: OutputWriter) => Promise<void>): Promise<void> {
    this.#writer ??= await this.#open(this.#stream)
    const writer = this.#writer
    try {
      await put(writer)
    } catch (error) {
      if (MillraceError.is(error, 'streamNotFound')) {
        // A writer whose stream is gone takes nothing any more.
        this.#writer = undefined
        await writer.close()
      }
      throw error
    }
  }
}
