// The command line inside a test: its verbs run in this process against the fake broker, which is reached by a real
// socket, and what they write is kept.
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { run } from '../../../cli/program.ts'
import type { Terminal } from '../../../cli/terminal.ts'
import { CONTROLLER_PORT, type FakeBroker } from '../../client/support/fake-broker.ts'

export interface CommandLine extends AsyncDisposable {
  millrace(args: string): Promise<{ code: number; stdout: string; stderr: string }>
}

/** Serves the fake broker's control plane on a socket, and runs command lines against it. */
export async function commandLine(
  broker: FakeBroker,
  { isTTY = false, interrupted = new AbortController().signal } = {},
): Promise<CommandLine> {
  const server = createServer((socket) => {
    void broker
      .dial({ host: '127.0.0.1', port: CONTROLLER_PORT }, AbortSignal.timeout(10_000))
      .then((stream) => socket.pipe(stream).pipe(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    async millrace(args) {
      const [stdout, stderr] = [new PassThrough(), new PassThrough()]
      const screen = { isTTY, columns: 200, cursorTo() {}, clearLine() {} }
      const terminal: Terminal = {
        stdin: new PassThrough(),
        stdout: Object.assign(stdout, { columns: 200 }),
        stderr: Object.assign(stderr, screen),
        outputClosed: new AbortController().signal,
        interrupted: () => interrupted,
      }
      const words = args.split(' ')
      const isHelp = words.includes('--help')
      const url = isHelp ? [] : ['--url', `millrace://127.0.0.1:${port}`]
      const code = await run([...words, ...url], terminal, '0.0.0')
      return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') }
    },
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}
