// Two copies of the app that tell of one mapping: neither overwrites what the other says, and one that goes away takes its part with it.
import { connect, type Client } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'
import { functionKinds, type EventSourceReport } from 'millrace/protocol'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { MappingMeter } from '../../src/reports/mapping-meter.ts'
import { MappingReports, type ToldMapping } from '../../src/reports/mapping-reports.ts'

let broker: Broker
let client: Client
let now: number
let uuid: string
let mappings = 0

beforeAll(async () => {
  broker = await createBroker({ listen: false })
  client = await connect(broker.url, { dial: broker.dial })
})
afterAll(async () => {
  await client?.close()
  await broker?.close()
})
beforeEach(() => {
  now = 1_750_000_000_000
  uuid = `mapping-${++mappings}`
})

const copyCalled = (copy: string, isThere = (_uuid: string): boolean => true) =>
  new MappingReports({ client, copy, now: () => now, isThere })

const told = (more: Partial<ToldMapping> = {}): ToldMapping => ({
  version: 1,
  state: 'enabled',
  lastResult: 'No records processed',
  counters: new MappingMeter().counters,
  ...more,
})

const documents = () => client.documents<EventSourceReport>(functionKinds.reports)
const report = async () => (await documents().get(uuid))?.value
const versionOfDocument = async () => (await documents().get(uuid))?.version

it('what stands still at one copy stays there while the other says that all is well', async () => {
  const [a, b] = [copyCalled('a'), copyCalled('b')]
  const reason = 'shardId-000000000000: retrying'
  await a.tell(uuid, told({ reason, lastResult: 'PROBLEM: Function call failed', calledAt: now - 1 }))
  await b.tell(uuid, told({ lastResult: 'OK', calledAt: now }))
  expect(await report()).toMatchObject({ reason, lastResult: 'OK', state: 'enabled' })
  expect(Object.keys((await report())!.copies!).toSorted()).toEqual(['a', 'b'])
  await a.tell(uuid, told({ lastResult: 'OK', calledAt: now }))
  expect(await report()).not.toHaveProperty('reason')
})

it('a change is through when both copies have it', async () => {
  const [a, b] = [copyCalled('a'), copyCalled('b')]
  for (const copy of [a, b]) await copy.tell(uuid, told())
  await a.tell(uuid, told({ version: 2, state: 'disabled' }))
  expect(await report()).toMatchObject({ version: 1, state: 'enabled' })
  await b.tell(uuid, told({ version: 2, state: 'disabled' }))
  expect(await report()).toMatchObject({ version: 2, state: 'disabled' })
})

it('puts nothing that is no news, and itself again before it would be left out', async () => {
  const [a, b] = [copyCalled('a'), copyCalled('b')]
  await a.tell(uuid, told())
  const first = await versionOfDocument()
  now += 1000
  await a.tell(uuid, told({ calledAt: now }))
  expect(await versionOfDocument()).toBe(first)
  for (let seconds = 0; seconds < 300; seconds += 2) {
    now += 2000
    await a.tell(uuid, told())
  }
  await b.tell(uuid, told({ version: 2 }))
  expect(await report()).toMatchObject({ version: 1, copies: { a: { version: 1 }, b: { version: 2 } } })
  now += 120_000
  await b.tell(uuid, told({ version: 2 }))
  expect(await report()).toMatchObject({ version: 2, copies: { b: { version: 2 } } })
})

it('a copy that goes away is waited for no longer, and what the last one said stands', async () => {
  const [a, b] = [copyCalled('a'), copyCalled('b')]
  await a.tell(uuid, told({ reason: 'stands' }))
  await b.tell(uuid, told({ version: 2 }))
  await a.withdraw(uuid)
  expect(await report()).toMatchObject({ version: 2, copies: { b: {} } })
  expect((await report())!.reason).toBeUndefined()
  await b.withdraw(uuid)
  expect(await report()).toMatchObject({ version: 2, state: 'enabled', copies: {} })
})

it('tells again what could not be put, and nothing else', async () => {
  let isRefused = true
  const kept = documents()
  const refusing = {
    documents: () => ({
      update: (...given: Parameters<typeof kept.update>) =>
        isRefused ? Promise.reject(new Error('refused')) : kept.update(...given),
    }),
  } as unknown as Client
  const a = new MappingReports({ client: refusing, copy: 'a', now: () => now, isThere: () => true })
  await expect(a.tell(uuid, told({ state: 'disabled' }))).rejects.toThrow('refused')
  isRefused = false
  await a.tellAgain(uuid)
  expect(await report()).toMatchObject({ state: 'disabled' })
  const version = await versionOfDocument()
  now += 3_600_000
  await a.tellAgain(uuid)
  expect(await versionOfDocument()).toBe(version)
})

it('leaves no report of a mapping that is gone', async () => {
  let isThere = true
  const a = copyCalled('a', () => isThere)
  await a.tell(uuid, told())
  isThere = false
  await documents().delete(uuid)
  await a.tell(uuid, told({ lastResult: 'OK' }))
  await a.withdraw(uuid)
  expect(await report()).toBeUndefined()
})

it('of what is told while an earlier put is under way, the last counts', async () => {
  const a = copyCalled('a')
  await Promise.all(['one', 'two', 'three'].map((reason) => a.tell(uuid, told({ reason }))))
  expect((await report())!.reason).toBe('three')
})
