// How policies reach hosts: each change waits for a policy that has it, and many changes cost a host few policies.
import { expect, it } from 'vitest'
import { openPolicyData } from '../../../../broker/access/policy.ts'
import { PolicyPosts } from '../../../../broker/control/access/policy-posts.ts'
import type { HostFleet } from '../../../../broker/control/hosts/fleet.ts'
import { silentLog } from '../../../../broker/telemetry/log.ts'
import { systemTime } from '../../../../broker/time.ts'

/** A host that takes policies when the test says so. */
function slowHost() {
  const calls: { readonly version: number; readonly take: () => void }[] = []
  const status = { hostId: 1, state: 'ready' }
  const fleet = {
    hosts: [status],
    host: () => status,
    whenReady: () => Promise.resolve(),
    call: (_host: number, _call: string, policy: { version: number }) =>
      new Promise<null>((resolve) => {
        calls.push({ version: policy.version, take: () => resolve(null) })
      }),
  } as unknown as HostFleet
  return { calls, fleet }
}

it('changes that come while a host takes a policy share the next one, and each waits for one that has it', async () => {
  const { calls, fleet } = slowHost()
  let version = 1
  const policy = () => ({ ...openPolicyData, version })
  const posts = new PolicyPosts({ fleet, policy, time: systemTime, log: silentLog() })
  const done: number[] = []
  const change = () => {
    const made = ++version
    return posts.post().then(() => done.push(made))
  }
  const changes = [change()]
  await expect.poll(() => calls.length).toBe(1)
  for (let i = 0; i < 50; i++) changes.push(change())
  calls[0]!.take()
  await expect.poll(() => calls.length).toBe(2)
  expect(done).toEqual([2])
  calls[1]!.take()
  await Promise.all(changes)
  expect(calls.map((call) => call.version)).toEqual([2, 52])
})
