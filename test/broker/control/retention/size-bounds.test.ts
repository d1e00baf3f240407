// SizeBounds keeps streams within their bounds by what hosts report, and trims nothing for a host that does not answer.
import { describe, expect, it } from 'vitest'
import type { BoundedTrims, HostCalls } from '../../../../broker/host-contract.ts'
import type { CallHandlers } from '../../../../broker/channels/calls.ts'
import { FakeHosts } from '../support/fake-hosts.ts'
import { MemoryCatalog } from '../support/memory-catalog.ts'
import { TestController } from '../support/test-controller.ts'

const KIB = 1024
const LOOK_MS = 2_000

/** A broker of two hosts, with one shard of the stream each (host 2 has shard 0), that hold what the test says. */
class Bounded {
  readonly hosts = new FakeHosts()
  readonly decided: (BoundedTrims & { readonly hostId: number })[] = []
  /** By host id: bytes in one span of the host's shard, and the arrival time of its last batch. */
  readonly held = new Map([
    [1, { bytes: 10 * KIB, lastArrival: 1 }],
    [2, { bytes: 60 * KIB, lastArrival: 2 }],
  ])
  around: (call: keyof HostCalls, hostId: number) => Promise<void> = () => Promise.resolve()
  readonly catalog = new MemoryCatalog()
  test!: TestController

  async open(retentionBytes = 64 * KIB): Promise<this> {
    this.hosts.behaviour = (hostId) => this.#behaviour(hostId)
    this.test = await TestController.open(this.catalog, { fakeHosts: this.hosts, hosts: 2 })
    await this.test.ask('createStream', { name: 's', shardCount: 2, retentionBytes })
    return this
  }

  async look(times = 1): Promise<void> {
    await this.test.time.advance(times * LOOK_MS)
  }

  #behaviour(hostId: number): Partial<CallHandlers<HostCalls>> {
    const streamId = () => 1
    return {
      boundedBytes: async () => {
        await this.around('boundedBytes', hostId)
        return { totals: Float64Array.of(streamId(), this.held.get(hostId)!.bytes) }
      },
      storedSpans: async () => {
        await this.around('storedSpans', hostId)
        const { bytes, lastArrival } = this.held.get(hostId)!
        const spans = Float64Array.of(hostId, 0, bytes, lastArrival, bytes)
        return { bytes, spans, completeTo: Infinity }
      },
      trimToBound: async (trims) => {
        await this.around('trimToBound', hostId)
        this.decided.push({ hostId, ...trims })
        return null
      },
    }
  }
}

describe('SizeBounds, for a stream over two hosts,', () => {
  it('trims nothing while the stream is within its bound, however unevenly it is spread', async () => {
    const bounded = await new Bounded().open(70 * KIB)
    await bounded.look(10)
    expect(bounded.decided).toEqual([])
  })

  it('trims the oldest records above the bound, on whichever host, and no more than the excess', async () => {
    const bounded = await new Bounded().open(50 * KIB)
    await bounded.look()
    expect(bounded.decided).toEqual([
      {
        hostId: 1,
        streamId: 1,
        retentionBytes: 50 * KIB,
        trims: [{ hostId: 1, shardIndex: 1, trimHorizon: 10 * KIB, isEstimate: false }],
      },
      {
        hostId: 2,
        streamId: 1,
        retentionBytes: 50 * KIB,
        trims: [{ hostId: 2, shardIndex: 2, trimHorizon: 10 * KIB, isEstimate: true }],
      },
    ])
  })

  it('trims only the excess of the hosts that answer, while others are down, hang or have just started', async () => {
    for (const trouble of ['down', 'hangs', 'hangs in between', 'knows nothing yet']) {
      const bounded = await new Bounded().open(61 * KIB)
      if (trouble === 'down') {
        bounded.hosts.host(1).crash()
        bounded.hosts.launch = () => {
          throw new Error('a test')
        }
      }
      const isStuck = (call: keyof HostCalls): boolean =>
        trouble === 'hangs' || (trouble === 'hangs in between' && call === 'storedSpans')
      bounded.around = (call, hostId) =>
        hostId === 1 && isStuck(call) ? new Promise(() => {}) : Promise.resolve()
      if (trouble === 'knows nothing yet') bounded.held.set(1, { bytes: 0, lastArrival: 0 })
      await bounded.look(5)
      expect(bounded.decided, `a host that ${trouble}`).toEqual([])
      bounded.held.set(2, { bytes: 71 * KIB, lastArrival: 2 })
      await bounded.look(5)
      const { hostId, trims } = bounded.decided.at(-1)!
      expect([hostId, trims], `a host that ${trouble}`).toEqual([
        2,
        [{ hostId: 2, shardIndex: 2, trimHorizon: 10 * KIB, isEstimate: true }],
      ])
    }
  })

  it('trims nothing where the bound is raised or lifted, or the stream deleted, while hosts answer', async () => {
    for (const change of [70 * KIB, 0, 'deleted'] as const) {
      const bounded = await new Bounded().open(64 * KIB)
      const { test } = bounded
      let isChanged = false
      bounded.around = async (call) => {
        if (call !== 'storedSpans' || isChanged) return
        isChanged = true
        if (change === 'deleted') await test.ask('deleteStream', { name: 's' })
        else await test.ask('updateStream', { name: 's', retentionBytes: change })
      }
      await bounded.look(5)
      expect([isChanged, bounded.decided], `changed to ${change}`).toEqual([true, []])
    }
  })

  it('continues the same after a restart of the controller: it keeps no state', async () => {
    const bounded = await new Bounded().open(64 * KIB)
    const again = await TestController.open(bounded.catalog, { fakeHosts: bounded.hosts, hosts: 2 })
    await again.time.advance(LOOK_MS)
    expect(bounded.decided.map(({ trims }) => trims[0]!.trimHorizon)).toEqual([6 * KIB])
  })
})
