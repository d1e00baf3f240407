// Error documents that are replayed by an app that is killed in the middle of one: the next app goes on, and each record is delivered once.
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { connect } from 'millrace'
import { createDelivery, requestRetry, retryOf } from '../../src/definitions/index.ts'
import { errorLine } from '../../src/errors/error-document.ts'
import { TestDaemon } from '../../../../test/support/daemon.ts'

/** A function that gives records back as they are. The call that has the record `held` waits, until it is released. */
class HoldingFunction implements AsyncDisposable {
  held: string | undefined
  isHolding = false
  readonly #server = createServer((request, response) => {
    void buffer(request).then((body) => this.#take(body, response))
  })

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  #take(body: Buffer, response: ServerResponse): void {
    const { records } = JSON.parse(body.toString()) as { records: { recordId: string; data: string }[] }
    const held = this.held === undefined ? undefined : Buffer.from(this.held).toString('base64')
    if (records.some(({ data }) => data === held)) {
      this.isHolding = true
      return
    }
    response.end(
      JSON.stringify({ records: records.map(({ recordId, data }) => ({ recordId, data, result: 'Ok' })) }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

async function filesOf(directory: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.endsWith('.tmp')) continue
    const path = join(entry.parentPath, entry.name)
    found.set(path.slice(directory.length + 1), await readFile(path, 'utf8'))
  }
  return found
}

const linesOf = async (directory: string): Promise<string[]> =>
  [...(await filesOf(directory))]
    .filter(([path]) => !path.startsWith('errors/'))
    .flatMap(([, text]) => text.split('\n').filter(Boolean))
    .sort()

it('a retry: goes on where the app was killed in the middle of a document, and delivers each record once', async () => {
  await using daemon = await TestDaemon.start({ with: 'delivery' })
  await using held = new HoldingFunction()
  const lake = await mkdtemp(join(tmpdir(), 'delivery-retry-'))
  try {
    await using client = await connect(daemon.url)
    await client.createStream('clicks')
    await createDelivery(client, 'lake', {
      source: { stream: 'clicks' },
      destination: { type: 'directory', path: lake },
      buffer: { bytes: 1024, intervalMs: 0 },
      transform: { function: await held.listen(), bufferBytes: 1024, bufferIntervalMs: 0 },
    })
    const errors = join(lake, 'errors/processing-failed/2026/01/01/00')
    await mkdir(errors, { recursive: true })
    const textOf = (document: number, i: number) =>
      `late-${document}-${String(i).padStart(3, '0')}-${'x'.repeat(40)}`
    const wanted: string[] = []
    for (let document = 0; document < 3; document++) {
      const texts = Array.from({ length: 200 }, (_, i) => textOf(document, i))
      wanted.push(...texts)
      const lines = texts.map((text, sequenceNumber) =>
        errorLine({
          type: 'processing-failed',
          origin: {
            shardId: 'shardId-000000000000',
            sequenceNumber,
            partitionKey: text,
            arrivedAt: 1_767_225_600_000,
          },
          rawData: Buffer.from(text),
          attemptsMade: 4,
          code: 'Lambda.FunctionError',
          message: 'no',
          endedAt: 1_767_225_600_000,
        }),
      )
      const name = `lake-1-2026-01-01-00-00-00-1-0-${document * 200}-${document * 200 + 199}-abcd.jsonl`
      await writeFile(join(errors, name), Buffer.concat(lines))
    }
    held.held = textOf(1, 150)
    await requestRetry(client, 'lake', undefined, { now: Date.now, id: () => 'wish' })
    await expect.poll(() => held.isHolding).toBe(true)
    // The first document is replayed, and of the second one something is.
    await expect
      .poll(async () => (await linesOf(lake)).filter((line) => line.startsWith('late-1-')).length)
      .toBeGreaterThan(0)
    expect(await retryOf(client, 'lake')).toMatchObject({ state: 'running', documents: 1 })
    const pid = Number([...daemon.log().matchAll(/"appPid":(\d+),.*app delivery is ready/g)].at(-1)![1])
    process.kill(pid, 'SIGKILL')
    held.held = undefined
    // Another copy waits until the killed one has been silent for long enough.
    await expect
      .poll(() => retryOf(client, 'lake'), { timeout: 300_000, interval: 250 })
      .toMatchObject({ id: 'wish', state: 'done', documents: 3, records: 600 })
    expect(await linesOf(lake)).toEqual(wanted)
    expect([...(await filesOf(lake)).keys()].filter((path) => path.startsWith('errors/'))).toEqual([])
  } finally {
    await rm(lake, { recursive: true, force: true })
  }
})
