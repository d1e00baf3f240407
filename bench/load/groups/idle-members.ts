// Load: many members of groups whose streams get no records. Runs in a load process. Every member has a client of its own, as
// if it were a process; but its renewals come from the main thread, since hundreds of threads would not fit beside the broker.
// The controller sees the same requests, at the same rate.
import { once } from 'node:events'
import { dialTcp, type Dial } from '../../../client/connecting/transport.ts'
import { connect } from '../../harness/connect.ts'
import type { LoadControl } from '../job.ts'

export interface IdleMembersSettings {
  readonly url: string
  /** The groups' names; each reads the stream of its name. */
  readonly groups: readonly string[]
  /** Begins the names of the members. */
  readonly prefix: string
  /** Members of this process in each group. */
  readonly membersPerGroup: number
}

export interface IdleMembersResult {
  /** Memberships that began; more than there are members if some were lost. */
  readonly joined: number
}

/** A dial of its own keeps a client from starting a thread for its renewals. */
const dial: Dial = (address, signal) => dialTcp(address, signal)

/** Reports when all have joined; they leave when it is stopped. */
export async function runIdleMembers(
  { url, groups, prefix, membersPerGroup }: IdleMembersSettings,
  control: LoadControl,
): Promise<IdleMembersResult> {
  const wanted = groups.length * membersPerGroup
  const names = Array.from({ length: wanted }, (_, index) => groups[index % groups.length]!)
  const clients = await Promise.all(names.map(() => connect(url, { dial })))
  let joined = 0
  const members = clients.map((client, index) => {
    const group = client.group({
      stream: names[index]!,
      name: names[index]!,
      memberId: `${prefix}-${index}`,
      onEvent: ({ type }) => {
        if (type === 'joined' && ++joined === wanted) control.ready()
      },
    })
    return { group, running: group.run(() => {}) }
  })
  await Promise.race([once(control.stopped, 'abort'), ...members.map(({ running }) => running)])
  await Promise.all(members.map(({ group }) => group.stop()))
  await Promise.all(members.map(({ running }) => running))
  await Promise.all(clients.map((client) => client.close()))
  return { joined }
}
