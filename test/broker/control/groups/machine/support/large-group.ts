// A group of many shards and members, told by messages as the controller does, with what it costs: changes, rows, members told,
// looks at the catalog. Costs are counts, so that they are the same on every machine. Pure.
import { OrderedMap } from '../../../../../../broker/catalog/ordered-map.ts'
import { advance } from '../../../../../../broker/control/groups/machine/advance.ts'
import type { GroupMessage, JoinMessage } from '../../../../../../broker/control/groups/machine/messages.ts'
import { restored } from '../../../../../../broker/control/groups/machine/rows.ts'
import {
  leasesOf,
  type GroupState,
  type Lineage,
} from '../../../../../../broker/control/groups/machine/state.ts'
import type { SmallWrite } from '../../../../../../broker/small-rows-contract.ts'

interface Cost {
  /** Changes that wrote rows. */
  changes: number
  rows: number
  /** Members that were told of a change, each time. */
  told: number
  /** How often the catalog was asked. */
  looks: number
}

const ROWS_MAX = 232
/** A shard that was moved may move again after a minute: what is quiet for longer has come to rest. */
const QUIET_MS = 40_000

export class LargeGroup {
  state: GroupState | undefined
  now = 1_000
  cost: Cost = { changes: 0, rows: 0, told: 0, looks: 0 }
  readonly members: string[] = []
  /** By shard: how often it was assigned. */
  readonly assignments = new Map<number, number>()
  readonly #shards: Lineage
  readonly #rows = new Map<string, SmallWrite>()

  constructor(shardCount: number) {
    let shards: Lineage = OrderedMap.empty()
    for (let index = 0; index < shardCount; index++) {
      const open = { index, parents: [], state: 'OPEN', startingSequenceNumber: 0 } as const
      shards = shards.set(index, { ...open, endingSequenceNumber: null })
    }
    this.#shards = shards
  }

  /** Returns what it has cost since the last call. */
  spent(): Cost {
    const { cost } = this
    this.cost = { changes: 0, rows: 0, told: 0, looks: 0 }
    return cost
  }

  tell(...messages: readonly GroupMessage[]): void {
    const at = { now: this.now, wall: this.now }
    let waiting = messages.map((message) => ({ message, at }))
    do {
      const factsOf = (): { streamId: number; shards: Lineage } => {
        this.cost.looks++
        return { streamId: 1, shards: this.#shards }
      }
      const limits = { rowsMax: ROWS_MAX, takenRowsMax: ROWS_MAX - 96, graceMs: 500 }
      const options = { state: this.state, name: 'g', factsOf, catalog: 1, version: 1, at, ...limits }
      const { state, writes, answers, changed } = advance(waiting, options)
      this.#count(this.state, state)
      this.state = state
      this.cost.changes += writes.length > 0 ? 1 : 0
      this.cost.rows += writes.length
      this.cost.told += changed.size
      for (const row of writes) this.#rows.set(`${row.family} ${row.key}`, row)
      waiting = waiting.slice(answers.length)
    } while (waiting.length > 0 || this.state?.isUnsettled === true)
  }

  join(...memberIds: readonly string[]): void {
    for (const memberId of memberIds) {
      const from = { type: 'TRIM_HORIZON', timestamp: undefined } as const
      const who = { memberId, secretHash: memberId, leaseMs: 10_000, address: '', life: undefined }
      const join: JoinMessage = { type: 'join', ...who, streams: [{ name: 's', from }], pins: new Map() }
      this.members.push(memberId)
      this.tell(join)
    }
  }

  leave(...memberIds: readonly string[]): void {
    for (const memberId of memberIds) {
      this.members.splice(this.members.indexOf(memberId), 1)
      this.tell({ type: 'leave', memberId, secretHash: memberId })
    }
  }

  /** Lets time pass: members renew as often as the client has them, and the group is looked at. */
  pass(ms: number): void {
    for (const until = this.now + ms; this.now < until;) {
      this.now += 250
      if (this.now % 2_500 < 250) this.renewAll()
      this.tell({ type: 'tick' })
    }
  }

  renewAll(): void {
    this.tell(...this.members.map((memberId) => ({ type: 'renew', memberId, secretHash: memberId }) as const))
  }

  /** Members release what was revoked, until nothing is; time for the looks at the balance passes. */
  handOver(): void {
    for (let quiet = 0; quiet < 2;) {
      const revoked = this.members.filter((memberId) => this.#release(memberId))
      quiet = revoked.length > 0 ? 0 : quiet + 1
      this.pass(revoked.length > 0 ? 250 : QUIET_MS)
    }
  }

  checkpointAll(next: number): void {
    for (const memberId of this.members) {
      const checkpoints = Array.from(leasesOf(this.state!, memberId), ({ stream, lease }) => {
        const { shardIndex, epoch } = lease
        return { streamId: stream.streamId, shardIndex, epoch, next, isEnd: false, tail: next }
      })
      this.tell({ type: 'saveCheckpoints', memberId, secretHash: memberId, checkpoints })
    }
  }

  /** Reads the group from its rows, as a controller does that starts. */
  restart(): void {
    const of = <F extends SmallWrite['family']>(family: F): never[] =>
      [...this.#rows.values()].filter((row) => row.family === family && row.value !== undefined) as never[]
    const [group] = of('group') as { value: never }[]
    const rows = { group: group!.value, members: of('member'), leases: of('lease'), damagedLeases: [] }
    this.state = restored('g', rows, { now: this.now, wall: this.now })
  }

  /** Shards by member. */
  get shares(): readonly number[] {
    return this.members.map((memberId) => [...leasesOf(this.state!, memberId)].length)
  }

  get epochs(): readonly string[] {
    return Array.from(
      this.state!.streams.get('s')!.leases.values(),
      ({ owner, epoch, next }) => `${owner} ${epoch} ${next}`,
    )
  }

  #release(memberId: string): boolean {
    const released = [...leasesOf(this.state!, memberId)]
      .filter(({ lease }) => lease.isRevoked)
      .map(({ lease: { shardIndex, epoch } }) => ({ streamId: 1, shardIndex, epoch }))
    if (released.length === 0) return false
    this.tell({ type: 'sync', memberId, secretHash: memberId, address: '', reports: [], released })
    return true
  }

  #count(before: GroupState | undefined, after: GroupState | undefined): void {
    const known = before?.streams.get('s')?.leases
    for (const { shardIndex, epoch, owner } of after?.streams.get('s')?.leases.values() ?? []) {
      if (owner === undefined || known?.get(shardIndex)?.epoch === epoch) continue
      this.assignments.set(shardIndex, (this.assignments.get(shardIndex) ?? 0) + 1)
    }
  }
}
