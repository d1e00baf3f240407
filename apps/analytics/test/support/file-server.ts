// A server of files by HTTP in this process, that tells their versions, and fails as a test tells it to.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FileServer extends AsyncDisposable {
  readonly url: string
  /** Texts of files by path. */
  readonly files: Map<string, string>
  /** Status of each answer, in their order. */
  readonly answers: number[]
  /** What it answers whatever it is asked for; undefined: as it is told. */
  status: number | undefined
}

export async function fileServer(): Promise<FileServer> {
  const files = new Map<string, string>()
  const answers: number[] = []
  const server = createServer((request, response) => {
    const text = files.get(request.url ?? '')
    const etag = `"${Buffer.from(text ?? '').toString('base64url')}"`
    const found = text === undefined ? 404 : request.headers['if-none-match'] === etag ? 304 : 200
    const status = fake.status ?? found
    answers.push(status)
    response.writeHead(status, { etag })
    response.end(status === 200 ? text : undefined)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const fake: FileServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    files,
    answers,
    status: undefined,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return fake
}
