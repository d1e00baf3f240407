// The daemon's life: start, stop, the death of a host, the death of the controller, and starts that cannot succeed.
// Real processes; the compiled command line.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect } from 'millrace'
import { describe, expect, it } from 'vitest'
import { knownProcess, signal, TestDaemon, untilGone } from '../support/daemon.ts'
import { freePort } from '../support/ports.ts'
import { batchOf, RawConnection } from '../support/raw-connection.ts'
import { temporaryDirectory } from '../support/disk/temporary.ts'
import { createRequest } from '../support/requests.ts'

const commandLine = fileURLToPath(import.meta.resolve('#dist/cli/main.js'))

/** Runs `millrace serve` until it exits by itself, or until it is ready and `whenReady` ends it. */
async function serve(flags: readonly string[], whenReady?: (child: ChildProcess) => void) {
  const child = spawn(process.execPath, [commandLine, 'serve', '--log-format', 'json', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.includes('millrace is ready')) whenReady?.(child)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stderr: stderr.trim() }
}

const anyPorts = ['--port', '0', '--admin-port', '0', '--host-port-base', '0']

async function createStream(port: number, name: string): Promise<void> {
  const connection = await RawConnection.open(port)
  await connection.request('createStream', createRequest(name))
  connection.close()
}

/** Asks for the routing and appends one record to shard 0; tries again until a host serves the shard. */
async function append(port: number, name: string, data: string): Promise<number> {
  const control = await RawConnection.open(port)
  try {
    for (;;) {
      try {
        const { streamId, hosts } = await control.request('describeRouting', { name })
        const host = await RawConnection.open(hosts[0]!.port)
        const batch = batchOf([{ partitionKey: 'key', data: Buffer.from(data) }])
        const { results } = await host.request('append', {
          batches: [{ streamId, shardIndex: 0, batch, producerSecret: undefined }],
        })
        host.close()
        if (results[0]?.code === 0) return results[0].baseSequenceNumber
      } catch {
        // The host is restarting: the next round asks for its new address.
      }
      await delay(10)
    }
  } finally {
    control.close()
  }
}

const readiness = async (url: string): Promise<number> => (await fetch(`${url}/readyz`)).status

describe('the daemon', () => {
  it('starts, serves, answers its probes, and stops with exit code 0 and no process left', async () => {
    await using daemon = await TestDaemon.start()
    await createStream(daemon.port, 'clicks')
    expect(await append(daemon.port, 'clicks', 'one')).toBe(0)
    expect(await readiness(daemon.adminUrl)).toBe(200)
    expect((await fetch(`${daemon.adminUrl}/healthz`)).status).toBe(200)
    // A scrape leaves out a host that answers slowly, so the test scrapes until the host is in.
    const metrics = async () => (await fetch(`${daemon.adminUrl}/metrics`)).text()
    await expect.poll(metrics).toContain('millrace_appended_records_total{host="1"} 1')
    const { code } = await serve(['--data-dir', `${daemon.dataDir}/other`, ...anyPorts], (child) =>
      child.kill('SIGTERM'),
    )
    expect(code).toBe(0)
  })

  it('restarts a host that was killed, and serves what it had acknowledged', async () => {
    await using daemon = await TestDaemon.start()
    await createStream(daemon.port, 'clicks')
    const first = await append(daemon.port, 'clicks', 'before')
    const [pid] = await daemon.hostPids()
    signal(knownProcess(pid!), 'SIGKILL')
    expect(await append(daemon.port, 'clicks', 'after')).toBeGreaterThan(first)
    const [successor] = await daemon.hostPids()
    expect(successor).not.toBe(pid)
    const metrics = await (await fetch(`${daemon.adminUrl}/metrics`)).text()
    expect(metrics).toContain('millrace_host_restarts_total{host="1"} 1')
  })

  it('lets its hosts exit when the controller is killed, and a new daemon serves directory and ports at once', async () => {
    await using daemon = await TestDaemon.start({ hostPortBase: String(await freePort()) })
    await createStream(daemon.port, 'clicks')
    const first = await append(daemon.port, 'clicks', 'before')
    const hosts = (await daemon.hostPids()).map(knownProcess)
    await daemon.killController()
    await daemon.restart()
    expect(await append(daemon.port, 'clicks', 'after')).toBe(first + 1)
    await untilGone(hosts)
  })

  it('serves a client at whichever address the client uses, when it listens on all addresses', async () => {
    await using daemon = await TestDaemon.start({ host: '0.0.0.0', insecure: 'true' })
    const url = `millrace://127.0.0.1:${daemon.port}`
    await using client = await connect(url)
    await client.createStream('clicks')
    expect(await client.put('clicks', { partitionKey: 'k', data: 'x' })).toMatchObject({ durability: 'disk' })
    const control = await RawConnection.open(daemon.port)
    const { hosts } = await control.request('describeRouting', { name: 'clicks' })
    control.close()
    expect(hosts.map(({ host }) => host)).toEqual([''])
  })

  it('ends at once on a second signal', async () => {
    await using daemon = await TestDaemon.start({ drainTimeout: '10m' })
    await createStream(daemon.port, 'clicks')
    const connection = await RawConnection.open(daemon.port)
    const hosts = (await daemon.hostPids()).map(knownProcess)
    for (const host of hosts) signal(host, 'SIGSTOP')
    // A request that the drain waits for, because its host is stopped.
    const unanswered = connection
      .request('deleteStream', { name: 'clicks', expectedId: undefined })
      .catch((error: unknown) => error)
    const isDeleting = async () =>
      (await connection.request('describeStream', { name: 'clicks' })).stream.status === 'DELETING'
    while (!(await isDeleting())) await delay(5)
    const controller = knownProcess(daemon.controllerPid)
    signal(controller, 'SIGTERM')
    while (!connection.events.some(({ event }) => event === 'draining')) await delay(5)
    signal(controller, 'SIGTERM')
    await untilGone([controller, ...hosts])
    expect(await unanswered).toMatchObject({ code: 'connectionLost' })
  })
})

