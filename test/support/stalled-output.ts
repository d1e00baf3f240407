// Outputs of a process under test that no process reads and that accept no more bytes, as behind a paused pager or a
// hanging log driver. The test can read them later, which lets waiting writes through. Runs in the test's process; the
// pipe needs `mkfifo`.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { temporaryDirectory } from './disk/temporary.ts'

/** For `stdio` of a process. Full from the start. */
export interface StalledOutput extends AsyncDisposable {
  readonly stdio: number | Socket
  /** Reads everything that is available now. */
  read(): string
}

const FILLING = Buffer.alloc(65_536, '\n')

/** A named pipe. */
export async function stalledPipe(): Promise<StalledOutput> {
  const directory = await temporaryDirectory()
  const path = join(directory.path, 'pipe')
  await promisify(execFile)('mkfifo', [path])
  const reading = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  fill(reading)
  // Blocking, like the pipes that shells pass on.
  const stdio = openSync(path, constants.O_RDWR)
  return {
    stdio,
    read: () => drain(reading),
    [Symbol.asyncDispose]: async () => {
      closeSync(stdio)
      closeSync(reading)
      await directory[Symbol.asyncDispose]()
    },
  }
}

/** A socket, as service managers and Node parents pass it on. */
export async function stalledSocket(): Promise<StalledOutput> {
  const directory = await temporaryDirectory()
  const server = createServer({ pauseOnConnect: true }).listen(join(directory.path, 'socket'))
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const stdio = connect(join(directory.path, 'socket'))
  const [reader] = await accepted
  stdio.on('error', () => {})
  reader.on('error', () => {})
  // Repeats until this end buffers bytes: then the kernel accepts no more.
  do {
    stdio.write(FILLING)
    await setImmediate()
  } while (stdio.writableLength === 0)
  let text = ''
  return {
    stdio,
    read: () => {
      if (reader.isPaused()) reader.on('data', (chunk) => (text += chunk.toString())).resume()
      return text
    },
    [Symbol.asyncDispose]: async () => {
      stdio.destroy()
      reader.destroy()
      server.close()
      await directory[Symbol.asyncDispose]()
    },
  }
}

function fill(descriptor: number): void {
  for (const bytes of [FILLING, FILLING.subarray(0, 1)]) {
    try {
      for (;;) writeSync(descriptor, bytes)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

function drain(descriptor: number): string {
  let text = ''
  const bytes = Buffer.alloc(FILLING.length)
  try {
    for (;;) text += bytes.subarray(0, readSync(descriptor, bytes)).toString()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    return text
  }
}
