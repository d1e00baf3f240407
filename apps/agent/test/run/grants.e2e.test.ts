// The least that the agent's token needs, as the guide says it: with exactly these grants its flows send, and with one less the flow says what
// is missing.
import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, type Client } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'
import { deliveryKinds } from 'millrace/protocol'
import { serveApp } from '@millrace/agent/app'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import type { AgentSnapshot } from '../../src/status/snapshot.ts'
import { linesOf, numbered } from '../support/stream-lines.ts'
import { guardedBroker, type GuardedBroker } from '../../../../test/support/access/guarded-broker.ts'

const guide = new URL('../../../../docs/agent/guide.md', import.meta.url)

let guarded: GuardedBroker<Broker, Client>
let broker: Broker
let root: Client
let folder: string
let grants: readonly string[]

beforeAll(async () => {
  guarded = await guardedBroker(guide, { createBroker, connect })
  ;({ broker, root, folder, grants } = guarded)
  for (const stream of ['clicks', 'lake.delivery']) await root.createStream(stream)
  const lake = { state: 'active', source: { stream: 'lake.delivery' } }
  await root.documents(deliveryKinds.definitions).put('lake', lake)
})
afterAll(() => guarded?.[Symbol.asyncDispose]())

/** The agent under a principal with these grants alone, and two flows of ten lines of its own. */
async function agentWith(given: readonly string[], more: object = {}) {
  const { token } = await root.access.createToken(`agent-${randomUUID()}`, { grants: given })
  const own = join(folder, randomUUID())
  await mkdir(own)
  await writeFile(join(own, 'a.log'), numbered(0, 10).join(''))
  const flow = { filePattern: join(own, '*.log'), initialPosition: 'START_OF_FILE', maxBufferAgeMillis: 0 }
  const flows = [
    { ...flow, kinesisStream: 'clicks' },
    { ...flow, deliveryStream: 'lake' },
  ]
  const config = join(own, 'agent.json')
  await writeFile(config, JSON.stringify({ shutdownTimeoutMillis: 100, ...more, flows }))
  const told: string[] = []
  const agent = await serveApp(
    {
      broker: { url: broker.url, dial: broker.dial, token },
      options: { config, stateDir: join(own, 'state'), host: '127.0.0.1', port: 0 },
      tls: undefined,
    },
    (entry) => told.push(JSON.stringify(entry)),
  )
  onTestFinished(() => agent.close())
  const snapshot = async () => (await (await fetch(`${agent.url}/status.json`)).json()) as AgentSnapshot
  return { told, flow: async (index: number) => (await snapshot()).flows[index]! }
}

const without = (pattern: string): readonly string[] => {
  const fewer = grants.filter((grant) => !grant.startsWith(`${pattern}:`))
  expect(fewer).toHaveLength(grants.length - 1)
  return fewer
}

it('with the grants of the guide its flows send, and nothing is amiss', async () => {
  const streams = ['clicks', 'lake.delivery']
  const before = await Promise.all(streams.map(async (stream) => (await linesOf(root, stream)).length))
  const { told, flow } = await agentWith(grants)
  for (const [index, stream] of streams.entries()) {
    await expect.poll(async () => (await linesOf(root, stream)).length).toBe(before[index]! + 10)
    await expect.poll(async () => (await flow(index)).state).toBe('running')
  }
  expect(told.filter((entry) => !entry.includes('"debug"') && !entry.includes('"info"'))).toEqual([])
})

it.each([
  ['clicks', 0, "needs the grant 'clicks:manage'"],
  ['document:deliveries/lake', 1, 'The delivery lake does not exist'],
  ['lake.delivery', 1, 'The stream lake.delivery, which the delivery lake reads, does not exist'],
] as const)('without that on %s the flow says what is missing', async (pattern, index, text) => {
  const { flow } = await agentWith(without(pattern))
  await expect.poll(async () => (await flow(index)).reason).toContain(text)
  await expect.poll(async () => (await flow(1 - index)).state).toBe('running')
})

it('without that on clicks, and where it makes no streams, there is none', async () => {
  const { flow } = await agentWith(without('clicks'), { 'millrace.createStreams': false })
  await expect.poll(async () => (await flow(0)).reason).toContain('The stream clicks does not exist')
})

it('a stream that may be seen and not written is one for which the grant is named', async () => {
  const { flow } = await agentWith([...without('clicks'), 'clicks:describe'])
  await expect.poll(async () => (await flow(0)).reason).toContain("grant 'clicks:write'")
})
