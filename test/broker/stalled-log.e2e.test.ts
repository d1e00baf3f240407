// A reader of the log that stalls does not stop the daemon from serving, nor from ending in any of the ways to end. Real
// processes; the compiled command line.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'millrace'
import { describe, expect, it } from 'vitest'
import { type KnownProcess, knownProcess, signal, untilGone } from '../support/daemon.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/checker/progress.ts'
import { RawConnection } from '../support/raw-connection.ts'
import { type StalledOutput, stalledPipe, stalledSocket } from '../support/stalled-output.ts'
import { temporaryDirectory } from '../support/disk/temporary.ts'

const commandLine = fileURLToPath(import.meta.resolve('#dist/cli/main.js'))
const dataLines = (text: string) => text.split('\n').filter((line) => line !== '')

interface Daemon extends AsyncDisposable {
  readonly child: ChildProcess
  readonly port: number
  readonly adminPort: number
  /** Process ids of controller and hosts. */
  processes(): KnownProcess[]
  untilReady(): Promise<void>
}

async function serve(output: StalledOutput, flags: readonly string[] = []): Promise<Daemon> {
  const directory = await temporaryDirectory()
  const [port, adminPort] = [await freePort(), await freePort()]
  const ports = ['--port', String(port), '--admin-port', String(adminPort), '--host-port-base', '0']
  const options = ['--data-dir', directory.path, '--free-space-floor', '64MiB', '--log-level', 'trace']
  const child = spawn(process.execPath, [commandLine, 'serve', ...options, ...ports, ...flags], {
    // Standard error goes to the same reader, as under a service manager.
    stdio: ['ignore', output.stdio, output.stdio],
  })
  const controller = knownProcess(child.pid!)
  const processes = () => [controller, ...childrenOf(child.pid!).map(knownProcess)]
  return {
    child,
    port,
    adminPort,
    processes,
    untilReady: () =>
      until('the daemon is ready', async () => {
        const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz`).catch(() => undefined)
        return answer?.status === 200
      }),
    [Symbol.asyncDispose]: async () => {
      const left = processes()
      for (const each of left) signal(each, 'SIGKILL')
      await untilGone(left)
      await directory[Symbol.asyncDispose]()
    },
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid
      } catch {
        return false
      }
    })
    .map(Number)
}

async function putSome(port: number): Promise<void> {
  await using client = await connect(`millrace://127.0.0.1:${port}`)
  await client.createStream('clicks')
  for (let i = 0; i < 20; i++) await client.put('clicks', { partitionKey: `k${i}`, data: 'x' })
}

const kinds = { pipe: stalledPipe, socket: stalledSocket }

describe.skipIf(process.platform !== 'linux')('a daemon whose log has a stalled reader', () => {
  for (const [kind, stalled] of Object.entries(kinds)) {
    for (const format of ['json', 'pretty']) {
      it(`serves, and stops on a signal: ${format} into a ${kind}`, async () => {
        await using output = await stalled()
        await using daemon = await serve(output, ['--log-format', format])
        await daemon.untilReady()
        await putSome(daemon.port)
        const processes = daemon.processes()
        expect(processes.length).toBeGreaterThan(1)
        const ended = once(daemon.child, 'exit')
        signal(processes[0]!, 'SIGTERM')
        expect(await ended).toEqual([0, null])
        await untilGone(processes)
      })
    }

    it(`ends at once on a second signal: ${kind}`, async () => {
      await using output = await stalled()
      await using daemon = await serve(output, ['--drain-timeout', '10m'])
      await daemon.untilReady()
      const connection = await RawConnection.open(daemon.port)
      await putSome(daemon.port)
      const [controller, ...hosts] = daemon.processes()
      for (const host of hosts) signal(host, 'SIGSTOP')
      // A request that the drain waits for, because its host is stopped.
      const unanswered = connection
        .request('deleteStream', { name: 'clicks', expectedId: undefined })
        .catch((error: unknown) => error)
      const isDeleting = async () =>
        (await connection.request('describeStream', { name: 'clicks' })).stream.status === 'DELETING'
      while (!(await isDeleting())) await delay(5)
      const ended = once(daemon.child, 'exit')
      signal(controller!, 'SIGTERM')
      while (!connection.events.some(({ event }) => event === 'draining')) await delay(5)
      signal(controller!, 'SIGTERM')
      expect(await ended).toEqual([1, null])
      await untilGone([controller!, ...hosts])
      expect(await unanswered).toMatchObject({ code: 'connectionLost' })
    })

    it(`leaves no host behind where it is killed: ${kind}`, async () => {
      await using output = await stalled()
      await using daemon = await serve(output)
      await daemon.untilReady()
      await putSome(daemon.port)
      const processes = daemon.processes()
      signal(processes[0]!, 'SIGKILL')
      await untilGone(processes)
    })

    it(`ends with its exit code where it cannot start: ${kind}`, async () => {
      await using output = await stalled()
      await using first = await serve(output)
      await first.untilReady()
      await using second = await serve(output, ['--port', String(first.port)])
      expect(await once(second.child, 'exit')).toEqual([1, null])
    })

    it(`ends with its exit code where its configuration is refused: ${kind}`, async () => {
      await using output = await stalled()
      await using refused = await serve(output, ['--host', '0.0.0.0'])
      expect(await once(refused.child, 'exit')).toEqual([2, null])
    })
  }

  it('continues its log when the reader is back, with every line whole', async () => {
    await using output = await stalledPipe()
    await using daemon = await serve(output, ['--log-format', 'json'])
    await daemon.untilReady()
    await putSome(daemon.port)
    let log = ''
    await until('the log is read', () => {
      log += output.read()
      return log.includes('millrace is ready')
    })
    const ended = once(daemon.child, 'exit')
    signal(daemon.processes()[0]!, 'SIGTERM')
    await ended
    log += output.read()
    const lines = dataLines(log).map((line) => JSON.parse(line) as { msg: string; process: string })
    expect(lines.at(-1)).toMatchObject({ process: 'controller', msg: 'stopped' })
    expect(lines.some(({ process: name }) => name === 'host-1')).toBe(true)
  })

  it('keeps serving, and stops on a signal, when the reader is gone', async () => {
    const output = await stalledPipe()
    await using daemon = await serve(output)
    await daemon.untilReady()
    await output[Symbol.asyncDispose]()
    await putSome(daemon.port)
    const ended = once(daemon.child, 'exit')
    signal(daemon.processes()[0]!, 'SIGTERM')
    expect(await ended).toEqual([0, null])
  })
})
