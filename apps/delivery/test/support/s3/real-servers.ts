// Servers of S3 that others have written, where this machine has them: `versitygw` (`go install
// github.com/versity/versitygw/cmd/versitygw@v1.8.0`) and `moto_server` (PyPI). Each keeps its objects in a temporary place.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../../../../test/support/ports.ts'

export interface RealServer extends AsyncDisposable {
  readonly url: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

interface ServerKind {
  readonly name: string
  /** Undefined where this machine does not have it. */
  readonly program: string | undefined
  readonly words: (place: { readonly port: number; readonly directory: string }) => readonly string[]
}

const credentials = { accessKeyId: 'testing', secretAccessKey: 'testing-secret' }

/** Path of a program, in the places where Go and the shell look for it. */
function programOf(name: string, argument: string): string | undefined {
  const places = [name, join(homedir(), 'go', 'bin', name)]
  return places.find((place) => {
    if (place !== name && !existsSync(place)) return false
    return spawnSync(place, [argument], { stdio: 'ignore' }).status === 0
  })
}

export const realServers: readonly ServerKind[] = [
  {
    name: 'versitygw',
    program: programOf('versitygw', '--version'),
    words: ({ port, directory }) => {
      const { accessKeyId, secretAccessKey } = credentials
      const gateway = ['--port', `127.0.0.1:${port}`, '--access', accessKeyId, '--secret', secretAccessKey]
      return [...gateway, '--quiet', 'posix', '--sidecar', `${directory}/sidecar`, `${directory}/data`]
    },
  },
  {
    name: 'moto',
    program: programOf('moto_server', '--help'),
    words: ({ port }) => ['--host', '127.0.0.1', '--port', String(port)],
  },
]

/** Starts a server, and waits until it answers. */
export async function startReal({ program, words }: ServerKind): Promise<RealServer> {
  if (program === undefined) throw new Error('This machine does not have it.')
  const directory = await mkdtemp(join(tmpdir(), 'millrace-s3-'))
  await Promise.all(['data', 'sidecar'].map((name) => mkdir(join(directory, name))))
  const port = await freePort()
  const child = spawn(program, [...words({ port, directory })], { stdio: ['ignore', 'ignore', 'pipe'] })
  const url = `http://127.0.0.1:${port}`
  await answering(url, child)
  return {
    url,
    credentials,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'close')
        child.kill('SIGKILL')
        await ended
      }
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Asks until it answers anything at all. */
async function answering(url: string, child: ChildProcess): Promise<void> {
  const said: string[] = []
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk.toString()))
  for (;;) {
    if (child.exitCode !== null) throw new Error(`The server ended: ${said.join('').slice(-2000)}`)
    try {
      await fetch(url)
      return
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
