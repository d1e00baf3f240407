// Fake hosts: they are launched, called and killed like real ones, and answer as the test says.
import type { HostCalls, HostLauncher, PlacedShard } from '../../../../broker/host-contract.ts'
import { serveCalls, type CallHandlers } from '../../../../broker/channels/calls.ts'
import { channelPair } from '../../../../broker/channels/channel-pair.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { loadTable } from './load-table.ts'

/** One life of one host. */
export interface FakeHost {
  readonly hostId: number
  /** Its calls, in order: `start 3 shards`, `openShards 2`, `dropStream 1`. */
  readonly calls: string[]
  /** Slots that the host serves. */
  readonly slots: Set<number>
  /** Ends the host as a crash does. */
  crash(how?: string): void
  isRunning: boolean
}

/** A shard as its owner stores it: it outlives the hosts. */
export interface StoredShard {
  tail: number
  closed: boolean
}

/** The state of a shard without records. */
export const emptyExtent = { trimHorizon: 0, tail: 0, lastArrivalTime: 0, bytes: 0 }

type Behaviour = Partial<CallHandlers<HostCalls>>

export class FakeHosts implements HostLauncher {
  /** Ports of hosts that start from now on. */
  portBase = 7400
  /** Every life of every host, in the order of their launches. */
  readonly lives: FakeHost[] = []
  /** By slot: the stored state of every shard that was ever opened. */
  readonly disk = new Map<number, StoredShard>()
  /** By `streamId/shardIndex`: the slot of every shard that was ever opened. */
  readonly slots = new Map<string, number>()
  /** Handlers that replace the default ones; called for each launch. */
  behaviour: (hostId: number) => Behaviour = () => ({})
  /** Wraps each call: a test may end a host before or after `work`. */
  around: (call: keyof HostCalls, host: FakeHost, work: () => unknown, request: unknown) => unknown = (
    _call,
    _host,
    work,
  ) => work()

  /** Returns the newest life of a host. */
  host(hostId: number): FakeHost {
    const life = this.lives.findLast((host) => host.hostId === hostId)
    if (life === undefined) throw new Error(`host ${hostId} was never launched`)
    return life
  }

