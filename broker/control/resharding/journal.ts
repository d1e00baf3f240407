// Plans the commits of a change of shards (begin, publish, finish), and of the goal of updateShardCount. Runs in the
// controller; pure. Each step is one commit; it may be planned again after a crash, and changes nothing where it was done.
import { invariant } from '../../../protocol/invariant.ts'
import { limits } from '../../../protocol/limits.ts'
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import { valueOf } from '../../catalog/families.ts'
import type { CatalogChange, PlannedShard, ReshardRow } from '../../catalog-contract.ts'
import {
  openShardsOf,
  putStream,
  shardsOf,
  type CatalogState,
  type Journal,
  type Shard,
  type Stream,
} from '../catalog-state.ts'
import type { CatalogPlan } from '../catalog.ts'
import { planMoves, type ReshardIntent } from './plan.ts'
import type { MadeQuotas } from '../streams/made-quotas.ts'
import { checkNewShards } from '../streams/shard-room.ts'
import { planEvenWave, shardsOnTheWay } from './waves.ts'
import { countOf } from '../../../protocol/text/count-text.ts'

export type Cause = Journal['cause']

/** Errors by which a change of shards may be refused. */
export type ChangeError = 'streamNotFound' | 'streamBusy' | 'limitExceeded' | 'storageFull'

export interface ChangeContext {
  readonly now: number
  /** Owners that take new shards. */
  readonly owners: readonly number[]
  readonly quotas?: MadeQuotas | undefined
}

/** Begins a change: writes its journal, and assigns indexes, slots and owners to the children. */
export function planBegin(
  state: CatalogState,
  { streamId, intents, cause }: { streamId: number; intents: readonly ReshardIntent[]; cause: Cause },
  { now, owners, quotas }: ChangeContext,
  fail: Fail<ChangeError | 'shardNotFound'>,
): CatalogPlan<Journal> {
  const stream = streamAtWork(state, streamId, fail)
  invariant(!state.journals.has(streamId), `stream ${stream.name} is being changed already`)
  checkCause(stream, cause, fail)
  const openShardsMax = openShardsMaxOf(stream, cause)
  const moves = planMoves(state, stream, intents, { owners, openShardsMax, quotas }, fail)
  const journal: Journal = { step: 'sealing', moves, startedAt: now, cause }
  const made = moves.flatMap(({ children }) => children).length
  invariant(state.broker !== undefined, 'the catalog has an identity')
  const counters = { ...state.broker, nextSlot: state.broker.nextSlot + made }
  return {
    changes: [
      { put: { family: 'broker', key: 'broker', value: counters } },
      putStream(stream, { nextShardIndex: stream.nextShardIndex + made }),
      putJournal(streamId, journal),
    ],
    result: journal,
  }
}

/**
 * Publishes a change once its parents are sealed with these final tails: closes the parents, and opens the children above
 * them, in one commit. So a hash key's records after the change have higher numbers than those before it. The result is
 * false where nothing was published, because the stream is being deleted.
 */
export function planPublish(
  state: CatalogState,
  streamId: number,
  { tails, now }: { readonly tails: ReadonlyMap<number, number>; readonly now: number },
): CatalogPlan<boolean> {
  const stream = state.streams.get(streamId)
  const journal = state.journals.get(streamId)
  if (stream?.status !== 'ACTIVE' || journal?.step !== 'sealing') return { changes: [], result: false }
  const shards = shardsOf(state, streamId)
  const moves = journal.moves.flatMap(({ parents, children }) => [
    ...parents.map((index) => closed(shards.get(index), tailOf(tails, index), now)),
    ...children.map((child) =>
      opened(child, { streamId, parents, now, startingSequenceNumber: startAbove(parents, tails) }),
    ),
  ])
  return {
    changes: [
      putStream(stream, { epoch: stream.epoch + 1 }),
      ...moves,
      putJournal(streamId, { ...valueOf('reshard', journal), step: 'opening' }),
    ],
    result: true,
  }
}

/** Finishes a change once every host knows the children: removes its journal. */
export function planFinish(state: CatalogState, streamId: number): CatalogPlan<void> {
  const changes: CatalogChange[] = state.journals.has(streamId)
    ? [{ remove: { family: 'reshard', key: streamId } }]
    : []
  return { changes, result: undefined }
}

export interface Goal {
  readonly streamId: number
  readonly target: number
  readonly isUnderWay: boolean
  readonly quotas?: MadeQuotas | undefined
}

/** Sets the goal of `target` even shards; where `isUnderWay`, only in place of another goal. The result: is the goal set? */
export function planGoal(
  state: CatalogState,
  { streamId, target, isUnderWay, quotas }: Goal,
  fail: Fail<ChangeError>,
): CatalogPlan<boolean> {
  const stream = streamAtWork(state, streamId, fail)
  checkCause(stream, 'scale', fail)
  if (isUnderWay && stream.targetShardCount === null) return { changes: [], result: false }
  const open = [...openShardsOf(state, streamId).values()]
  checkNewShards(state, stream, { made: shardsOnTheWay(open, target), quotas }, fail)
  if (stream.targetShardCount === target) return { changes: [], result: true }
  const isThere = stream.targetShardCount === null && planEvenWave(open, target) === undefined
  return { changes: isThere ? [] : [putStream(stream, { targetShardCount: target })], result: true }
}

