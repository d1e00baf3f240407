// An owner and a reader of segments over one array in memory, behind the real calls and a pair of channels.
// A test can hold flushes, refuse batches, fail groups, and check the calls that were made.
import { errorCodes, type ErrorCode } from '../../../../protocol/error-codes.ts'
import {
  arrivalTimeAt,
  baseSequenceNumberAt,
  firstProducerSequenceAt,
  producerIdAt,
  recordCountAt,
  stampBatch,
} from '../../../../protocol/batch/batch.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import type { Damage } from '../../../../protocol/structs.ts'
import type { OwnerChannel } from '../../../../broker/host/owners/owner-link.ts'
import { ENTRY_FIELDS } from '../../../../broker/threads/append-fields.ts'
import { serveCalls, type CallHandlers } from '../../../../broker/channels/calls.ts'
import { channelPair } from '../../../../broker/channels/channel-pair.ts'
import type {
  AppendGroup,
  AppendOutcome,
  OwnerCalls,
  OwnerNotice,
  SegmentList,
  ShardExtent,
} from '../../../../broker/threads/owner-contract.ts'
import type { SegmentReader } from '../../../../broker/threads/reader-contract.ts'

interface MemoryShard {
  readonly slot: number
  batches: Uint8Array[]
  trimHorizon: number
  tail: number
  lastArrivalTime: number
  closed: boolean
}

/** One owner, with an array as its disk. */
export class MemoryOwner {
  readonly ownerId: number
  readonly shards = new Map<number, MemoryShard>()
  readonly calls: string[] = []
  readonly groupSizes: number[] = []
  /** Awaited before every flush. A test sets it to decide when flushes end. */
  beforeFlush: () => Promise<void> = () => Promise.resolve()
  /** Returns the code with which a batch is refused before it is stored; undefined if it is not refused. */
  refuse: (bytes: Uint8Array) => ErrorCode | undefined = () => undefined
  /** Makes the next group fail after it was stored (`true`) or before. */
  failNext: { stored: boolean } | undefined
  /** Answers the counters. */
  onStats: CallHandlers<OwnerCalls>['stats'] = () => {
    return { commits: 0, batches: 0, bytes: 0, segments: this.#segments.length, producers: 0, commitMs: 0 }
  }
  /** Makes the owner fail to forget shards. */
  failForget = false
  joined = false
  readonly #producers = new Map<string, number>()
  readonly #forgotten = new Set<number>()
  #line: Promise<unknown> = Promise.resolve()
  #notify: (notice: OwnerNotice) => void = () => {}
  #segments = ['segment-0000000001']
  #kill: () => void = () => {}

  constructor(ownerId: number) {
    this.ownerId = ownerId
  }

  start(): OwnerChannel {
    const [hostEnd, ownerEnd] = channelPair()
    const served = serveCalls<OwnerCalls>(ownerEnd, this.#handlers(), { onBroken: () => ownerEnd.close() })
    this.#notify = (notice) => served.notify(notice)
    this.#kill = () => ownerEnd.close()
    this.#tellSegments()
    return {
      ...hostEnd,
      join: () => {
        this.joined = true
        return Promise.resolve()
      },
    }
  }

  /** Ends without notice. */
  kill(): void {
    this.#kill()
  }

  /** Rolls to a new segment: readers get a new list. */
  roll(): void {
    this.#segments = [...this.#segments, `segment-000000000${this.#segments.length + 1}`]
    this.#tellSegments()
  }

  tellSpace(full: boolean): void {
    this.#notify({ notice: 'space', full, freeBytes: full ? 0 : 1e9 })
  }

  tellReopened(): void {
    this.#notify({ notice: 'reopened', reason: 'a test', extents: [...this.shards.values()].map(extentOf) })
  }

  #tellSegments(): void {
    this.#notify({ notice: 'segments', list: this.#list() })
  }

  #list(): SegmentList {
    return { directory: `owner-${this.ownerId}`, segments: this.#segments }
  }

  #handlers(): CallHandlers<OwnerCalls> {
    return {
      open: ({ shards }) => ({
        extents: shards.flatMap(({ slot, startingSequenceNumber: start }) => {
          if (this.#forgotten.has(slot)) return []
          let shard = this.shards.get(slot)
          if (!shard)
            shard = { slot, batches: [], trimHorizon: start, tail: start, lastArrivalTime: 0, closed: false }
          this.shards.set(slot, shard)
          return [extentOf(shard)]
        }),
      }),
      forget: ({ slots }) => {
        this.calls.push(`forget ${slots.join(' ')}`)
        if (this.failForget) throw new MillraceError('outcomeUnknown', 'a flush failed')
        for (const slot of slots) {
          this.shards.delete(slot)
          this.#forgotten.add(slot)
        }
        return null
      },
      seal: ({ slots }) => {
        this.calls.push(`seal ${slots.join(' ')}`)
        const done = this.#line.then(() => ({ extents: slots.flatMap((slot) => this.#seal(slot)) }))
        this.#line = done
        return done
      },
      trim: ({ horizons }) => {
        for (const { slot, trimHorizon } of horizons) {
          const shard = this.shards.get(slot)
          if (shard) shard.trimHorizon = Math.max(shard.trimHorizon, trimHorizon)
        }
        return null
      },
      wanted: () => ({
        shards: [...this.shards.values()],
        refused: [],
        list: this.#list(),
        activeBytes: 0,
        activeSince: 0,
      }),
      roll: () => {
        this.roll()
        return { rolled: true }
      },
      replaceSegments: ({ sources, target }) => {
        this.calls.push(`replace ${sources.join(' ')} by ${target}`)
        this.#segments = this.#segments.flatMap((name) => {
          if (name === sources[0]) return target === null ? [] : [target]
          return sources.includes(name) ? [] : [name]
        })
        this.#tellSegments()
        return null
      },
      append: (group) => {
        this.groupSizes.push(group.entries.length / ENTRY_FIELDS)
        // Flushes run one after the other, in the order of the calls.
        const done = this.#line.then(() => this.#append(group))
        this.#line = done.catch(() => {})
        return done
      },
      stats: (request) => this.onStats(request),
      close: () => {
        this.calls.push('close')
        return null
      },
    }
  }

  async #append({ arena, entries, now }: AppendGroup): Promise<AppendOutcome> {
    await this.beforeFlush()
    const failing = this.failNext
    this.failNext = undefined
    if (failing && !failing.stored) throw new MillraceError('outcomeUnknown', 'a flush failed')
    const all = new Uint8Array(arena)
    const results: number[] = []
    for (let i = 0; i < entries.length; i += ENTRY_FIELDS) {
      const [slot, offset = 0, length = 0] = entries.subarray(i, i + ENTRY_FIELDS)
      results.push(...this.#store(slot!, all.subarray(offset, offset + length), now))
    }
    if (failing) throw new MillraceError('outcomeUnknown', 'a flush failed')
    return { arena, results: Float64Array.from(results) }
  }

  #seal(slot: number): ShardExtent[] {
    const shard = this.shards.get(slot)
    if (!shard) return []
    shard.closed = true
    return [extentOf(shard)]
  }

  #store(
    slot: number,
    bytes: Uint8Array,
    now: number,
  ): [code: number, base: number, arrival: number, duplicate: number] {
    const shard = this.shards.get(slot)
    const code = shard ? this.refuse(bytes) : 'shardNotFound'
    if (!shard || code) return [errorCodes[code ?? 'internal'].id, 0, 0, 0]
    const producer = `${slot} ${producerIdAt(bytes, 0)} ${firstProducerSequenceAt(bytes, 0)}`
    const before = this.#producers.get(producer)
    if (producerIdAt(bytes, 0) !== 0 && before !== undefined) return [0, before, shard.lastArrivalTime, 1]
    if (shard.closed) return [errorCodes.shardClosed.id, 0, 0, 0]
    const base = shard.tail
    shard.lastArrivalTime = Math.max(shard.lastArrivalTime, now)
    stampBatch(bytes, base, shard.lastArrivalTime)
    shard.batches.push(bytes.slice())
    shard.tail += recordCountAt(bytes, 0)
    this.#producers.set(producer, base)
    return [0, base, shard.lastArrivalTime, 0]
  }
}

