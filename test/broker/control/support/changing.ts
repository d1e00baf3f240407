// A stream whose shards a test changes, on a controller with fake hosts and a catalog in memory.
import type { HostCalls } from '../../../../broker/host-contract.ts'
import type { CallHandlers } from '../../../../broker/channels/calls.ts'
import { hashKeyFromHex, hashKeyToBytes } from '../../../../protocol/shards/hash-key.ts'
import type { RequestOf } from '../../../../protocol/operations.ts'
import { from } from '../../../support/catalog-rows.ts'
import { FakeHosts } from './fake-hosts.ts'
import { MemoryCatalog } from './memory-catalog.ts'
import { TestController } from './test-controller.ts'

interface Opened {
  readonly test: TestController
  readonly hosts: FakeHosts
  readonly catalog: MemoryCatalog
}

/** Opens a controller with a stream called s, of one shard by default. */
export async function opened(
  stream: Partial<RequestOf<'createStream'>> = {},
  behaviour: Partial<CallHandlers<HostCalls>> = {},
): Promise<Opened> {
  const hosts = new FakeHosts()
  hosts.behaviour = () => behaviour
  const catalog = new MemoryCatalog()
  const controller = await TestController.open(catalog, { fakeHosts: hosts })
  await controller.ask('createStream', { name: 's', shardCount: 1, ...stream })
  return { test: controller, hosts, catalog }
}

const key = (digits: string): Uint8Array => hashKeyToBytes(hashKeyFromHex(from(digits)))
/** Makes a request to split a shard of s at hash keys that begin with these digits. */
export const split = (shardIndex: number, ...keys: string[]) => ({
  name: 's',
  shardIndex,
  newStartingHashKeys: keys.map(key),
})

/** Returns the open shards by index, with the first digit of their ranges. */
export async function openShards(controller: TestController): Promise<string[]> {
  const { shards } = await controller.ask('describeRouting', { name: 's' })
  return shards
    .filter(({ state }) => state === 'OPEN')
    .map(({ index, startingHashKey }) => `${index}:${Buffer.from(startingHashKey).toString('hex')[0]}`)
}

/** Holds a call of the hosts back until the test releases it. */
export function held(hosts: FakeHosts, name: keyof HostCalls): { release: () => void } {
  let release = (): void => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  hosts.around = (call, _host, work) => (call === name ? released.then(work) : work())
  return { release }
}
