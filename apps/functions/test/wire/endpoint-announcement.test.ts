// The document that says where functions are called: said again while the copy lives, taken back at its end, and those of the dead removed.
import { FUNCTION_ENDPOINT_LIFE_MS, type FunctionEndpoint } from 'millrace/protocol'
import { expect, test } from 'vitest'
import { EndpointAnnouncement } from '../../src/wire/endpoint-announcement.ts'

class Documents {
  readonly kept = new Map<string, { version: number; value: FunctionEndpoint }>()
  #version = 0
  isBroken = false

  async put(name: string, value: FunctionEndpoint) {
    if (this.isBroken) throw new Error('the broker is away')
    this.kept.set(name, { version: ++this.#version, value })
    return { version: this.#version }
  }

  async delete(name: string, { expectedVersion }: { expectedVersion?: number } = {}) {
    if (expectedVersion !== undefined && this.kept.get(name)?.version !== expectedVersion) return false
    return this.kept.delete(name)
  }

  async *list() {
    for (const [name, { version, value }] of this.kept) yield { name, version, value, updatedAt: new Date(0) }
  }
}

async function announced() {
  const documents = new Documents()
  const told: string[] = []
  let now = 1000
  let renew: (() => void) | undefined
  const announcement = await EndpointAnnouncement.open({
    // The listing of a client can do more, of which nothing is used here.
    documents: documents as never,
    name: 'me',
    url: 'http://127.0.0.1:1',
    secret: 's',
    now: () => now,
    every: (ms, run) => {
      expect(ms).toBeLessThan(FUNCTION_ENDPOINT_LIFE_MS / 2)
      renew = run
      return () => (renew = undefined)
    },
    tell: (message) => void told.push(message),
  })
  const pass = async (ms: number): Promise<void> => {
    now += ms
    renew?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { documents, announcement, told, pass, isRenewed: () => renew !== undefined }
}

test('is there when it is open, is renewed, and is gone when it is closed', async () => {
  const { documents, announcement, pass, isRenewed } = await announced()
  expect(documents.kept.get('me')?.value).toEqual({
    url: 'http://127.0.0.1:1',
    secret: 's',
    startedAt: 1000,
    renewedAt: 1000,
  })
  await pass(10_000)
  expect(documents.kept.get('me')?.value).toMatchObject({ startedAt: 1000, renewedAt: 11_000 })
  await announcement.close()
  expect(documents.kept.size).toBe(0)
  expect(isRenewed()).toBe(false)
})

test('removes those that are dead for long, and no other', async () => {
  const { documents, pass } = await announced()
  await documents.put('dead', { url: 'http://127.0.0.1:2', secret: 's', startedAt: 0, renewedAt: 0 })
  await documents.put('silent', { url: 'http://127.0.0.1:3', secret: 's', startedAt: 0, renewedAt: 590_000 })
  await pass(600_000)
  expect([...documents.kept.keys()].toSorted()).toEqual(['me', 'silent'])
})

test('tells that it cannot be said again, and says it when the broker is back', async () => {
  const { documents, told, pass } = await announced()
  documents.isBroken = true
  await pass(10_000)
  expect(told).toEqual([expect.stringContaining('cannot be said again')])
  documents.isBroken = false
  await pass(10_000)
  expect(documents.kept.get('me')?.value.renewedAt).toBe(21_000)
})
