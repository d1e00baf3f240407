// The least that the app's token needs, as the page says it: with exactly these grants a query is carried out and ended.
import { randomUUID } from 'node:crypto'
import { connect, json, type Client } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { serveApp } from '../../src/app.ts'
import {
  createQuery,
  deleteQuery,
  describeQuery,
  explainSql,
  streamSchema,
} from '../../src/definitions/index.ts'
import { guardedBroker, type GuardedBroker } from '../../../../test/support/access/guarded-broker.ts'

const page = new URL('../../../../docs/analytics/queries.md', import.meta.url)

let guarded: GuardedBroker<Broker, Client>
let broker: Broker
let root: Client
let folder: string
let grants: readonly string[]
const door = {
  get client() {
    return root
  },
  now: Date.now,
  uuid: randomUUID,
}

beforeAll(async () => {
  guarded = await guardedBroker(page, { createBroker, connect })
  ;({ broker, root, folder, grants } = guarded)
  await root.createStream('clicks')
  await root.put('clicks', { partitionKey: 'ada', data: { page: '/' } }, { codec: json() })
})
afterAll(() => guarded?.[Symbol.asyncDispose]())

/** The app under a principal with these grants alone. Returns what it warns of. */
async function appWith(given: readonly string[]): Promise<readonly string[]> {
  const { token } = await root.access.createToken(`analytics-${randomUUID()}`, { grants: given })
  const told: string[] = []
  const app = await serveApp(
    {
      broker: { url: broker.url, dial: broker.dial, token },
      options: { memory: 2 ** 28, threads: 1, spoolDir: folder },
      tls: undefined,
    },
    ({ level, message }) => {
      if (level !== 'info' && level !== 'debug') told.push(message)
    },
  )
  onTestFinished(() => app.close())
  return told
}

it('the grants of the page are enough', async () => {
  const told = await appWith(grants)
  await createQuery(door, 'views', { sql: 'INSERT INTO views_per_minute SELECT page FROM clicks' })
  for await (const { bytes } of root.read('views_per_minute', { from: 'TRIM_HORIZON', follow: true })) {
    expect(JSON.parse(Buffer.from(bytes).toString())).toEqual({ page: '/' })
    break
  }
  await expect.poll(async () => (await describeQuery(door, 'views')).report?.rowsWritten).toBe(1)
  await deleteQuery(door, 'views')
  await expect(describeQuery(door, 'views')).rejects.toMatchObject({ code: 'notFound' })
  expect(told).toEqual([])
})

it('an app that may not see queries says so', async () => {
  const told = await appWith(grants.filter((grant) => !grant.startsWith('document:queries/')))
  expect(told.join()).toContain('queries')
})

it('queries are made without what their results are where that may not be written, and read where it may not be seen', async () => {
  const { token } = await root.access.createToken(`door-${randomUUID()}`, { grants })
  await using client = await connect(broker.url, { dial: broker.dial, token })
  const sql = 'INSERT INTO views_per_minute SELECT page FROM clicks'
  await createQuery({ ...door, client }, 'unsaid', { sql })
  expect(await streamSchema(root, 'views_per_minute')).toBeUndefined()
  await createQuery(door, 'said', { sql })
  expect((await streamSchema(root, 'views_per_minute'))?.writers).toHaveProperty('query/said')
  const { inputs } = await explainSql(client, 'INSERT INTO x SELECT page FROM clicks')
  expect(inputs[0]!.columns).toEqual([{ name: 'page', type: 'VARCHAR' }])
})
