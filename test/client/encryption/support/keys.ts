// A key provider whose keys, outages and slowness a test decides; and what a fake broker holds.
import { createSecretKey, type KeyObject } from 'node:crypto'
import {
  connect,
  type Client,
  type ConnectOptions,
  type Key,
  type KeyProvider,
} from '../../../../client/index.ts'
import { isEncryptedAt, keyIdOf, openBatch, type BatchOpener } from '../../../../protocol/index.ts'
import { driven } from '../../support/drive.ts'
import type { FakeBroker } from '../../support/fake-broker.ts'

export class TestKeys implements KeyProvider {
  /** Every key that there ever was. */
  readonly secrets = new Map<string, KeyObject>()
  currentId = 'key-1'
  readonly erased = new Set<string>()
  /** Thrown by both methods. */
  outage: Error | undefined
  /** Both methods answer with a promise, after this time. */
  delayMs: number | undefined
  readonly asked: string[] = []

  current(stream: string): Promise<Key> {
    this.asked.push(`current ${stream}`)
    return this.#answer(this.keyOf(this.currentId))
  }

  key(id: string, stream: string): Promise<Key | undefined> {
    this.asked.push(`key ${id} ${stream}`)
    return this.#answer(this.erased.has(id) ? undefined : this.keyOf(id))
  }

  keyOf(id: string): Key {
    let secret = this.secrets.get(id)
    if (secret === undefined) {
      secret = createSecretKey(Buffer.alloc(32, id))
      this.secrets.set(id, secret)
    }
    return { id, bytes: secret }
  }

  /** Opens what was encrypted with these keys. */
  openerFor(stream: string): BatchOpener {
    return (batch) => openBatch(batch, this.keyOf(keyIdOf(batch)).bytes as KeyObject, stream)
  }

  async #answer<T>(answer: T): Promise<T> {
    if (this.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, this.delayMs))
    if (this.outage !== undefined) throw this.outage
    return answer
  }
}

export async function clientOf(
  broker: FakeBroker,
  options: ConnectOptions,
): Promise<{ client: Client; end: () => Promise<void> }> {
  const client = await driven(
    connect('millrace://fake', {
      dial: broker.dial,
      requestTimeoutMs: 1000,
      retry: { backoffMinMs: 1, backoffMaxMs: 20 },
      ...options,
    }),
  )
  return { client, end: () => driven(client.close()) }
}

/** Ids of the keys of all stored batches in their order; 'open' for one that is not encrypted. */
export function keyIdsIn(broker: FakeBroker): string[] {
  return broker.shards.flatMap(({ batches }) =>
    batches.map((batch) => (isEncryptedAt(batch, 0) ? keyIdOf(batch) : 'open')),
  )
}

/** Whether a text stands anywhere in what the broker stores. */
export function holds(broker: FakeBroker, text: string): boolean {
  return broker.shards.some(({ batches }) => batches.some((batch) => Buffer.from(batch).includes(text)))
}
