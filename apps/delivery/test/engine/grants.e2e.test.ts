// The least that the app's token needs, as the guide says it: with exactly these grants deliveries are carried out and ended, and with one
// less the app says which one is missing.
import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, type Client } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'
import { deliveryKinds } from 'millrace/protocol'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { serveApp } from '@millrace/delivery/app'
import { createDelivery, describeDelivery, markDeleting } from '../../src/definitions/index.ts'
import { guardedBroker, type GuardedBroker } from '../../../../test/support/access/guarded-broker.ts'

const guide = new URL('../../../../docs/delivery/guide.md', import.meta.url)

let guarded: GuardedBroker<Broker, Client>
let broker: Broker
let root: Client
let folder: string
let grants: readonly string[]

beforeAll(async () => {
  guarded = await guardedBroker(guide, { createBroker, connect })
  ;({ broker, root, folder, grants } = guarded)
  await root.createStream('clicks')
  await root.put('clicks', { partitionKey: 'ada', data: 'seen' })
})
afterAll(() => guarded?.[Symbol.asyncDispose]())

/** The app under a principal with these grants alone, and a delivery of its own. */
async function appWith(given: readonly string[]) {
  const { token } = await root.access.createToken(`delivery-${randomUUID()}`, { grants: given })
  const name = `lake-${randomUUID()}`
  const path = join(folder, name)
  await createDelivery(root, name, {
    source: { stream: 'clicks' },
    destination: { type: 'directory', path },
    buffer: { bytes: 1024, intervalMs: 0 },
  })
  const told: string[] = []
  const app = await serveApp(
    {
      broker: { url: broker.url, dial: broker.dial, token },
      options: { spoolBytes: 64 * 2 ** 20, spoolDir: join(folder, 'spool') },
      tls: undefined,
    },
    (entry) => told.push(JSON.stringify(entry)),
  )
  onTestFinished(async () => {
    await app.close()
    await root.documents(deliveryKinds.definitions).delete(name)
  })
  const files = async () => {
    const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => [])
    return entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
  }
  const said = async () => `${told.join(' ')} ${JSON.stringify(await describeDelivery(root, name))}`
  return { name, told, files, said }
}

it('with the grants of the guide deliveries are carried out and ended', async () => {
  const { name, told, files } = await appWith(grants)
  await expect.poll(files).toHaveLength(1)
  await expect
    .poll(async () => (await describeDelivery(root, name)).progress[0])
    .toMatchObject({ delivered: { records: 1 } })
  await markDeleting(root, name)
  await expect.poll(() => root.documents(deliveryKinds.definitions).get(name)).toBeUndefined()
  expect(told.filter((entry) => !entry.includes('"debug"') && !entry.includes('"info"'))).toEqual([])
})

it('without that on all deliveries it says what is missing', async () => {
  const pattern = `document:${deliveryKinds.definitions}/`
  const { told } = await appWith(grants.filter((grant) => !grant.startsWith(pattern)))
  const warned = told.filter((entry) => entry.includes('"warn"'))
  expect(warned).toEqual([expect.stringContaining(`lacks the grant '${pattern}*:read'`)])
})

it.each([
  ['document:delivery-verdicts/*', 'document:delivery-verdicts/'],
  ['group:delivery.*', 'group:delivery.'],
  ['clicks', 'clicks'],
])('without that on %s it is said what is missing', async (pattern, text) => {
  const fewer = grants.filter((grant) => !grant.startsWith(`${pattern}:`))
  expect(fewer).toHaveLength(grants.length - 1)
  const { said } = await appWith(fewer)
  await expect.poll(said).toMatch(new RegExp(`(grant '|no stream called )${text.replace('.', '\\.')}`))
})
