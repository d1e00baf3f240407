// The least that the app's token needs, as the guide says it: with exactly these grants functions run, and with one less the app, or what it
// reports of the mapping, says which one is missing.
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, type Client } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'
import { FUNCTION_LOG_STREAM, functionKinds, type EventSourceReport } from 'millrace/protocol'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { serveApp } from '#dist/app.js'
import { createFunction, createMapping, deleteMapping } from '#dist/definitions/index.js'
import { guardedBroker, type GuardedBroker } from '../../../../test/support/access/guarded-broker.ts'

const guide = new URL('../../../../docs/functions/guide.md', import.meta.url)

let guarded: GuardedBroker<Broker, Client>
let broker: Broker
let root: Client
let folder: string
let grants: readonly string[]

beforeAll(async () => {
  guarded = await guardedBroker(guide, { createBroker, connect })
  ;({ broker, root, folder, grants } = guarded)
  for (const stream of ['clicks', 'enriched', FUNCTION_LOG_STREAM]) await root.createStream(stream)
  await root.put('clicks', { partitionKey: 'ada', data: 'seen' })
  const path = join(folder, 'echo.mjs')
  await writeFile(
    path,
    `export const handler = ({ Records }) => {
       console.log('printed')
       return Records.map(({ kinesis }) => Buffer.from(kinesis.data, 'base64').toString())
     }`,
  )
  await createFunction({ client: root, now: Date.now }, 'echo', {
    target: { type: 'module', path, handler: 'handler' },
    timeoutMs: 60_000,
  })
})
afterAll(() => guarded?.[Symbol.asyncDispose]())

/** The app under a principal with these grants alone, and a mapping for it that is deleted again. */
async function appWith(given: readonly string[]) {
  const principal = `functions-${randomUUID()}`
  const { token } = await root.access.createToken(principal, { grants: given })
  const door = { client: root, now: Date.now, uuid: randomUUID }
  const { uuid } = await createMapping(door, {
    function: 'echo',
    source: { stream: 'clicks', from: 'TRIM_HORIZON' },
    to: { stream: 'enriched' },
  })
  const told: string[] = []
  const app = await serveApp(
    {
      broker: { url: broker.url, dial: broker.dial, token },
      options: { host: '127.0.0.1', port: 0, threads: 1 },
      tls: undefined,
    },
    (entry) => told.push(JSON.stringify(entry)),
  ).catch(async (error: unknown) => {
    await forget(uuid)
    throw error
  })
  onTestFinished(async () => {
    await app.close()
    await forget(uuid)
  })
  const reports = root.documents<EventSourceReport>(functionKinds.reports)
  return { uuid, told, said: async () => `${told.join(' ')} ${(await reports.get(uuid))?.value.reason}` }
}

async function forget(uuid: string): Promise<void> {
  await root.documents(functionKinds.mappings).delete(uuid)
  await root.documents(functionKinds.reports).delete(uuid)
}

async function textsIn(stream: string): Promise<string[]> {
  const texts: string[] = []
  for await (const { data } of root.read(stream)) texts.push(Buffer.from(data).toString())
  return texts
}

it('with the grants of the guide functions run, print, and their mappings are deleted', async () => {
  const [before, printed] = [await textsIn('enriched'), await textsIn(FUNCTION_LOG_STREAM)]
  const { uuid, told } = await appWith(grants)
  await expect.poll(() => textsIn('enriched')).toHaveLength(before.length + 1)
  await expect.poll(async () => (await textsIn(FUNCTION_LOG_STREAM)).length).toBeGreaterThan(printed.length)
  await deleteMapping({ client: root, now: Date.now }, uuid)
  await expect.poll(() => root.documents(functionKinds.mappings).get(uuid)).toBeUndefined()
  expect(told.filter((entry) => !entry.includes('"debug"'))).toEqual([])
})

it.each([
  ['document:functions/*', 'There is no function echo'],
  ['document:event-source-reports/*', 'document:event-source-reports/'],
  ['document:event-source-progress/*', 'document:event-source-progress/'],
  ['group:function.*', 'group:function.'],
  ['clicks', 'There is no stream called clicks'],
  ['enriched', 'There is no stream'],
  [FUNCTION_LOG_STREAM, FUNCTION_LOG_STREAM],
])('without that on %s it is said what is missing', async (pattern, text) => {
  const fewer = grants.filter((grant) => !grant.startsWith(`${pattern}:`))
  expect(fewer).toHaveLength(grants.length - 1)
  const { said } = await appWith(fewer)
  await expect.poll(said).toContain(text)
})

it('without that on all mappings it says what is missing', async () => {
  const pattern = `document:${functionKinds.mappings}/`
  const fewer = grants.filter((grant) => !grant.startsWith(pattern))
  expect(fewer).toHaveLength(grants.length - 1)
  const { told } = await appWith([...fewer, `${pattern}some-*:read`])
  const warned = told.filter((entry) => entry.includes('"warn"'))
  expect(warned).toEqual([expect.stringContaining(`lacks the grant '${pattern}*:read'`)])
})

it('without endpoints of its own it does not start, and says what is missing', async () => {
  const fewer = grants.filter((grant) => !grant.startsWith(`document:${functionKinds.endpoints}/`))
  await expect(appWith(fewer)).rejects.toThrow(/document:function-endpoints\/.*:write/)
})
