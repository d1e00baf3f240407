// A broker behind a proxy that maps the ports of its hosts, as containers and load balancers do.
import { once } from 'node:events'
import { connect as dial, createServer, type AddressInfo, type Server } from 'node:net'
import { pipeline } from 'node:stream'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connect } from '#dist/client/index.js'
import { TestDaemon } from '../support/daemon.ts'
import { freePort } from '../support/ports.ts'

let daemon: TestDaemon
let proxy: Server
let proxied = 0

beforeAll(async () => {
  const hostPortBase = await freePort()
  proxy = createServer((client) => {
    proxied++
    const host = dial(hostPortBase, '127.0.0.1')
    pipeline(client, host, client, () => {})
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const { port } = proxy.address() as AddressInfo
  daemon = await TestDaemon.start({
    hosts: '1',
    hostPortBase: String(hostPortBase),
    advertisePortBase: String(port),
  })
})

afterAll(async () => {
  await daemon[Symbol.asyncDispose]()
  proxy.close()
})

it('advertisePortBase: clients reach the hosts through the ports that are advertised', async () => {
  await using client = await connect(daemon.url)
  await client.createStream('clicks')
  await client.put('clicks', { partitionKey: 'ada', data: 'through the proxy' })
  const texts: string[] = []
  for await (const record of client.read('clicks')) texts.push(Buffer.from(record.bytes).toString())
  expect(texts).toEqual(['through the proxy'])
  expect(proxied).toBeGreaterThan(0)
})
