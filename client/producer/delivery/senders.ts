// The senders of a producer, one a host, and which of them has which lane. Runs in the client. While something of a lane is
// in flight, the lane stays with the sender that has it.
import { endpointKey, type Endpoint } from '../../connecting/address.ts'
import type { Lane } from '../lanes/lane.ts'
import type { HostSender } from './host-sender.ts'

export class Senders {
  readonly #make: (endpoint: Endpoint, streamId: number) => HostSender
  readonly #byHost = new Map<string, HostSender>()
  /** The sender that a lane was last given to. */
  readonly #ofLane = new Map<Lane, HostSender>()

  constructor(make: (endpoint: Endpoint, streamId: number) => HostSender) {
    this.#make = make
  }

  isConnected(lane: Lane): boolean {
    return this.#ofLane.get(lane)?.isConnected === true
  }

  /**
   * Gives the lane to a sender and returns it: that of the shard's host, `endpoint`, or the last one while a batch is in flight.
   * Returns undefined, and gives the lane to no sender, if there is no host.
   */
  assign(lane: Lane, endpoint: Endpoint | undefined): HostSender | undefined {
    const last = this.#ofLane.get(lane)
    if (last !== undefined && lane.inFlight > 0) return last
    const next = endpoint === undefined ? undefined : this.#at(endpoint, lane.streamId)
    if (next !== last) last?.forget(lane)
    if (next === undefined) return undefined
    this.#ofLane.set(lane, next)
    lane.address = next.address
    return next
  }

  forget(lane: Lane): void {
    this.#ofLane.get(lane)?.forget(lane)
    this.#ofLane.delete(lane)
  }

  wakeAll(): void {
    for (const sender of this.#byHost.values()) sender.wake()
  }

  closeAll(): void {
    for (const sender of this.#byHost.values()) sender.close()
  }

  /** Ends the senders of hosts that no lane was given to last. */
  closeUnused(): void {
    const used = new Set(this.#ofLane.values())
    for (const [key, sender] of this.#byHost) {
      if (used.has(sender)) continue
      sender.close()
      this.#byHost.delete(key)
    }
  }

  #at(endpoint: Endpoint, streamId: number): HostSender {
    const key = `${streamId}/${endpointKey(endpoint)}`
    let sender = this.#byHost.get(key)
    if (sender === undefined) {
      sender = this.#make(endpoint, streamId)
      this.#byHost.set(key, sender)
    }
    return sender
  }
}