describe('a daemon that cannot start says in one sentence that', () => {
  it('the port is in use', async () => {
    await using daemon = await TestDaemon.start()
    const ports = ['--port', String(daemon.port), '--admin-port', '0']
    const { code, stderr } = await serve(['--data-dir', `${daemon.dataDir}/other`, ...ports])
    expect(stderr).toMatch(/^millrace: 127\.0\.0\.1:\d+ is in use, .*--port\.$/)
    expect(code).toBe(1)
  })

  it('the data directory is in use, and by which process', async () => {
    await using daemon = await TestDaemon.start()
    const { code, stderr } = await serve(['--data-dir', daemon.dataDir, ...anyPorts])
    expect(stderr).toMatch(new RegExp(`^millrace: .* is in use by process ${daemon.controllerPid}\\b`))
    expect(stderr).not.toContain('\n')
    expect(code).toBe(1)
  })

  it('the address is unknown, or belongs to another machine', async () => {
    await using folder = await temporaryDirectory()
    for (const host of ['no-such-host.invalid', '203.0.113.9']) {
      const { code, stderr } = await serve([
        '--data-dir',
        folder.path,
        '--host',
        host,
        '--insecure',
        ...anyPorts,
      ])
      expect(stderr).toMatch(new RegExp(`^millrace: .*${host.replaceAll('.', '\\.')}`))
      expect(stderr).not.toContain('No broker answers')
      expect(code).toBe(1)
    }
  })

  it('the address can be reached by other machines, and --insecure was not given', async () => {
    await using folder = await temporaryDirectory()
    const { code, stderr } = await serve(['--data-dir', folder.path, '--host', '0.0.0.0', ...anyPorts])
    expect(stderr).toMatch(/^millrace: --host \(0\.0\.0\.0\) cannot be used: .*--insecure/)
    expect(code).toBe(2)
  })

  it('the data directory is a file', async () => {
    await using folder = await temporaryDirectory()
    const file = join(folder.path, 'file')
    await writeFile(file, '')
    const { code, stderr } = await serve(['--data-dir', file, ...anyPorts])
    expect(stderr).toBe(`millrace: ${file} is there already and is no directory.`)
    expect(code).toBe(1)
  })

  it('an option is refused', async () => {
    const { code, stderr } = await serve(['--segment-size', 'big'])
    expect(stderr).toBe('millrace: --segment-size is "big": expected a size such as 64MiB or 1GB.')
    expect(code).toBe(2)
  })
})
