// Groups over a store of small rows and a catalog that a test makes, without a controller.
import type { Catalog } from '../../../../../broker/control/catalog.ts'
import { Groups } from '../../../../../broker/control/groups/groups.ts'
import type { GroupAnswer, GroupMessage } from '../../../../../broker/control/groups/machine/messages.ts'
import type { MadeQuotas } from '../../../../../broker/control/streams/made-quotas.ts'
import { leasesOf, type GroupState } from '../../../../../broker/control/groups/machine/state.ts'
import type { CatalogRow } from '../../../../../broker/catalog-contract.ts'
import { readCatalog } from '../../../../../broker/catalog/state.ts'
import type { SmallRowsStore } from '../../../../../broker/small-rows-contract.ts'
import { createTelemetry } from '../../../../../broker/telemetry/instruments.ts'
import { silentLog, type Logger } from '../../../../../broker/telemetry/log.ts'
import { hashKeyToHex } from '../../../../../protocol/shards/hash-key.ts'
import { evenRanges } from '../../../../../protocol/shards/shard-map.ts'
import { brokerRow, shardRow, streamRow } from '../../../../support/catalog-rows.ts'
import { FakeTime } from '../../support/fake-time.ts'

/** An active stream called s, with this many open shards. */
function rowsOfStream(shardCount: number): readonly CatalogRow[] {
  const shards = evenRanges(shardCount).map(({ start, end }, index) =>
    shardRow(1, index, { startingHashKey: hashKeyToHex(start), endingHashKey: hashKeyToHex(end) }),
  )
  const stream = streamRow(1, { name: 's', nextShardIndex: shardCount })
  return [brokerRow({ nextSlot: shardCount + 1 }), stream, ...shards]
}

export class GroupsOnRows {
  readonly time: FakeTime
  readonly groups: Groups
  readonly catalog: { state: ReturnType<typeof readCatalog> }

  constructor(
    store: SmallRowsStore,
    options: { shardCount: number; time?: FakeTime; log?: Logger; quotas?: MadeQuotas },
  ) {
    this.time = options.time ?? new FakeTime()
    this.catalog = { state: readCatalog(rowsOfStream(options.shardCount)) }
    this.groups = new Groups({
      store,
      catalog: this.catalog as Catalog,
      time: this.time,
      instruments: createTelemetry('controller', { withProcess: false }).instruments,
      log: options.log ?? silentLog(),
      graceMs: 0,
      ...(options.quotas && { quotas: options.quotas }),
    })
    this.groups.start()
  }

  tell(group: string, message: GroupMessage): Promise<GroupAnswer> {
    return this.groups.tell(group, message)
  }

  join(group: string, memberId: string, pinned?: number, by?: string): Promise<GroupAnswer> {
    const from = {
      type: pinned === undefined ? ('TRIM_HORIZON' as const) : ('LATEST' as const),
      timestamp: undefined,
    }
    const shards = Array.from(this.catalog.state.shards.get(1)!.keys(), (shardIndex) => ({
      shardIndex,
      next: pinned ?? 0,
    }))
    const pins = { streamId: 1, shardsBelow: shards.length, shards }
    return this.tell(group, {
      type: 'join',
      by,
      memberId,
      secretHash: memberId,
      streams: [{ name: 's', from }],
      leaseMs: 10_000,
      address: '',
      life: undefined,
      pins: new Map(pinned === undefined ? [] : [['s', pins]]),
    })
  }

  async save(group: string, memberId: string, shardIndex: number, next: number): Promise<string | undefined> {
    const { epoch } = (await this.lease(group, shardIndex))!
    const checkpoint = { streamId: 1, shardIndex, epoch, next, isEnd: false, tail: 1_000_000 }
    const claim = { memberId, secretHash: memberId }
    const answer = await this.tell(group, { type: 'saveCheckpoints', ...claim, checkpoints: [checkpoint] })
    return answer.is === 'checkpoints'
      ? answer.results[0]!.code
      : answer.is === 'refused'
        ? answer.code
        : answer.is
  }

  async lease(group: string, shardIndex: number) {
    return (await this.groups.stateOf(group))?.streams.get('s')?.leases.get(shardIndex)
  }

  /** Lets one look pass, and fulfils when every shard of the group has a member. The disk takes none of the fake time. */
  async assigned(group: string): Promise<GroupState> {
    await this.groups.stateOf(group)
    await this.time.advance(250)
    for (;;) {
      const state = await this.groups.stateOf(group)
      const leases = [...(state?.streams.get('s')?.leases.values() ?? [])]
      const isDone = state?.isUnsettled === false && leases.every(({ owner }) => owner !== undefined)
      if (state !== undefined && isDone) return state
      await new Promise(setImmediate)
    }
  }

  async countOf(group: string, memberId: string): Promise<number> {
    const state = await this.groups.stateOf(group)
    return state === undefined ? 0 : [...leasesOf(state, memberId)].length
  }
}
