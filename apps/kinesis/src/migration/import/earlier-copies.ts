// The records that an earlier run of an import stored and did not live to note: found in the target by the headers that name their
// origin, and left out, so that each record is stored once. Runs in the process that imports.
import type { Client, StreamPosition } from 'millrace'
import { originHeaders, originOf } from './copied-record.ts'

/** Origins of records that are stored already, beyond what is noted. */
export class EarlierCopies {
  readonly #origins: ReadonlyMap<string, Set<string>>

  constructor(origins: ReadonlyMap<string, Set<string>> = new Map()) {
    this.#origins = origins
  }

  /** Reads the target from a place on. `isNoted` says whether progress covers a record already. */
  static async find(
    client: Client,
    place: { readonly target: string; readonly from: StreamPosition; readonly signal: AbortSignal },
    source: { readonly arn: string; isNoted(shardId: string, sequenceNumber: string): boolean },
  ): Promise<EarlierCopies> {
    const origins = new Map<string, Set<string>>()
    const { target, from, signal } = place
    const reading = client.read(target, { from, onTrimmed: 'horizon', signal })
    for await (const records of reading.batches()) {
      for (const { headers } of records) {
        if (text(headers, originHeaders.stream) !== source.arn) continue
        const shardId = text(headers, originHeaders.shard)
        const sequenceNumber = text(headers, originHeaders.sequenceNumber)
        if (shardId === undefined || sequenceNumber === undefined) continue
        if (source.isNoted(shardId, sequenceNumber)) continue
        const known = origins.get(shardId) ?? new Set()
        origins.set(
          shardId,
          known.add(originOf(sequenceNumber, text(headers, originHeaders.subSequenceNumber))),
        )
      }
    }
    return new EarlierCopies(origins)
  }

  /** True until all of them have come by. */
  get isEmpty(): boolean {
    return [...this.#origins.values()].every((origins) => origins.size === 0)
  }

  /** Whether the record is stored already; it is asked for once. */
  take(shardId: string, origin: string): boolean {
    return this.#origins.get(shardId)?.delete(origin) === true
  }
}

function text(headers: Readonly<Record<string, Uint8Array>>, name: string): string | undefined {
  const bytes = headers[name]
  return bytes === undefined
    ? undefined
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
}

/** Compares two sequence numbers of Kinesis, which are decimals of any length. */
export function isUpTo(sequenceNumber: string, last: string | undefined): boolean {
  return last !== undefined && BigInt(sequenceNumber) <= BigInt(last)
}
