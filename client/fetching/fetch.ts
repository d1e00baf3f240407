// One fetch of one shard, for programs that keep positions themselves: what Kinesis' GetRecords is. Runs in the client. Nothing is
// read ahead and nothing rests: whoever calls decides when to come again. A position by number costs one request to the shard's
// host; the routing is the one that the client knows, and is asked for again where it is too old.
import { arrivalTimeAt } from '../../protocol/batch/batch.ts'
import { errorCodeOf, errorCodes } from '../../protocol/error-codes.ts'
import { limits } from '../../protocol/limits.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { FetchedShard, ResponseOf } from '../../protocol/operations.ts'
import { parseShardId, shardIdOf } from '../../protocol/shards/shard-id.ts'
import { resolveDecoder } from '../codecs.ts'
import type { ConnectionPool } from '../connecting/pool.ts'
import type { Routing, RoutingCache } from '../connecting/routing.ts'
import { decryptionOf } from '../encryption/of-stream.ts'
import { invalidAnswer } from '../errors.ts'
import { checkOption } from '../options/check.ts'
import { optionTable } from '../options/table.ts'
import { endedEarly } from '../reading/fetcher.ts'
import { endsOf, offCourse } from '../reading/inbox.ts'
import { numberOf, toWirePosition } from '../reading/position.ts'
import { recordsOf } from '../reading/record-iterator.ts'
import { readingLimits } from '../reading/options.ts'
import { notTrimmed, ShardLookups } from '../reading/start.ts'
import { damageError, skippedOf } from '../reading/unreadable.ts'
import type { StreamRecord } from '../record.ts'
import type { Settings } from '../settings.ts'
import { childrenAfter } from './children.ts'
import type { Fetched, FetchOptions, ResolvedPosition, ResolvePositionOptions } from './options.ts'
import { RecordRoom } from './record-room.ts'

/** What a record is reckoned to have, with its part of a batch, until an answer shows it. */
const RECKONED_BYTES = 1024

export interface FetchDependencies {
  readonly stream: string
  readonly routings: RoutingCache
  readonly pool: ConnectionPool
  readonly settings: Settings
  /** Fires when the client closes. */
  readonly closing: AbortSignal
}

/**
 * Reads the records of a shard from a position on, as many as there are and as the bounds allow. Rejects with
 * `provisionedThroughputExceeded`, `trimmed`, `invalidPosition`, `streamNotFound`, `shardNotFound`, or what records that cannot
 * be read give.
 */
export async function fetchShard<T>(
  options: FetchOptions<T>,
  dependencies: FetchDependencies,
): Promise<Fetched<T>> {
  // A caller in plain JavaScript may give none.
  const { shard, from } = { ...options }
  checkOption('shard', optionTable.fetch.shard, shard)
  checkOption('from', optionTable.fetch.from, from)
  const shardIndex = parseShardId(shard)
  const fetch = new ShardFetch(shardIndex, options, dependencies)
  return fetch.run(await knownRouting(shardIndex, options, dependencies))
}

/**
 * Turns a position in a shard into a sequence number, without reading. Rejects with `trimmed`, `invalidPosition`, `streamNotFound` or
 * `shardNotFound`.
 */
export async function resolveInShard(
  options: ResolvePositionOptions,
  dependencies: FetchDependencies,
): Promise<ResolvedPosition> {
  // A caller in plain JavaScript may give none.
  const { shard, from } = { ...options }
  checkOption('shard', optionTable.resolvePosition.shard, shard)
  checkOption('from', optionTable.resolvePosition.from, from)
  const { signal, streamId } = options
  const shardIndex = parseShardId(shard)
  const routing = await knownRouting(shardIndex, options, dependencies)
  const lookups = new ShardLookups<Routing>(routing, { ...dependencies, signal })
  const check = (id: number): void => checkStream(id, streamId, dependencies.stream)
  const place = await lookups.resolve(shardIndex, toWirePosition(from), check)
  if (place === undefined) throw gone(shardIdOf(shardIndex))
  const { sequenceNumber, tail, trimHorizon } = place
  return { sequenceNumber, tail, trimHorizon }
}

/** The routing that the client has, or a new one if the shard, or the stream that is meant, is not in it. */
async function knownRouting(
  shardIndex: number,
  { streamId, signal }: Pick<FetchOptions, 'streamId' | 'signal'>,
  { routings, stream }: FetchDependencies,
): Promise<Routing> {
  const known = await routings.get(stream, signal)
  const isFor = known.shard(shardIndex) !== undefined && (streamId ?? known.streamId) === known.streamId
  return isFor ? known : routings.refresh(stream, known, signal)
}

/** The records that an answer gives, and where they end. */
interface Taken<T> {
  readonly records: readonly StreamRecord<T>[]
  readonly next: number
  /** When the last of them arrived; undefined without any. */
  readonly arrivalTime: number | undefined
}

class ShardFetch<T> {
  readonly #shardIndex: number
  readonly #shardId: string
  readonly #options: FetchOptions<T>
  readonly #dependencies: FetchDependencies

