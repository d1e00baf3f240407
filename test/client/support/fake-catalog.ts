// The catalog of the fake broker: the rows of its one stream, changed by the plans of the broker itself. What may be split
// or merged, which children come of it and where they begin, and what settings a stream may have, is decided there.
import type { CatalogPlan } from '../../../broker/control/catalog.ts'
import { applyChanges, readCatalog, type CatalogState } from '../../../broker/catalog/state.ts'
import { putStream, shardsOf, type Shard, type Stream } from '../../../broker/control/catalog-state.ts'
import {
  planBegin,
  planFinish,
  planGoal,
  planPublish,
  planTowardsGoal,
  type Cause,
} from '../../../broker/control/resharding/journal.ts'
import type { ReshardIntent } from '../../../broker/control/resharding/plan.ts'
import {
  checkShardCount,
  newSettings,
  updatedSettings,
} from '../../../broker/control/streams/stream-settings.ts'
import { evenRanges, hashKeyToHex, type RequestOf } from '../../../protocol/index.ts'
import { brokerRow, shardRow, streamRow } from '../../support/catalog-rows.ts'
import { fail } from '../../support/fail.ts'

/** The clock of a fake broker starts here. */
export const BASE_TIME = 1_700_000_000_000

const STREAM = 1

const defaults = { onDemandShards: 4, targetBytesPerSecond: 1000, targetRecordsPerSecond: 100 }

export class FakeCatalog {
  #state: CatalogState
  readonly #owners: readonly number[]

  /** Its owners have the numbers from 0 on. */
  constructor({ name, shards, owners }: { name: string; shards: number; owners: number }) {
    this.#owners = Array.from({ length: owners }, (_, ownerId) => ownerId)
    const { settings } = newSettings({ ...nothingSaid, name }, defaults, fail)
    this.#state = readCatalog([
      brokerRow({ nextSlot: shards + 1 }),
      streamRow(STREAM, { ...settings, name, nextShardIndex: shards, createdAt: BASE_TIME }),
      ...evenRanges(shards).map(({ start, end }, index) =>
        shardRow(STREAM, index, {
          ownerId: index % owners,
          startingHashKey: hashKeyToHex(start),
          endingHashKey: hashKeyToHex(end),
          createdAt: BASE_TIME,
        }),
      ),
    ])
  }

  get state(): CatalogState {
    return this.#state
  }

  get stream(): Stream {
    return this.#state.streams.get(STREAM)!
  }

  /** Every shard that has not expired, by index. */
  get shards(): readonly Shard[] {
    return [...shardsOf(this.#state, STREAM).values()]
  }

  /** Changes values of the stream's row, whatever that makes of it. */
  put(values: Partial<Stream>): void {
    this.#apply({ changes: [putStream(this.stream, values)], result: undefined })
  }

  create(request: RequestOf<'createStream'>): void {
    this.put(newSettings(request, defaults, fail).settings)
  }

  update(request: RequestOf<'updateStream'>): void {
    this.put(updatedSettings(this.stream, request))
  }

  /** The shard has expired. */
  expire(shardIndex: number): void {
    const key = { streamId: STREAM, shardIndex }
    this.#apply({ changes: [{ remove: { family: 'shard', key } }], result: undefined })
  }

  /** Carries a change of shards out, all in one epoch. `tails` are those of the parents; throws what the broker refuses. */
  change(intents: readonly ReshardIntent[], cause: Cause, at: ChangeContext): void {
    const context = { now: at.now, owners: this.#owners }
    this.#apply(planBegin(this.#state, { streamId: STREAM, intents, cause }, context, fail))
    this.#publish(at)
  }

  /** One wave on the way to so many even shards. */
  stepTowards(target: number, at: ChangeContext): void {
    checkShardCount(target, fail)
    this.#apply(planGoal(this.#state, { streamId: STREAM, target, isUnderWay: false }, fail))
    const context = { now: at.now, owners: this.#owners }
    if (this.#apply(planTowardsGoal(this.#state, STREAM, context, fail))) this.#publish(at)
    // What has come to its goal has none.
    const next = planTowardsGoal(this.#state, STREAM, context, fail)
    if (!next.result) this.#apply(next)
  }

  #publish({ tails, now }: ChangeContext): void {
    this.#apply(planPublish(this.#state, STREAM, { tails, now }))
    this.#apply(planFinish(this.#state, STREAM))
  }

  #apply<T>({ changes, result }: CatalogPlan<T>): T {
    this.#state = applyChanges(this.#state, changes)
    return result
  }
}

export interface ChangeContext {
  /** By shard. */
  readonly tails: ReadonlyMap<number, number>
  readonly now: number
}

const nothingSaid = {
  shardCount: undefined,
  retentionMs: undefined,
  retentionBytes: undefined,
  mode: undefined,
  shardLimits: undefined,
  scaling: undefined,
}
