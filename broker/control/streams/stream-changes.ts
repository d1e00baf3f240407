// Plans the changes of rows for requests on a stream: create, activate, update, mark for deletion, remove.
// Runs in the controller; pure: takes a state and a request, returns a plan, or throws the error that the client gets.
// A stream's rows are committed before any host hears of it, so a crash in between leaves work that can be resumed.
import { hashKeyToHex } from '../../../protocol/shards/hash-key.ts'
import { invariant } from '../../../protocol/invariant.ts'
import { limits } from '../../../protocol/limits.ts'
import type { RequestOf } from '../../../protocol/operations.ts'
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import { evenRanges } from '../../../protocol/shards/shard-map.ts'
import { checkStreamName } from '../../../protocol/stream-name.ts'
import { noStream } from '../../access/absence.ts'
import type { CatalogChange, StreamRow } from '../../catalog-contract.ts'
import {
  consumersOf,
  putStream,
  shardsOf,
  streamNamed,
  type CatalogState,
  type Stream,
} from '../catalog-state.ts'
import type { CatalogPlan } from '../catalog.ts'
import { ownerLoads, placeShards } from '../hosts/placement.ts'
import { checkMadeShards, checkMadeStreams, type MadeQuotas } from './made-quotas.ts'
import { checkAllShards } from './shard-room.ts'
import { isSameSettings, newSettings, updatedSettings, type StreamDefaults } from './stream-settings.ts'

export interface CreateContext {
  readonly now: number
  /** Owners that take new shards. */
  readonly owners: readonly number[]
  readonly defaults: StreamDefaults
  /** Who creates it; undefined where nobody said who asks. */
  readonly by?: string | undefined
  readonly quotas?: MadeQuotas | undefined
}

/** Creates a stream in state CREATING, with its shards placed on the owners with the fewest. */
export function planCreate(
  state: CatalogState,
  request: RequestOf<'createStream'>,
  { now, owners, defaults, by, quotas }: CreateContext,
  fail: Fail<'streamExists' | 'streamBusy' | 'limitExceeded' | 'storageFull'>,
): CatalogPlan<{ streamId: number; ownerIds: readonly number[] }> {
  const { broker } = state
  invariant(broker !== undefined, 'the catalog has an identity')
  checkName(state, request.name, fail)
  const { settings, shardCount } = newSettings(request, defaults, fail)
  checkRoom(state, shardCount, fail)
  checkMadeStreams(state, by, quotas, fail)
  checkMadeShards(state, by, { made: shardCount, quotas }, fail)
  const streamId = broker.nextStreamId
  const ownerIds = placeShards(ownerLoads(state, owners, fail), shardCount)
  const shards = evenRanges(shardCount).map((range, index): CatalogChange => ({
    put: {
      family: 'shard',
      key: { streamId, shardIndex: index },
      value: {
        ownerId: ownerIds[index] ?? 0,
        slot: broker.nextSlot + index,
        parents: [],
        startingHashKey: hashKeyToHex(range.start),
        endingHashKey: hashKeyToHex(range.end),
        state: 'OPEN',
        startingSequenceNumber: 0,
        endingSequenceNumber: null,
        createdAt: now,
        closedAt: null,
      },
    },
  }))
  const stream: StreamRow['value'] = {
    name: request.name,
    status: 'CREATING',
    createdAt: now,
    epoch: 1,
    nextShardIndex: shardCount,
    targetShardCount: null,
    ...settings,
    ...(by !== undefined && { createdBy: by }),
  }
  const counters = { ...broker, nextStreamId: streamId + 1, nextSlot: broker.nextSlot + shardCount }
  return {
    changes: [
      { put: { family: 'broker', key: 'broker', value: counters } },
      { put: { family: 'stream', key: streamId, value: stream } },
      ...shards,
    ],
    result: { streamId, ownerIds: [...new Set(ownerIds)] },
  }
}

/** Makes a CREATING stream ACTIVE, once its hosts serve it: it takes records from now on. */
export function planActivate(state: CatalogState, streamId: number): CatalogPlan<void> {
  const stream = state.streams.get(streamId)
  if (stream?.status !== 'CREATING') return { changes: [], result: undefined }
  return { changes: [putStream(stream, { status: 'ACTIVE' })], result: undefined }
}

