// Streams with a lineage and tails, as a group sees them, which a test changes step by step. Pure.
import { OrderedMap } from '../../../../../../broker/catalog/ordered-map.ts'
import type { Pins } from '../../../../../../broker/control/groups/machine/messages.ts'
import {
  endOf,
  type FactsOf,
  type Lineage,
  type ShardFacts,
} from '../../../../../../broker/control/groups/machine/state.ts'

interface ModelStream {
  readonly streamId: number
  shards: Lineage
  nextIndex: number
  readonly tails: Map<number, number>
}

export class ModelCatalog {
  readonly streams = new Map<string, ModelStream>()
  /** Rises with every change that a group can see. */
  revision = 0
  #nextStreamId = 1

  create(name: string, shardCount: number): void {
    this.revision++
    let shards: Lineage = OrderedMap.empty()
    const tails = new Map<number, number>()
    for (let index = 0; index < shardCount; index++) {
      shards = shards.set(index, openShard(index, [], 0))
      tails.set(index, 0)
    }
    this.streams.set(name, { streamId: this.#nextStreamId++, shards, nextIndex: shardCount, tails })
  }

  delete(name: string): void {
    this.revision++
    this.streams.delete(name)
  }

  readonly factsOf: FactsOf = (name) => this.streams.get(name)

  stream(name: string): ModelStream {
    const stream = this.streams.get(name)
    if (stream === undefined) throw new Error(`no stream ${name}`)
    return stream
  }

  open(name: string): readonly ShardFacts[] {
    return [...this.stream(name).shards.values()].filter(({ state }) => state === 'OPEN')
  }

  append(name: string, index: number, records: number): void {
    const { tails } = this.stream(name)
    tails.set(index, tails.get(index)! + records)
  }

  /** Closes shards, and opens `children` in their place. */
  reshard(name: string, parents: readonly number[], children: number): void {
    this.revision++
    const stream = this.stream(name)
    const tails = parents.map((index) => stream.tails.get(index)!)
    for (const parent of parents) {
      const shard = stream.shards.get(parent)!
      const tail = stream.tails.get(parent)!
      const endingSequenceNumber = tail === shard.startingSequenceNumber ? null : tail - 1
      stream.shards = stream.shards.set(parent, { ...shard, state: 'CLOSED', endingSequenceNumber })
    }
    for (let child = 0; child < children; child++) {
      const index = stream.nextIndex++
      const from = Math.max(...tails)
      stream.shards = stream.shards.set(index, openShard(index, parents, from))
      stream.tails.set(index, from)
    }
  }

  /** Removes the oldest closed shard, if no parent of it is left. */
  expire(name: string): void {
    const stream = this.stream(name)
    for (const { index, parents, state } of stream.shards.values()) {
      if (state === 'OPEN' || parents.some((parent) => stream.shards.has(parent))) continue
      this.revision++
      stream.shards = stream.shards.delete(index)
      return
    }
  }

  pins(name: string): Pins {
    const { streamId, shards, tails } = this.stream(name)
    return {
      streamId,
      shardsBelow: (shards.lastKey() ?? -1) + 1,
      shards: this.open(name).map(({ index }) => ({ shardIndex: index, next: tails.get(index)! })),
    }
  }

  /** The number after the last record of a shard; undefined where it is gone. */
  tailOf(streamId: number, shardIndex: number): number | undefined {
    for (const stream of this.streams.values()) {
      if (stream.streamId !== streamId) continue
      const shard = stream.shards.get(shardIndex)
      return shard && (endOf(shard) ?? stream.tails.get(shardIndex))
    }
    return undefined
  }
}

function openShard(index: number, parents: readonly number[], startingSequenceNumber: number): ShardFacts {
  return { index, parents, state: 'OPEN', startingSequenceNumber, endingSequenceNumber: null }
}
