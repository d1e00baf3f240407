// A broker that is killed and starts again while the JavaScript SDK writes and reads: its retries see it through, and nothing
// that was acknowledged is lost.
import { CreateStreamCommand, type KinesisClient } from '@aws-sdk/client-kinesis'
import { createKinesisEndpoint, type KinesisEndpoint } from '@millrace/kinesis'
import { connect } from 'millrace'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { freshName } from '../support/endpoint.ts'
import { numbersByKey, putTexts, readStream, sdkClient } from '../support/sdk.ts'

const command = fileURLToPath(new URL('../../../../../cli/millrace.js', import.meta.url))
const ATTEMPTS = 100
const START_DEADLINE_MS = 60_000

let directory: string
let port: number
let daemon: ChildProcess
let endpoint: KinesisEndpoint
let client: KinesisClient

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-restart-'))
  port = await freePort()
  await startDaemon()
  endpoint = await createKinesisEndpoint({ port: 0, broker: { url: `millrace://127.0.0.1:${port}` } })
  client = sdkClient(endpoint.port, { config: { maxAttempts: ATTEMPTS } })
})
afterAll(async () => {
  client?.destroy()
  await endpoint?.close()
  await endDaemon('SIGTERM')
  await rm(directory, { recursive: true, force: true })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: free } = server.address() as AddressInfo
  server.close()
  return free
}

/** Starts the daemon, and waits until it answers. */
async function startDaemon(): Promise<void> {
  const ports = ['--port', String(port), '--host-port-base', '0', '--admin-port', '0']
  daemon = spawn(process.execPath, [command, 'serve', '--data-dir', directory, ...ports], { stdio: 'ignore' })
  await vi.waitFor(ask, { timeout: START_DEADLINE_MS, interval: 50 })
}

async function ask(): Promise<void> {
  await using native = await connect(`millrace://127.0.0.1:${port}`)
  await native.describeBroker()
}

async function endDaemon(signal: NodeJS.Signals): Promise<void> {
  const ended = once(daemon, 'exit')
  daemon.kill(signal)
  await ended
}

describe.each(['SIGTERM', 'SIGKILL'] as const)('a broker that ends by %s and starts again', (signal) => {
  it('is seen through by the retries of the SDK: what was acknowledged is there, each key in order', async () => {
    const name = freshName()
    await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: 2 }))
    const keys = Array.from({ length: 8 }, (_, at) => `key-${at}`)
    let rounds = 0
    let isRestarted = false
    const writing = (async () => {
      for (let after = 0; after < 5; after += isRestarted ? 1 : 0) {
        let left = keys.map((key) => `${key}:${rounds}`)
        while (left.length > 0) {
          const answer = await putTexts(client, name, left)
          left = left.filter((_, at) => answer.Records![at]!.ErrorCode !== undefined)
        }
        rounds += 1
      }
    })()
    await expect.poll(() => rounds).toBeGreaterThan(5)
    await endDaemon(signal)
    await startDaemon()
    isRestarted = true
    await writing
    const byKey = numbersByKey(await readStream(client, name))
    for (const key of keys) {
      // A request that was repeated may have stored its records twice, as the service may.
      const first = [...new Set(byKey.get(key))]
      expect(first).toEqual(Array.from({ length: rounds }, (_, at) => at))
    }
  })
})
