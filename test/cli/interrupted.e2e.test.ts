// A signal ends a verb whose output nothing reads any more, as behind a paused pager. Real processes; the compiled command.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect as connectTo, createServer, type AddressInfo, type Socket } from 'node:net'
import { connect } from 'millrace'
import { describe, expect, it, onTestFinished } from 'vitest'
import { stalledPipe } from '../support/stalled-output.ts'
import { launcher } from './command.ts'
import { daemonCommands } from './support/daemon-commands.ts'

const { daemon } = daemonCommands()

interface Passage {
  readonly url: string
  readonly connected: Promise<[Socket]>
}

/** Passes connections on to the broker. `connected` fulfils with the first: the verb listens to signals by then. */
async function passage(url: string): Promise<Passage> {
  const port = Number(new URL(url).port)
  const server = createServer((socket) => {
    const onward = connectTo(port, '127.0.0.1')
    for (const end of [socket, onward]) end.on('error', () => socket.destroy())
    socket.pipe(onward).pipe(socket)
  })
  const connected = once(server, 'connection') as Promise<[Socket]>
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  return { url: `millrace://127.0.0.1:${(server.address() as AddressInfo).port}`, connected }
}

describe.skipIf(process.platform !== 'linux')('an interrupted verb whose output has a stalled reader', () => {
  it.each([
    ['consume: standard output', 'consume stalled', 130],
    ['consume --follow: standard output', 'consume stalled --from TRIM_HORIZON --follow', 0],
    ['produce: standard error', 'produce stalled', 130],
  ])('%s', async (_, line, code) => {
    await using client = await connect(daemon().url)
    await client.createStream('stalled').catch(() => {})
    await client.put('stalled', { partitionKey: 'a', data: Buffer.alloc(200_000) })
    await using output = await stalledPipe()
    const { url, connected } = await passage(daemon().url)
    const child = spawn(process.execPath, [launcher, ...line.split(' ')], {
      env: { ...process.env, MILLRACE_URL: url },
      stdio: ['pipe', output.stdio, output.stdio],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const ended = once(child, 'exit')
    await connected
    child.kill('SIGTERM')
    expect(await ended).toEqual([code, null])
  })

  it('consume: standard output, which has the last records to take', async () => {
    await using client = await connect(daemon().url)
    await client.createStream('short')
    await client.put('short', { partitionKey: 'a', data: 'b' })
    await using output = await stalledPipe()
    const { url, connected } = await passage(daemon().url)
    const child = spawn(process.execPath, [launcher, 'consume', 'short'], {
      env: { ...process.env, MILLRACE_URL: url },
      stdio: ['ignore', output.stdio, 'ignore'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const ended = once(child, 'exit')
    // The verb has read everything when it leaves the broker.
    const [socket] = await connected
    await once(socket, 'close')
    child.kill('SIGTERM')
    await ended
  })
})
