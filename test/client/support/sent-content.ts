// What producers have sent under which numbers: at a broker, every batch that arrives, whatever becomes of it.
// A producer must never send two contents under one number, or the broker could not tell a retry from a forgery.
import {
  checkBatch,
  isEncryptedAt,
  firstProducerSequenceAt,
  producerEpochAt,
  producerIdAt,
  recordCountAt,
  recordsStartAt,
  type RequestOf,
} from '../../../protocol/index.ts'

interface Content {
  readonly first: number
  readonly end: number
  readonly bytes: Buffer
}

export class SentContent {
  /** How often a batch came that had come before. */
  repeated = 0
  /** By shard, producer and epoch. */
  readonly #sent = new Map<string, Content[]>()
  /** Where each producer id was used: it belongs to one shard. */
  readonly #shardOf = new Map<number, string>()
  /** Of encrypted batches: the one content of each nonce. */
  readonly #nonces = new Map<string, Buffer>()
  /** Encrypted batches, and those in the open. */
  encrypted = 0
  open = 0

  /** Takes the batches of an append in; throws where one contradicts what was sent before. */
  note({ batches }: Pick<RequestOf<'append'>, 'batches'>): void {
    for (const { streamId, shardIndex, batch } of batches) this.#noteBatch(`${streamId}/${shardIndex}`, batch)
  }

  #noteBatch(shard: string, batch: Uint8Array): void {
    const fault = checkBatch(batch)
    if (fault !== undefined) throw new Error(`A batch arrived damaged: ${fault.message}`)
    this.#noteNonce(batch)
    const producerId = producerIdAt(batch, 0)
    const known = this.#shardOf.get(producerId) ?? shard
    if (known !== shard) throw new Error(`Producer ${producerId} wrote to ${known} and to ${shard}.`)
    this.#shardOf.set(producerId, shard)
    const first = firstProducerSequenceAt(batch, 0)
    const content = { first, end: first + recordCountAt(batch, 0), bytes: Buffer.from(batch) }
    const name = `${shard}/${producerId}/${producerEpochAt(batch, 0)}`
    const sent = this.#sent.get(name) ?? []
    this.#sent.set(name, sent)
    const others = sent.filter((other) => other.first < content.end && first < other.end)
    if (others.length === 0) {
      sent.push(content)
      return
    }
    if (others.length > 1 || !others[0]!.bytes.equals(content.bytes)) {
      throw new Error(
        `${name}: the numbers ${first} to ${content.end - 1} were sent with other content before.`,
      )
    }
    this.repeated++
  }

  /** Under one nonce, a second content would give the key away. */
  #noteNonce(batch: Uint8Array): void {
    if (!isEncryptedAt(batch, 0)) {
      this.open++
      return
    }
    this.encrypted++
    const at = recordsStartAt(batch, 0)
    const nonceAt = at + 1 + batch[at]!
    const nonce = Buffer.from(batch.subarray(nonceAt, nonceAt + 24)).toString('hex')
    const known = this.#nonces.get(nonce)
    if (known?.equals(batch) === false) throw new Error(`The nonce ${nonce} was used for two contents.`)
    this.#nonces.set(nonce, Buffer.from(batch))
  }
}