  constructor(shardIndex: number, options: FetchOptions<T>, dependencies: FetchDependencies) {
    this.#shardIndex = shardIndex
    this.#shardId = shardIdOf(shardIndex)
    this.#options = options
    this.#dependencies = dependencies
  }

  async run(routing: Routing): Promise<Fetched<T>> {
    const { stream, routings, pool, settings } = this.#dependencies
    const { signal, onTrimmed, from } = this.#options
    const lookups = new ShardLookups<Routing>(routing, { stream, routings, pool, settings, signal })
    const begin = await this.#begin(lookups)
    const { firstBytes, bytesMax } = this.#bytes
    let { answer, time } = await this.#ask(lookups, begin, firstBytes)
    let asked = begin
    // The oldest record may have expired since the routing said where the shard begins.
    const goesOn = onTrimmed === 'horizon' || from === 'TRIM_HORIZON'
    if (goesOn && answer.code === errorCodes.trimmed.id) {
      if (answer.trimHorizon <= begin) throw notTrimmed(this.#shardId, begin, answer.trimHorizon)
      asked = answer.trimHorizon
      ;({ answer, time } = await this.#ask(lookups, asked, firstBytes))
    }
    const room = this.#room()
    let taken = answer.code === 0 ? await this.#take(answer, asked, room) : this.#refused(answer, asked)
    const { next: rest, records: first } = taken
    // The records are larger than was reckoned: the others come at once, if the limits let them.
    if (first.length > 0 && !room.isFull && firstBytes < bytesMax && isCutShort(answer, rest)) {
      const more = await this.#ask(lookups, rest, bytesMax)
      if (more.answer.code === 0) {
        ;({ answer, time } = more)
        taken = await this.#take(answer, rest, room, taken)
      }
    }
    const { next, records } = taken
    const { tail, trimHorizon, ended } = answer
    if (ended && answer.nextSequenceNumber < tail) {
      throw endedEarly({ shardId: this.#shardId, next: answer.nextSequenceNumber, tail })
    }
    const isEnd = ended && next >= tail
    return {
      records,
      next,
      tail,
      trimHorizon,
      millisBehind: next >= tail ? 0 : Math.max(1, millisBehind(answer, taken, time)),
      isEnd,
      children: isEnd
        ? await childrenAfter(this.#shardIndex, lookups.routing, { stream, routings, settings, signal })
        : [],
    }
  }

  /** The number of the first record to ask for. */
  async #begin(lookups: ShardLookups<Routing>): Promise<number> {
    const { from } = this.#options
    const position = toWirePosition(from)
    const known = numberOf(position) ?? this.#ofHorizon(lookups.routing)
    if (known !== undefined) return known
    const place = await lookups.resolve(this.#shardIndex, position)
    if (place === undefined) throw gone(this.#shardId)
    return place.sequenceNumber
  }

  /** Where the shard begins, as the routing knows it, if that is where to begin. */
  #ofHorizon(routing: Routing): number | undefined {
    if (this.#options.from !== 'TRIM_HORIZON') return undefined
    return routing.shard(this.#shardIndex)?.startingSequenceNumber
  }

  /** What one answer may hold at most, and what the first one is to: a host that is asked for few records is not to send many. */
  get #bytes(): { readonly firstBytes: number; readonly bytesMax: number } {
    const table = optionTable.fetch
    const { recordsMax = table.recordsMax.default, bytesMax: most = table.bytesMax.default } = this.#options
    const bytesMax = Math.min(most, limits.fetchBytesMax)
    const reckoned = Math.max(readingLimits.fetchShardBytesMin, recordsMax * RECKONED_BYTES)
    return { firstBytes: Math.min(reckoned, bytesMax), bytesMax }
  }

  #room(): RecordRoom {
    const { recordsMax, bytesMax } = optionTable.fetch
    return new RecordRoom({
      recordsMax: this.#options.recordsMax ?? recordsMax.default,
      bytesMax: this.#options.bytesMax ?? bytesMax.default,
    })
  }

  async #ask(
    lookups: ShardLookups<Routing>,
    sequenceNumber: number,
    bytesMax: number,
  ): Promise<{ answer: FetchedShard; time: number | undefined }> {
    const { waitMs } = optionTable.fetch
    const options = this.#options
    const shardIndex = this.#shardIndex
    const response = await lookups.ask({
      operation: 'fetch',
      shardIndex,
      of: (streamId) => {
        checkStream(streamId, options.streamId, this.#dependencies.stream)
        const { waitMs: wait = waitMs.default } = options
        return { shards: [{ streamId, shardIndex, sequenceNumber, bytesMax }], bytesMax, waitMs: wait }
      },
      waitMs: options.waitMs ?? waitMs.default,
      check: (response) => this.#checkAnswer(response, sequenceNumber),
    })
    if (response === undefined) throw gone(this.#shardId)
    return { answer: response.shards[0]!, time: response.time }
  }

  /** Throws what may be tried again elsewhere or later; limits that are used up are the caller's to wait for. */
  #checkAnswer({ shards }: ResponseOf<'fetch'>, asked: number): void {
    const [answer] = shards
    if (answer === undefined || shards.length > 1) {
      throw invalidAnswer(`The host answered a fetch of one shard with ${shards.length}.`)
    }
    const code = errorCodeOf(answer.code)
    const isFinal = code === 'provisionedThroughputExceeded' || errorCodes[code].retry === 'never'
    if (answer.code !== 0 && !isFinal) throw this.#refusal(answer, asked)
  }

  #refusal({ code: id, retryAfterMs }: FetchedShard, asked: number): MillraceError {
    const code = errorCodeOf(id)
    if (code !== 'provisionedThroughputExceeded') {
      return new MillraceError(code, `${this.#shardId} cannot be read at ${asked}: ${code}.`)
    }
    const when = retryAfterMs === undefined ? 'later' : `in ${retryAfterMs} ms`
    const message = `The limits of reads of ${this.#shardId} are used up: fetch again ${when}.`
    return new MillraceError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs })
  }

  /** What an answer without records comes to. Throws it, unless the caller wants to go on after records that cannot be read. */
  #refused(answer: FetchedShard, asked: number): Taken<T> {
    const { damage } = answer
    if (damage === undefined) throw this.#refusal(answer, asked)
    const next = damage.nextSequenceNumber
    this.#skip(damageError(this.#shardId, damage))
    if (next <= asked) throw offCourse({ shardId: this.#shardId, next: asked }, 0, next)
    return { records: [], next, arrivalTime: undefined }
  }

  /** True if the caller wants to be told of such records, and to go on after them. */
  #skips(error: unknown): boolean {
    const { onUnreadable = 'fail' } = this.#options
    return onUnreadable !== 'fail' && skippedOf(error) !== undefined
  }

  /** Tells the caller of records that cannot be read; throws the error if that is what it wants. */
  #skip(error: unknown): void {
    const { onUnreadable = 'fail' } = this.#options
    const skipped = skippedOf(error)
    if (onUnreadable === 'fail' || skipped === undefined) throw error
    onUnreadable(skipped)
  }

  /** Decodes the records of an answer from a number on, as far as the bounds allow. */
  async #take(
    { batches, nextSequenceNumber }: FetchedShard,
    asked: number,
    room: RecordRoom,
    before?: Taken<T>,
  ): Promise<Taken<T>> {
    const { settings, stream } = this.#dependencies
    const ends = endsOf(batches, { from: asked, next: nextSequenceNumber })
    const cursor = { shardId: this.#shardId, next: asked }
    if (ends === undefined) throw offCourse(cursor, batches.length, nextSequenceNumber)
    const codec = resolveDecoder(this.#options.codec)
    const decryption = decryptionOf(stream, settings)
    const records: StreamRecord<T>[] = [...(before?.records ?? [])]
    let next = asked
    let arrivalTime = before?.arrivalTime
    for (const [i, batch] of batches.entries()) {
      const end = ends[i]!
      try {
        const opener = decryption.openerOf(batch, this.#ending())
        const open = typeof opener === 'function' ? opener : await opener
        const place = { cursor, batch, from: next, until: Infinity, next: end }
        const taken = recordsOf(place, codec, open, room)
        for (const record of taken) records.push(record)
        if (taken.length > 0) arrivalTime = arrivalTimeAt(batch, 0)
        const last = taken.at(-1)?.sequenceNumber ?? next - 1
        next = room.isFull ? last + 1 : end
      } catch (error) {
        // What comes before is given first: the next fetch begins here.
        if (records.length > 0 && !this.#skips(error)) break
        this.#skip(error)
        next = end
      }
      if (room.isFull) break
    }
    return { records, next, arrivalTime }
  }

  /** Ends the wait for a key. */
  #ending(): AbortSignal {
    const { closing } = this.#dependencies
    const { signal } = this.#options
    return signal === undefined || this.#dependencies.settings.encryption === undefined
      ? closing
      : AbortSignal.any([signal, closing])
  }
}

/** Throws `streamNotFound` if the name is another stream's by now. */
function checkStream(streamId: number, meant: number | undefined, stream: string): void {
  if (meant === undefined || meant === streamId) return
  throw new MillraceError(
    'streamNotFound',
    `${JSON.stringify(stream)} was deleted and made again: it has the id ${streamId}.`,
  )
}

function gone(shardId: string): MillraceError {
  return new MillraceError('shardNotFound', `The stream has no shard ${shardId} that can be read.`)
}

/** True if a host answered less than there is, and all of that is taken. */
function isCutShort({ tail, nextSequenceNumber }: FetchedShard, next: number): boolean {
  return next === nextSequenceNumber && next < tail
}

/** How far an answer is behind while more follows. */
function millisBehind(
  answer: FetchedShard,
  { arrivalTime }: Pick<Taken<unknown>, 'arrivalTime'>,
  time: number | undefined,
): number {
  if (arrivalTime === undefined || time === undefined) return answer.millisBehindLatest
  return time - arrivalTime
}
