// The command line inside a test: its verbs run in this process against the fake broker, which is reached by a real
// socket, and what they write is kept.
import { createServer, type AddressInfo, type Server } from 'node:net'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { run } from '../../../cli/program.ts'
import type { Terminal } from '../../../cli/terminal.ts'
import { CONTROLLER_PORT, type FakeBroker } from '../../client/support/fake-broker.ts'

export interface CommandLine extends AsyncDisposable {
  millrace(args: string, input?: string): Promise<{ code: number; stdout: string; stderr: string }>
}

interface CommandLineOptions {
  /** Standard error is a terminal, on which progress is drawn. */
  readonly isTTY?: boolean
  /** Standard output is a terminal of that width. */
  readonly columns?: number | undefined
  readonly interrupted?: AbortSignal
}

/** Runs one command line in this process. */
export async function runHere(
  words: readonly string[],
  {
    input = '',
    isTTY = false,
    columns,
    interrupted = new AbortController().signal,
  }: CommandLineOptions & { readonly input?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const screen = { isTTY, columns: 200, cursorTo() {}, clearLine() {} }
  const terminal: Terminal = {
    stdin: new PassThrough().end(input),
    stdout: Object.assign(stdout, columns === undefined ? {} : { columns, isTTY: true }),
    stderr: Object.assign(stderr, screen),
    outputClosed: new AbortController().signal,
    interrupted: () => interrupted,
    beforeKilled: () => () => {},
  }
  const code = await run(words, terminal, '0.0.0')
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') }
}

/** Serves the fake broker's control plane on a socket, and runs command lines against it. */
export async function commandLine(
  broker: FakeBroker,
  { isTTY = false, columns, interrupted = new AbortController().signal }: CommandLineOptions = {},
): Promise<CommandLine> {
  const servers: Server[] = []
  const serve = async (dialled: () => number): Promise<number> => {
    const server = createServer((socket) => {
      void broker
        .dial({ host: '127.0.0.1', port: dialled() }, AbortSignal.timeout(10_000))
        .then((stream) => socket.pipe(stream).pipe(socket))
    })
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const port = await serve(() => CONTROLLER_PORT)
  for (const hostId of broker.hosts.keys()) {
    broker.startHost(hostId, await serve(() => broker.hosts.get(hostId)!.port))
  }
  return {
    async millrace(args, input = '') {
      const words = args.split(' ')
      const isHelp = words.includes('--help')
      const url = isHelp ? [] : ['--url', `millrace://127.0.0.1:${port}`]
      return runHere([...words, ...url], { input, isTTY, columns, interrupted })
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers) server.close()
      await Promise.all(servers.filter(({ listening }) => listening).map((server) => once(server, 'close')))
    },
  }
}
