// Shard iterators: a place in a shard and when it was given, sealed. Pure.
// They have the length and the first eight bytes of the service's own. An iterator names its stream by name and by id: the handler
// knows one of a stream that was deleted and made again.
import { SEAL_BYTES, type Seal } from './seal.ts'

/** Where reading goes on. */
export type IteratorPosition =
  /** At this native number. */
  | { readonly at: 'sequenceNumber'; readonly sequenceNumber: number }
  /** At the first record that arrived at this time or after it, in milliseconds. */
  | { readonly at: 'time'; readonly timeMs: number }
  /** At the oldest record there is. */
  | { readonly at: 'horizon' }

/** What an iterator carries. */
export interface ShardIterator {
  /** Milliseconds: an iterator is good for five minutes. */
  readonly createdAtMs: number
  readonly streamName: string
  /** The native id of the stream. */
  readonly streamId: number
  readonly shardIndex: number
  readonly position: IteratorPosition
}

const PREFIX = Buffer.from([0, 0, 0, 0, 0, 0, 0, 1])
const NAME_AT = 26
/** No iterator is longer: that of a name of 128 characters. */
const TEXT_LENGTH_MAX = 512
const positions = ['sequenceNumber', 'time', 'horizon'] as const

/** Base64, up to 376 characters. */
export function sealShardIterator(seal: Seal, iterator: ShardIterator): string {
  const { createdAtMs, streamName, streamId, shardIndex, position } = iterator
  const nameLength = Buffer.byteLength(streamName)
  const content = Buffer.alloc(contentLength(nameLength))
  content.writeUIntBE(createdAtMs, 0, 6)
  content.writeUIntBE(streamId, 6, 6)
  content.writeUInt32BE(shardIndex, 12)
  content[16] = positions.indexOf(position.at)
  content.writeDoubleBE(valueOf(position), 17)
  content[25] = nameLength
  content.write(streamName, NAME_AT)
  return Buffer.concat([PREFIX, seal.close('shard-iterator', content)]).toString('base64')
}

/** Returns undefined for what this seal did not close. Takes an iterator in quotes too, as it is copied from what a tool printed. */
export function openShardIterator(seal: Seal, text: string): ShardIterator | undefined {
  if (text.length > TEXT_LENGTH_MAX) return undefined
  const bare = /^"(.*)"$/.exec(text)?.[1] ?? text
  const bytes = Buffer.from(bare, 'base64')
  // Of several texts that decode to the same bytes, only the one that was given is taken.
  if (bytes.toString('base64') !== bare || !bytes.subarray(0, PREFIX.length).equals(PREFIX)) return undefined
  const content = seal.open('shard-iterator', bytes.subarray(PREFIX.length))
  if (content === undefined) return undefined
  return {
    createdAtMs: content.readUIntBE(0, 6),
    streamId: content.readUIntBE(6, 6),
    shardIndex: content.readUInt32BE(12),
    position: positionOf(positions[content[16]!]!, content.readDoubleBE(17)),
    streamName: content.toString('utf8', NAME_AT, NAME_AT + content[25]!),
  }
}

/** The service's iterators have 152 bytes, and as many times 16 as the name (and two bytes) fills. */
function contentLength(nameLength: number): number {
  return 152 - PREFIX.length - SEAL_BYTES + Math.floor((nameLength + 2) / 16) * 16
}

function valueOf(position: IteratorPosition): number {
  switch (position.at) {
    case 'sequenceNumber':
      return position.sequenceNumber
    case 'time':
      return position.timeMs
    case 'horizon':
      return 0
  }
}

function positionOf(at: (typeof positions)[number], value: number): IteratorPosition {
  switch (at) {
    case 'sequenceNumber':
      return { at, sequenceNumber: value }
    case 'time':
      return { at, timeMs: value }
    case 'horizon':
      return { at }
  }
}