/** Begins the next wave towards the goal of a stream, or clears a reached goal. The result: has a wave begun? */
export function planTowardsGoal(
  state: CatalogState,
  streamId: number,
  context: ChangeContext,
  fail: Fail<ChangeError>,
): CatalogPlan<boolean> {
  const stream = state.streams.get(streamId)
  if (stream?.status !== 'ACTIVE' || stream.targetShardCount === null) return { changes: [], result: false }
  const intents = planEvenWave([...openShardsOf(state, streamId).values()], stream.targetShardCount)
  if (intents === undefined) return planNoGoal(state, streamId, stream.targetShardCount)
  const change = { streamId, intents, cause: 'scale' } as const
  const { changes } = planBegin(state, change, context, (code, message, details) => {
    invariant(code !== 'shardNotFound', `a wave names shards of this very state: ${message}`)
    return fail(code, message, details)
  })
  return { changes, result: true }
}

/** Clears the goal of a stream, reached or not, unless another goal has replaced `target`. */
export function planNoGoal(state: CatalogState, streamId: number, target: number): CatalogPlan<false> {
  const stream = state.streams.get(streamId)
  const isSet = stream?.targetShardCount === target
  return { changes: isSet ? [putStream(stream, { targetShardCount: null })] : [], result: false }
}

/** Returns the first sequence number above those of all parents. */
export function startAbove(parents: readonly number[], tails: ReadonlyMap<number, number>): number {
  return Math.max(...parents.map((index) => tailOf(tails, index)))
}

function openShardsMaxOf({ mode, scaling }: Stream, cause: Cause): number {
  // On the way to a goal a stream may have as many open shards as its first and its final number together.
  if (cause === 'scale') return 2 * limits.shardsPerStreamMax
  return cause === 'split' && mode === 'on-demand' ? scaling.shardsMax : limits.shardsPerStreamMax
}

/**
 * Throws unless the shards of the stream may be changed for this cause. Users may split shards of an on-demand stream,
 * ahead of an expected load or around a hot key; the broker merges needless shards again.
 */
export function checkCause(
  { name, mode, targetShardCount }: Stream,
  cause: Cause,
  fail: Fail<'streamBusy'>,
): void {
  // A renewal keeps hash key ranges and the number of open shards, so every stream allows it.
  if (cause === 'renew') return
  if (cause === 'autoscale') {
    if (mode === 'on-demand') return
    fail('streamBusy', `Stream ${name} is not scaled by the broker any more.`)
  }
  if (mode === 'on-demand' && cause !== 'split') {
    const message = `Stream ${name} is on-demand: the broker merges its shards, and decides how many there are. Update its mode to provisioned first.`
    throw refusal('invalidArgument', message)
  }
  if (cause === 'scale' || targetShardCount === null) return
  fail('streamBusy', `Stream ${name} is on its way to ${countOf(targetShardCount, 'shard')}.`, {
    retryAfterMs: BUSY_RETRY_MS,
  })
}

/** Retry hint for a busy stream: most changes take less time than this. */
export const BUSY_RETRY_MS = 500

function streamAtWork(state: CatalogState, streamId: number, fail: Fail<'streamNotFound'>): Stream {
  const stream = state.streams.get(streamId)
  if (stream?.status === 'ACTIVE') return stream
  return failDeleted(fail)
}

/** Refuses a change of a deleted stream. Not as `streamBusy`: a retry would then change a new stream of the same name. */
export function failDeleted(fail: Fail<'streamNotFound'>): never {
  return fail('streamNotFound', 'The stream was deleted before its shards were changed.')
}

function closed(shard: Shard | undefined, tail: number, now: number): CatalogChange {
  invariant(shard?.state === 'OPEN', 'a parent is open until it is published as closed')
  const { streamId, index: shardIndex } = shard
  const value = valueOf('shard', shard)
  const first = value.startingSequenceNumber
  invariant(
    tail >= first,
    `shard ${shardIndex} of stream ${streamId} ends at ${tail}, below its first number ${first}`,
  )
  const endingSequenceNumber = tail === first ? null : tail - 1
  return {
    put: {
      family: 'shard',
      key: { streamId, shardIndex },
      value: { ...value, state: 'CLOSED', endingSequenceNumber, closedAt: now },
    },
  }
}

function opened(
  { shardIndex, ...child }: PlannedShard,
  born: { streamId: number; parents: readonly number[]; now: number; startingSequenceNumber: number },
): CatalogChange {
  const { streamId, parents, now, startingSequenceNumber } = born
  return {
    put: {
      family: 'shard',
      key: { streamId, shardIndex },
      value: {
        ...child,
        parents,
        state: 'OPEN',
        startingSequenceNumber,
        endingSequenceNumber: null,
        createdAt: now,
        closedAt: null,
      },
    },
  }
}

function tailOf(tails: ReadonlyMap<number, number>, index: number): number {
  const tail = tails.get(index)
  invariant(tail !== undefined, `shard ${index} was sealed, so its tail is known`)
  return tail
}

function putJournal(key: number, value: ReshardRow['value']): CatalogChange {
  return { put: { family: 'reshard', key, value } }
}
