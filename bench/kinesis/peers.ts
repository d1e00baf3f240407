// Other servers of the Kinesis API, for comparison in the same run: installed from npm into the run's own directory, without
// install scripts, and started on free ports. Runs in the bench's main process; ends only what it started.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Bench } from '../scenario.ts'

const POLL_MS = 20
const START_DEADLINE_MS = 60_000
/** Created at once, so that the time that the service takes for it is not waited for. */
const CREATION_MS = '0'

interface Peer {
  readonly package: string
  readonly version: string
  /** Words and environment by which it listens on a port for plain HTTP/1.1. */
  start(port: number, otherPort: number): { words: readonly string[]; environment: NodeJS.ProcessEnv }
}

export const peers = {
  kinesalite: {
    package: 'kinesalite',
    version: '3.3.3',
    start: (port) => ({
      words: ['cli.js', '--port', String(port), '--createStreamMs', CREATION_MS, '--shardLimit', '1000'],
      environment: {},
    }),
  },
  'kinesis-local': {
    package: 'kinesis-local',
    version: '0.6.2',
    start: (port, otherPort) => ({
      words: ['main.js'],
      environment: {
        KINESIS_MOCK_PLAIN_PORT: String(port),
        KINESIS_MOCK_TLS_PORT: String(otherPort),
        CREATE_STREAM_DURATION: `${CREATION_MS}ms`,
        SHARD_LIMIT: '1000',
        LOG_LEVEL: 'ERROR',
      },
    }),
  },
} as const satisfies Record<string, Peer>

export type PeerName = keyof typeof peers

export interface RunningServer {
  readonly endpoint: string
  stop(): Promise<void>
}

/** Installs the peers, once a run; returns their directory. */
export async function installPeers(bench: Bench): Promise<string> {
  const directory = join(bench.directory, 'peers')
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'package.json'), '{ "private": true }')
  const packages = Object.values(peers).map((peer) => `${peer.package}@${peer.version}`)
  await promisify(execFile)('npm', ['install', '--ignore-scripts', '--no-audit', ...packages], {
    cwd: directory,
  })
  return directory
}

export async function startPeer(name: PeerName, directory: string): Promise<RunningServer> {
  const peer: Peer = peers[name]
  const [port, otherPort] = [await freePort(), await freePort()]
  const { words, environment } = peer.start(port, otherPort)
  const home = join(directory, 'node_modules', peer.package)
  const child = spawn(process.execPath, [...words], {
    cwd: home,
    env: { ...process.env, ...environment },
    stdio: 'ignore',
  })
  await untilListening(child, port)
  return { endpoint: `http://127.0.0.1:${port}`, stop: () => stopChild(child) }
}

export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Waits until a process takes connections; throws if it ends, or does not within a minute. */
export async function untilListening(child: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS
  while (!(await takesConnections(port))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('the server ended at its start')
    if (performance.now() > deadline) throw new Error('the server did not start')
    await delay(POLL_MS)
  }
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
