// A daemon with apps in it, as the README starts it, and the command line beside it. Real processes; it ends those that it started.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../../../../../cli/millrace.js', import.meta.url))

export class ServedDaemon implements AsyncDisposable {
  /** Of the daemon, and for files of a test. */
  readonly directory: string
  readonly kinesisPort: number
  readonly #port: number
  readonly #daemon: ChildProcess

  private constructor(
    directory: string,
    ports: { readonly own: number; readonly kinesis: number },
    apps: string,
  ) {
    this.directory = directory
    this.kinesisPort = ports.kinesis
    this.#port = ports.own
    const own = ['--port', String(ports.own), '--host-port-base', '0', '--admin-port', '0']
    const endpoint = ['--with', apps, '--kinesis-port', String(ports.kinesis)]
    this.#daemon = this.run('serve', '--data-dir', join(directory, 'data'), ...own, ...endpoint)
    // The log would fill its pipe.
    this.#daemon.stdout!.resume()
  }

  /** @param apps as `--with` takes them */
  static async start(apps: string): Promise<ServedDaemon> {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-daemon-'))
    return new ServedDaemon(directory, { own: await freePort(), kinesis: await freePort() }, apps)
  }

  /** Begins a verb of the command line. */
  run(...words: readonly string[]) {
    return spawn(process.execPath, [command, ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, MILLRACE_URL: `millrace://127.0.0.1:${this.#port}` },
    })
  }

  /** What a verb prints. Rejects where it fails. */
  async printed(...words: readonly string[]): Promise<string> {
    const child = this.run(...words)
    const pieces: Buffer[] = []
    child.stdout.on('data', (piece: Buffer) => pieces.push(piece))
    const [code] = (await once(child, 'close')) as [number | null]
    const text = Buffer.concat(pieces).toString()
    if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}: ${text}`)
    return text
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#daemon)
    await rm(this.directory, { recursive: true, force: true })
  }
}

/** Ends a verb that goes on by itself. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
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
