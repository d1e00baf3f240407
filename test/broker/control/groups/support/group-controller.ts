// A controller with groups, over fake hosts, a catalog and small rows in memory, and time that a test moves.
import { Asker } from '../../../access/support/asker.ts'
import type { RequestOf, ResponseOf, WireLease } from '../../../../../protocol/operations.ts'
import type { HostCalls } from '../../../../../broker/host-contract.ts'
import { emptyExtent, FakeHosts } from '../../support/fake-hosts.ts'
import { FakeTime, settled } from '../../support/fake-time.ts'
import { MemoryCatalog } from '../../support/memory-catalog.ts'
import { MemorySmallRows } from '../../support/memory-small-rows.ts'
import { TestController } from '../../support/test-controller.ts'
import type { Context } from '../../../../../broker/server/dispatch.ts'
import { fail } from '../../../../support/fail.ts'
import { MillraceError } from '../../../../../protocol/millrace-error.ts'

export const LEASE_MS = 10_000

type Memberly = 'joinGroup' | 'renewMember' | 'syncMember' | 'saveCheckpoints' | 'leaveGroup'

/** The controllers of one data directory, one after the other. */
export class GroupBroker {
  readonly hosts = new FakeHosts()
  readonly catalog = new MemoryCatalog()
  readonly smallRows = new MemorySmallRows()
  readonly time = new FakeTime()
  readonly groupGraceMs: number
  /** False: hosts do not say where their shards stand. */
  hostsAnswer = true
  test!: TestController

  constructor(groupGraceMs: number) {
    this.groupGraceMs = groupGraceMs
  }

  static async open(shardCount = 2, { groupGraceMs = 0 } = {}): Promise<GroupBroker> {
    const broker = new GroupBroker(groupGraceMs)
    broker.hosts.behaviour = () => ({
      describeShards: ({ streamId, shardIndexes }) => broker.#extents(streamId, shardIndexes),
    })
    await broker.restart()
    await broker.test.ask('createStream', { name: 's', shardCount })
    return broker
  }

  /** Ends the controller, and starts another one on what is stored. */
  async restart(): Promise<void> {
    this.test?.controller.kill()
    const { hosts: fakeHosts, time, smallRows, groupGraceMs } = this
    this.test = await TestController.open(this.catalog, { fakeHosts, time, smallRows, groupGraceMs })
  }

  /** Sets the tail of a shard of the newest stream called s. */
  async append(shardIndex: number, tail: number): Promise<void> {
    const slot = this.hosts.slots.get(`${await this.streamId()}/${shardIndex}`)!
    this.hosts.disk.get(slot)!.tail = tail
  }

  async streamId(): Promise<number> {
    const { stream } = await this.test.ask('describeStream', { name: 's' })
    return stream.id
  }

  member(memberId: string, group = 'g', secret = memberId): TestMember {
    return new TestMember(this, { group, memberId, secret: Buffer.alloc(16, secret) })
  }

  #extents(streamId: number, shardIndexes: readonly number[]): HostCalls['describeShards']['reply'] {
    if (!this.hostsAnswer) throw new MillraceError('unavailable', 'the host is slow')
    return {
      extents: shardIndexes.flatMap((shardIndex) => {
        const stored = this.hosts.disk.get(this.hosts.slots.get(`${streamId}/${shardIndex}`) ?? -1)
        return stored === undefined ? [] : [{ streamId, shardIndex, ...emptyExtent, ...stored }]
      }),
    }
  }
}

/** A member that does what a test says. */
export class TestMember {
  readonly #broker: GroupBroker
  readonly #who: { readonly group: string; readonly memberId: string; readonly secret: Uint8Array }
  version = 0
  leases: readonly WireLease[] = []
  /** As which it asks. */
  session = Asker.session()

  constructor(broker: GroupBroker, who: { group: string; memberId: string; secret: Uint8Array }) {
    this.#broker = broker
    this.#who = who
  }

  ask<N extends Memberly>(operation: N, request: object, signal?: AbortSignal): Promise<ResponseOf<N>> {
    const context = {
      fail,
      signal: signal ?? new AbortController().signal,
      session: this.session,
    } as unknown as Context<N>
    const { handlers } = this.#broker.test.controller
    const handler = handlers[operation] as (request: unknown, context: unknown) => Promise<ResponseOf<N>>
    return Promise.resolve(handler({ ...this.#who, ...request }, context))
  }

  /** Returns the code with which a request was refused; `done` if it was not. */
  async outcome(operation: Memberly, request: object = {}): Promise<string> {
    let outcome = 'open'
    this.ask(operation, request).then(
      () => (outcome = 'done'),
      (error: unknown) => (outcome = MillraceError.is(error) ? error.code : String(error)),
    )
    await settled()
    await settled()
    return outcome
  }

  join(from: object = { type: 'TRIM_HORIZON' }, more: Partial<RequestOf<'joinGroup'>> = {}): Promise<object> {
    return this.ask('joinGroup', { leaseMs: LEASE_MS, streams: [{ name: 's', from }], ...more })
  }

  /** Syncs without waiting, and returns the shards that the member has, as `index@epoch`, with `!` where revoked. */
  async sync(more: Partial<RequestOf<'syncMember'>> = {}): Promise<readonly string[]> {
    const request = { version: this.version, waitMs: 0, reports: [], released: [], ...more }
    this.take(await this.ask('syncMember', request))
    return this.leases.map(
      ({ shardIndex, epoch, isRevoked }) => `${shardIndex}@${epoch}${isRevoked ? '!' : ''}`,
    )
  }

  take({ version, leases }: ResponseOf<'syncMember'>): void {
    if (version !== this.version) this.leases = leases
    this.version = version
  }

  /** Releases what was revoked. */
  async release(): Promise<void> {
    await this.sync({ released: this.leases.filter(({ isRevoked }) => isRevoked) })
  }

  /** Saves a checkpoint of a shard that the member has, and returns the code of the answer. */
  async save(shardIndex: number, next: number, more: object = {}): Promise<number> {
    const lease = this.leases.find((held) => held.shardIndex === shardIndex)
    const { streamId = 0, epoch = 0 } = lease ?? {}
    const checkpoint = { streamId, shardIndex, epoch, next, isEnd: false, ...more }
    const { results } = await this.ask('saveCheckpoints', { checkpoints: [checkpoint] })
    return results[0]!.code
  }
}
