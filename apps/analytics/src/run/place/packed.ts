// The form in which a query's progress is kept. Pure. A document has a bound, and places of thousands of shards exceed it: they are kept
// as differences, compressed; small ones as they are.
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { limits, parseShardId, queryKinds, shardIdOf } from 'millrace/protocol'
import type { Client, DocumentCodec, Documents, StreamPosition } from 'millrace'
import type { PreparedStep, QueryPlace, QueryProgress, StreamPositions } from './query-place.ts'

/** What the document holds. */
type KeptProgress = QueryProgress & {
  /** Place and prepared step, instead of themselves: raw DEFLATE of JSON, in base64. */
  readonly packed?: string
}

/** JSON of up to so many bytes is kept as it is. */
const PLAIN_BYTES = 64 * 1024

interface PackedPosition extends Omit<StreamPosition, 'shards'> {
  /** Numbers of shards, each less the one before it. */
  readonly shards: readonly number[]
  /** Places in them, each less that of the base. */
  readonly places: readonly number[]
}

type PackedPositions = Readonly<Record<string, PackedPosition>>

interface Packed {
  readonly place?: Omit<QueryPlace, 'positions' | 'replayFrom'> & {
    readonly positions: PackedPositions
    readonly replayFrom: PackedPositions
  }
  readonly prepared?: Omit<PreparedStep, 'positions'> & { readonly positions: PackedPositions }
}

/** Encodes progress; refuses what is more than a document holds, and says why. */
export const progressCodec: DocumentCodec<QueryProgress> = {
  name: 'progress',
  encode: (progress) => Buffer.from(JSON.stringify(packProgress(progress))),
  decode: (data) => unpackProgress(JSON.parse(Buffer.from(data).toString('utf8')) as KeptProgress),
}

/** The documents of progress. */
export function progressDocuments(client: Pick<Client, 'documents'>): Documents<QueryProgress> {
  return client.documents(queryKinds.progress, { codec: progressCodec })
}

/** Returns what the document of a query is to hold. Throws where that is more than a document may have. */
function packProgress(progress: QueryProgress): KeptProgress {
  if (bytesOf(progress) <= PLAIN_BYTES) return progress
  const { place, prepared, ...rest } = progress
  const base = place?.positions ?? {}
  const packed: Packed = {
    ...(place && {
      place: {
        ...place,
        positions: packPositions(place.positions, {}),
        replayFrom: packPositions(place.replayFrom, base),
      },
    }),
    ...(prepared && { prepared: { ...prepared, positions: packPositions(prepared.positions, base) } }),
  }
  const kept = { ...rest, packed: deflateRawSync(JSON.stringify(packed)).toString('base64') }
  const bytes = bytesOf(kept)
  if (bytes > limits.documentBytesMax) throw new Error(tooLarge(progress, bytes))
  return kept
}

/** Returns what `packProgress` was given. */
function unpackProgress({ packed, ...rest }: KeptProgress): QueryProgress {
  if (packed === undefined) return rest
  const { place, prepared } = JSON.parse(
    inflateRawSync(Buffer.from(packed, 'base64')).toString('utf8'),
  ) as Packed
  const positions = place && unpackPositions(place.positions, {})
  const base = positions ?? {}
  return {
    ...rest,
    ...(place && {
      place: { ...place, positions: base, replayFrom: unpackPositions(place.replayFrom, base) },
    }),
    ...(prepared && { prepared: { ...prepared, positions: unpackPositions(prepared.positions, base) } }),
  }
}

function packPositions(positions: StreamPositions, base: StreamPositions): PackedPositions {
  const packed = Object.entries(positions).map(([stream, { shards, ...position }]) => {
    const ids = Object.keys(shards)
    const numbers = ids.map(parseShardId)
    const entry: PackedPosition = {
      ...position,
      shards: numbers.map((number, at) => number - (numbers[at - 1] ?? 0)),
      places: ids.map((shardId) => shards[shardId]! - (base[stream]?.shards[shardId] ?? 0)),
    }
    return [stream, entry] as const
  })
  return Object.fromEntries(packed)
}

function unpackPositions(packed: PackedPositions, base: StreamPositions): StreamPositions {
  const positions = Object.entries(packed).map(([stream, { shards, places, ...position }]) => {
    let number = 0
    const entries = shards.map((step, at) => {
      const shardId = shardIdOf((number += step))
      return [shardId, places[at]! + (base[stream]?.shards[shardId] ?? 0)] as const
    })
    return [stream, { ...position, shards: Object.fromEntries(entries) }] as const
  })
  return Object.fromEntries(positions)
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}

function tooLarge({ place, prepared }: QueryProgress, bytes: number): string {
  const read = Object.values(place?.positions ?? {}).reduce(
    (sum, { shards }) => sum + Object.keys(shards).length,
    0,
  )
  const written = Object.values(prepared?.plans ?? {}).reduce((sum, { parts }) => sum + parts.length, 0)
  return `Where the query stands takes ${bytes} bytes, and a document holds ${limits.documentBytesMax}: it reads ${read} shards, and writes to ${written} at once. Merge shards of its streams, or have it read fewer streams.`
}