/** Marks a stream as DELETING: from now on it can be neither written nor read under its name. */
export function planDelete(
  state: CatalogState,
  { name, expectedId }: RequestOf<'deleteStream'>,
  fail: Fail<'streamNotFound' | 'streamBusy'>,
): CatalogPlan<{ streamId: number }> {
  const { id } = knownStream(state, name, fail)
  if (expectedId !== undefined && id !== expectedId) {
    fail(
      'streamNotFound',
      `Stream ${name} with the id ${expectedId} is gone: the stream of this name has the id ${id}.`,
    )
  }
  const stream = activeStream(state, name, fail)
  return { changes: [putStream(stream, { status: 'DELETING' })], result: { streamId: stream.id } }
}

/** Removes all rows of a DELETING stream, once no host serves it, with its consumers and the journal of a change under way. */
export function planRemove(state: CatalogState, streamId: number): CatalogPlan<void> {
  const stream = state.streams.get(streamId)
  if (stream?.status !== 'DELETING') return { changes: [], result: undefined }
  const shards = Array.from(shardsOf(state, streamId).keys(), (shardIndex): CatalogChange => ({
    remove: { family: 'shard', key: { streamId, shardIndex } },
  }))
  const journal: CatalogChange[] = state.journals.has(streamId)
    ? [{ remove: { family: 'reshard', key: streamId } }]
    : []
  const consumers = Array.from(consumersOf(state, streamId).keys(), (consumerId): CatalogChange => ({
    remove: { family: 'consumer', key: { streamId, consumerId } },
  }))
  const changes = [
    ...shards,
    ...journal,
    ...consumers,
    { remove: { family: 'stream', key: streamId } } as const,
  ]
  return { changes, result: undefined }
}

/**
 * Changes settings; what the request leaves out stays. A switch of mode moves no shard: an on-demand stream is scaled from
 * the shards it has, and a goal of `updateShardCount` that is not reached yet is given up.
 */
export function planUpdate(
  state: CatalogState,
  request: RequestOf<'updateStream'>,
  fail: Fail<'streamNotFound' | 'streamBusy'>,
): CatalogPlan<void> {
  const stream = activeStream(state, request.name, fail)
  const settings = updatedSettings(stream, request)
  if (isSameSettings(settings, stream)) return { changes: [], result: undefined }
  const targetShardCount = settings.mode === 'on-demand' ? null : stream.targetShardCount
  return { changes: [putStream(stream, { ...settings, targetShardCount })], result: undefined }
}

/** Returns the stream of that name, in any state. */
export function knownStream(state: CatalogState, name: string, fail: Fail<'streamNotFound'>): Stream {
  const stream = streamNamed(state, name)
  return stream ?? fail('streamNotFound', noStream(name))
}

/** Returns the stream of that name, if it is ACTIVE. */
export function activeStream(
  state: CatalogState,
  name: string,
  fail: Fail<'streamNotFound' | 'streamBusy'>,
): Stream {
  const stream = knownStream(state, name, fail)
  if (stream.status === 'ACTIVE') return stream
  const verb = stream.status === 'CREATING' ? 'created' : 'deleted'
  return fail('streamBusy', `Stream ${name} is still being ${verb}.`)
}

function checkName(state: CatalogState, name: string, fail: Fail<'streamExists' | 'streamBusy'>): void {
  const problem = checkStreamName(name)
  if (problem !== undefined) throw refusal('invalidArgument', problem)
  const existing = streamNamed(state, name)
  if (existing?.status === 'DELETING') {
    fail('streamBusy', `Stream ${name} is still being deleted; create it again after that.`)
  }
  if (existing !== undefined) fail('streamExists', `There is a stream called ${name} already.`)
}

function checkRoom(state: CatalogState, shardCount: number, fail: Fail<'limitExceeded'>): void {
  if (state.streams.size >= limits.streamsMax) {
    fail('limitExceeded', `The limit of ${limits.streamsMax} streams is reached; delete one first.`)
  }
  checkAllShards(state, shardCount, fail)
}