  launch(hostId: number): ReturnType<HostLauncher['launch']> {
    const [controllerEnd, hostEnd] = channelPair()
    let finish: (how: string) => void
    const ended = new Promise<string>((resolve) => {
      finish = resolve
    })
    /** Slots by `streamId/shardIndex`. */
    const served = new Map<string, number>()
    const host: FakeHost = {
      hostId,
      calls: [],
      slots: new Set(),
      isRunning: true,
      crash: (how = 'process 7 ended by SIGKILL') => {
        if (!host.isRunning) return
        host.isRunning = false
        hostEnd.close()
        finish(how)
      },
    }
    const open = (shards: readonly PlacedShard[]): void => {
      for (const { streamId, shardIndex, slot, startingSequenceNumber: tail } of shards) {
        host.slots.add(slot)
        served.set(`${streamId}/${shardIndex}`, slot)
        this.slots.set(`${streamId}/${shardIndex}`, slot)
        if (!this.disk.has(slot)) this.disk.set(slot, { tail, closed: false })
      }
    }
    const seal: CallHandlers<HostCalls>['sealShards'] = ({ streamId, shards }) => {
      const stored = shards.map(({ shardIndex }) => {
        const shard = this.disk.get(served.get(`${streamId}/${shardIndex}`) ?? -1)
        if (shard === undefined) throw new MillraceError('unavailable', `${shardIndex} is not served`)
        return { shardIndex, shard }
      })
      for (const { shard } of stored) shard.closed = true
      return {
        extents: stored.map(({ shardIndex, shard }) => ({ streamId, shardIndex, ...emptyExtent, ...shard })),
      }
    }
    const tailsOf = (columns: Float64Array): Float64Array => {
      const tails = new Float64Array(columns.length / 2)
      for (let place = 0; place < tails.length; place++) {
        const slot = served.get(`${columns[2 * place]}/${columns[2 * place + 1]}`)
        tails[place] = this.disk.get(slot ?? -1)?.tail ?? -1
      }
      return tails
    }
    const handlers: CallHandlers<HostCalls> = {
      start: ({ shards }) => {
        open(shards)
        return { port: this.portBase + hostId, absentOwners: [] }
      },
      startAbsentOwners: () => ({ absentOwners: [] }),
      servePolicy: () => null,
      takeTokenUses: () => ({ uses: [] }),
      openShards: ({ shards }) => {
        open(shards)
        return null
      },
      dropStream: ({ streamId }) => {
        for (const [shard, slot] of served) {
          if (!shard.startsWith(`${streamId}/`)) continue
          served.delete(shard)
          host.slots.delete(slot)
        }
        return null
      },
      serveConsumers: () => null,
      serveCertificates: () => null,
      consumerShards: () => ({ shards: [] }),
      updateStream: () => null,
      holdRetention: () => null,
      ping: () => ({ trouble: null, isStuck: false }),
      sealShards: seal,
      unservedShards: ({ streamId, shardIndexes }) => ({
        shardIndexes: shardIndexes.filter((shardIndex) => !served.has(`${streamId}/${shardIndex}`)),
      }),
      dropShards: ({ shards }) => {
        for (const { slot } of shards) host.slots.delete(slot)
        return null
      },
      shardLoads: () => loadTable([]),
      followClock: () => null,
      stampedAhead: () => ({ shards: [] }),
      boundedBytes: () => ({ totals: new Float64Array() }),
      storedSpans: () => ({ bytes: 0, spans: new Float64Array(), completeTo: Infinity }),
      trimToBound: () => null,
      balanceOf: () => ({ startingHashKey: null }),
      describeShards: () => ({ extents: [] }),
      shardTails: ({ shards }) => ({ tails: tailsOf(shards) }),
      backlogs: () => ({ backlogs: [] }),
      metrics: () => ({ metrics: [] }),
      drain: () => {
        setImmediate(() => host.crash('it was drained'))
        return null
      },
      ...this.behaviour(hostId),
    }
    const calls = Object.entries(recording(host, handlers)).map(([call, handle]) => [
      call,
      (request: never) => this.around(call as keyof HostCalls, host, () => handle(request), request),
    ])
    serveCalls<HostCalls>(hostEnd, Object.fromEntries(calls) as CallHandlers<HostCalls>)
    this.lives.push(host)
    return {
      pid: 1000 + this.lives.length,
      channel: controllerEnd,
      ended,
      kill: () => host.crash('it was ended'),
    }
  }
}

function recording(host: FakeHost, handlers: CallHandlers<HostCalls>): CallHandlers<HostCalls> {
  return {
    ...handlers,
    start: (request) => {
      host.calls.push(`start ${request.shards.length} shards`)
      return handlers.start(request)
    },
    openShards: (request) => {
      host.calls.push(`openShards ${request.shards.length}`)
      return handlers.openShards(request)
    },
    dropStream: (request) => {
      host.calls.push(`dropStream ${request.streamId}`)
      return handlers.dropStream(request)
    },
    sealShards: (request) => {
      host.calls.push(`sealShards ${request.shards.map(({ shardIndex }) => shardIndex).join()}`)
      return handlers.sealShards(request)
    },
    dropShards: (request) => {
      host.calls.push(`dropShards ${request.shards.map(({ shardIndex }) => shardIndex).join()}`)
      return handlers.dropShards(request)
    },
    serveConsumers: (request) => {
      const names = request.consumers.map(({ name }) => name).join()
      host.calls.push(`serveConsumers ${request.streamId} ${names}`)
      return handlers.serveConsumers(request)
    },
    updateStream: (request) => {
      host.calls.push(`updateStream ${request.streamId} ${request.settings.retentionMs}`)
      return handlers.updateStream(request)
    },
    holdRetention: (request) => {
      host.calls.push(`holdRetention ${request.streamId} ${request.retentionMs}`)
      return handlers.holdRetention(request)
    },
    drain: (request) => {
      host.calls.push(`drain ${request.deadlineMs}`)
      return handlers.drain(request)
    },
  }
}
