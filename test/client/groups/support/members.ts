// Members of a group on the fake broker: what each has handled, and waits for what a test expects.
import {
  connect,
  type BatchContext,
  type Client,
  type ConnectOptions,
  type Group,
  type GroupEvent,
  type GroupHandler,
  type GroupOptions,
  type StreamRecord,
} from '../../../../client/index.ts'
import { driven, pass } from '../../support/drive.ts'
import { FakeBroker } from '../../support/fake-broker.ts'
import { FakeGroups } from '../../support/fake-groups.ts'

export const LEASE_MS = 10_000

export const valueOf = ({ data }: StreamRecord<Uint8Array>): string => Buffer.from(data).toString()

export interface Member {
  readonly client: Client
  readonly group: Group<Uint8Array>
  /** Values in the order in which they were handled. */
  readonly handled: string[]
  readonly events: GroupEvent[]
  readonly running: Promise<void>
}

/** What a handler does beside noting the values. */
export type Extra = (
  records: readonly StreamRecord<Uint8Array>[],
  context: BatchContext,
) => void | Promise<void>

export class GroupTest {
  readonly broker: FakeBroker
  readonly groups: FakeGroups
  readonly members: Member[] = []
  /** All values in the order in which they were handled, by whichever member. */
  readonly handled: string[] = []
  readonly #failures: unknown[] = []

  constructor(options: ConstructorParameters<typeof FakeBroker>[0] = {}) {
    this.broker = new FakeBroker(options)
    this.groups = new FakeGroups(this.broker)
  }

  async join(
    options: Partial<GroupOptions> = {},
    extra: Extra = () => {},
    connectOptions: ConnectOptions = {},
  ): Promise<Member> {
    const client = await driven(
      connect('millrace://fake', {
        dial: this.broker.dial,
        requestTimeoutMs: 5000,
        retry: { backoffMinMs: 1, backoffMaxMs: 20 },
        ...connectOptions,
      }),
    )
    const events: GroupEvent[] = []
    const handled: string[] = []
    const group = client.group({
      name: 'billing',
      stream: 'clicks',
      memberId: `m${this.members.length}`,
      leaseMs: LEASE_MS,
      retry: { attempts: 3, backoffMinMs: 10, backoffMaxMs: 100 },
      onEvent: (event) => events.push(event),
      ...options,
    })
    const handler: GroupHandler = async (records, context) => {
      await extra(records, context)
      for (const record of records) {
        handled.push(valueOf(record))
        this.handled.push(valueOf(record))
      }
    }
    const running = group.run(handler)
    running.catch((error: unknown) => this.#failures.push(error))
    const member = { client, group, handled, events, running }
    this.members.push(member)
    return member
  }

  /** Moves time until something holds. */
  async until(holds: () => boolean): Promise<void> {
    for (let passed = 0; !holds(); passed += 10) {
      if (passed > 300_000) throw new Error('it never came to hold')
      await pass(10, 10)
    }
  }

  /** What `run` of members failed with. */
  get failures(): readonly unknown[] {
    return this.#failures
  }

  /** Where the group is in a shard. */
  position(shardIndex: number): number | undefined {
    return this.groups.states.get('billing')?.streams.get('clicks')?.leases.get(shardIndex)?.next
  }

  async end(): Promise<void> {
    for (const { client } of this.members) await driven(client.close())
    this.groups.close()
  }
}

export function typesOf(events: readonly GroupEvent[]): string[] {
  return events.map(({ type }) => type)
}
