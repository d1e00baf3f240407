// The lines of the README: a daemon with the endpoint in it, the client of AWS, and the command line of the broker.
import { CreateStreamCommand } from '@aws-sdk/client-kinesis'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { putTexts, readStream, sdkClient, textOf } from '../support/sdk.ts'

const command = fileURLToPath(new URL('../../../../../cli/millrace.js', import.meta.url))

let directory: string
let port: number
let kinesisPort: number
let daemon: ChildProcess

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-daemon-'))
  port = await freePort()
  kinesisPort = await freePort()
  const ports = ['--port', String(port), '--host-port-base', '0', '--admin-port', '0']
  const endpoint = ['--with', 'kinesis', '--kinesis-port', String(kinesisPort)]
  daemon = start('serve', '--data-dir', directory, ...ports, ...endpoint)
})
afterAll(async () => {
  await end(daemon)
  await rm(directory, { recursive: true, force: true })
})

const start = (...words: readonly string[]) =>
  spawn(process.execPath, [command, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, MILLRACE_URL: `millrace://127.0.0.1:${port}` },
  })

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: free } = server.address() as AddressInfo
  server.close()
  return free
}

it('serve --with kinesis: AWS clients create and put, and `millrace consume` prints what they put', async () => {
  // The log would fill its pipe.
  daemon.stdout!.resume()
  const client = sdkClient(kinesisPort)
  const create = () =>
    client.send(new CreateStreamCommand({ StreamName: 'clicks', ShardCount: 2 })).then(
      () => 'made',
      (error: Error) => (error.name === 'ResourceInUseException' ? 'made' : error.name),
    )
  await expect.poll(create).toBe('made')
  const texts = ['ada:1', 'bob:2', 'cid:3']
  expect((await putTexts(client, 'clicks', texts)).FailedRecordCount).toBe(0)
  expect((await readStream(client, 'clicks')).map(textOf).toSorted()).toEqual(texts)

  const consume = start('consume', 'clicks', '--from', 'TRIM_HORIZON', '--follow')
  const lines: string[] = []
  createInterface({ input: consume.stdout }).on('line', (line) => lines.push(line))
  for (const text of texts) await expect.poll(() => lines.join('\n')).toContain(text)
  await putTexts(client, 'clicks', ['dee:4'])
  await expect.poll(() => lines.join('\n')).toContain('dee:4')
  await end(consume)
  client.destroy()
})