function extentOf({ slot, batches, trimHorizon, tail, lastArrivalTime, closed }: MemoryShard): ShardExtent {
  const bytes = batches.reduce((sum, batch) => sum + batch.length, 0)
  return {
    slot,
    trimHorizon,
    tail,
    lastArrivalTime,
    bytes,
    activeFirst: batches[0] ? baseSequenceNumberAt(batches[0], 0) : tail,
    closed,
  }
}

/** Reads what the owners stored. */
export class MemoryReader implements SegmentReader {
  readonly owners: readonly MemoryOwner[]
  reads = 0
  seeks = 0
  /** The bound of each read, in order. */
  readonly bounds: number[] = []
  running = 0
  runningMost = 0
  closed = false
  beforeRead: () => Promise<void> = () => Promise.resolve()
  /** Numbers from this one up to the next field read as damaged. */
  corruptFrom = Infinity
  corruptUntil = Infinity

  constructor(owners: readonly MemoryOwner[]) {
    this.owners = owners
  }

  async read({ slot, from, until, bytesMax }: Parameters<SegmentReader['read']>[0]) {
    this.reads++
    this.bounds.push(bytesMax)
    this.runningMost = Math.max(this.runningMost, ++this.running)
    try {
      await this.beforeRead()
    } finally {
      this.running--
    }
    const taken: Uint8Array[] = []
    let bytes = 0
    let next = from
    let damage: Damage | undefined
    for (const batch of this.#batches(slot)) {
      const base = baseSequenceNumberAt(batch, 0)
      const end = base + recordCountAt(batch, 0)
      if (end <= from || base >= until) continue
      if (base >= this.corruptFrom && base < this.corruptUntil) {
        const reason = `the batch at ${base} does not match its checksum`
        damage = { firstSequenceNumber: base, nextSequenceNumber: end, reason }
        break
      }
      if (taken.length > 0 && bytes + batch.length > bytesMax) break
      taken.push(batch)
      bytes += batch.length
      next = end
    }
    const buffer = new Uint8Array(bytes)
    let at = 0
    for (const batch of taken) {
      buffer.set(batch, at)
      at += batch.length
    }
    const reply = { buffer: buffer.buffer, lengths: Uint32Array.from(taken, ({ length }) => length), next }
    return damage === undefined ? reply : { ...reply, damage }
  }

  seek({ slot, timestamp, until }: Parameters<SegmentReader['seek']>[0]) {
    this.seeks++
    const found = this.#batches(slot).find((batch) => arrivalTimeAt(batch, 0) >= timestamp)
    return Promise.resolve({
      sequenceNumber: found ? baseSequenceNumberAt(found, 0) : until,
      arrivalTime: found ? arrivalTimeAt(found, 0) : 0,
    })
  }

  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }

  #batches(slot: number): readonly Uint8Array[] {
    return this.owners.flatMap((owner) => owner.shards.get(slot)?.batches ?? [])
  }
}
