// The functions of a broker as the app starts them: by the documents that there are, called at the port that it announces, with TLS, and ended
// in good order.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type Client } from 'millrace'
import { createBroker } from 'millrace/broker'
import { FUNCTION_LOG_STREAM, functionKinds, type FunctionEndpoint } from 'millrace/protocol'
import { afterEach, expect, test } from 'vitest'
import { createFunction, deleteFunction, updateFunction } from '#dist/definitions/index.js'
import { startFunctions } from '#dist/runtime/start-functions.js'
import { callFunction } from '#dist/wire/call-function.js'
import { TestAuthority } from '../../../../test/support/certificates.ts'

const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

async function brokerAndFolder() {
  const broker = await createBroker({ listen: false })
  closers.push(() => broker.close())
  const client = await connect(broker.url, { dial: broker.dial })
  closers.push(() => client.close())
  const folder = await mkdtemp(join(tmpdir(), 'functions-'))
  closers.push(() => rm(folder, { recursive: true }))
  return { client, folder }
}

async function started(client: Client, tls?: { certFile: string; keyFile: string }) {
  const told: string[] = []
  const functions = await startFunctions({
    client,
    options: { host: '127.0.0.1', port: 0, threads: 1 },
    tls,
    tell: (message) => void told.push(message),
  })
  closers.push(() => functions.close())
  return { functions, told }
}

async function endpoints(client: Client): Promise<FunctionEndpoint[]> {
  const found: FunctionEndpoint[] = []
  for await (const { value } of client.documents<FunctionEndpoint>(functionKinds.endpoints).list())
    found.push(value)
  return found
}

const door = (client: Client) => ({ client, now: Date.now })

test('calls functions as their documents are now, keeps what they print, and takes its announcement back', async () => {
  const { client, folder } = await brokerAndFolder()
  const path = join(folder, 'hello.mjs')
  await writeFile(
    path,
    `export const handler = ({ name }) => { console.log('for', name); return 'hello ' + name }\nexport const bye = ({ name }) => 'bye ' + name`,
  )
  const { functions, told } = await started(client)
  const [endpoint] = await endpoints(client)
  expect(endpoint).toMatchObject({ url: functions.url })
  const call = () => callFunction(endpoint!, { name: 'hello', payload: '{"name":"Ada"}' })
  expect(await call()).toMatchObject({ status: 404 })
  await createFunction(door(client), 'hello', {
    target: { type: 'module', path, handler: 'handler' },
    timeoutMs: 60_000,
  })
  await expect.poll(call).toMatchObject({ status: 200, payload: '"hello Ada"' })
  await updateFunction(door(client), 'hello', { target: { type: 'module', path, handler: 'bye' } })
  await expect.poll(call).toMatchObject({ status: 200, payload: '"bye Ada"' })
  await deleteFunction(door(client), 'hello')
  await expect.poll(call).toMatchObject({ status: 404 })
  await functions.close()
  expect(await endpoints(client)).toEqual([])
  const lines: string[] = []
  for await (const { bytes } of client.read(FUNCTION_LOG_STREAM, { partitionKey: 'hello' })) {
    lines.push((JSON.parse(Buffer.from(bytes).toString()) as { line: string }).line)
  }
  expect(lines).toContain('for Ada')
  expect(told).toEqual([])
})

test('speaks TLS by the files that it is given', async () => {
  const { client, folder } = await brokerAndFolder()
  const authority = await TestAuthority.make()
  const { cert, key } = await authority.sign(['127.0.0.1'])
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  await writeFile(certFile, cert)
  await writeFile(keyFile, key)
  const path = join(folder, 'hello.mjs')
  await writeFile(path, `export const handler = () => 'secret'`)
  await createFunction(door(client), 'hello', { target: { type: 'module', path, handler: 'handler' } })
  await started(client, { certFile, keyFile })
  const [endpoint] = await endpoints(client)
  expect(endpoint!.url).toMatch(/^https:/)
  expect(await callFunction(endpoint!, { name: 'hello', payload: '{}', ca: authority.ca })).toMatchObject({
    payload: '"secret"',
  })
  await expect(callFunction(endpoint!, { name: 'hello', payload: '{}' })).rejects.toThrow(/certificate/)
})

test('lets a call under way end when it is closed', async () => {
  const { client, folder } = await brokerAndFolder()
  const path = join(folder, 'slow.mjs')
  await writeFile(
    path,
    `import { existsSync, writeFileSync } from 'node:fs'
     export const handler = async ({ begun, until }) => {
       writeFileSync(begun, '')
       while (!existsSync(until)) await new Promise((resolve) => setTimeout(resolve, 1))
       return 'done'
     }`,
  )
  await createFunction(door(client), 'slow', {
    target: { type: 'module', path, handler: 'handler' },
    timeoutMs: 60_000,
  })
  const { functions } = await started(client)
  const [endpoint] = await endpoints(client)
  const [begun, until] = [join(folder, 'begun'), join(folder, 'until')]
  const call = callFunction(endpoint!, { name: 'slow', payload: JSON.stringify({ begun, until }) })
  await expect.poll(() => readFile(begun, 'utf8').catch(() => 'not yet')).toBe('')
  const closed = functions.close()
  await writeFile(until, '')
  expect(await call).toMatchObject({ status: 200, payload: '"done"' })
  await closed
})
