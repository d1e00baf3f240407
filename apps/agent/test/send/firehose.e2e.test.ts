// Sending to Firehose, over HTTP by the SDK, to a server of this test: what a batch is refused in part, what fails as a whole, and a connection
// that breaks are put again; what the service does not know is said.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { agentConfig } from '../../src/config/index.ts'
import { makeChunk } from '../../src/flows/chunk.ts'
import { makeSender } from '../../src/send/make-sender.ts'
import { SendFault } from '../../src/send/sender.ts'
import { numbered } from '../support/stream-lines.ts'
import { WaitedTime } from '../support/fake-files.ts'

type Answer = (records: string[], response: ServerResponse) => void

/** Serves answers one after another, and then takes everything. */
async function firehose(answers: Answer[]): Promise<{ url: string; taken: string[]; calls: string[] }> {
  const taken: string[] = []
  const calls: string[] = []
  const take: Answer = (records, response) => {
    taken.push(...records)
    answer(response, { FailedPutCount: 0, RequestResponses: records.map(() => ({ RecordId: 'r' })) })
  }
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    calls.push(String(request.headers['x-amz-target']))
    const { Records = [] } = JSON.parse(await text(request)) as { Records?: { Data: string }[] }
    const records = Records.map(({ Data }) => Buffer.from(Data, 'base64').toString())
    const next = answers.shift() ?? take
    next(records, response)
  }
  const server = createServer((request, response) => void serve(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, taken, calls }
}

function answer(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' })
  response.end(JSON.stringify(body))
}

function senderTo(url: string) {
  const config = agentConfig(
    {
      file: '/agent.json',
      text: JSON.stringify({
        'firehose.endpoint': url,
        awsAccessKeyId: 'anybody',
        awsSecretAccessKey: 'anything',
        flows: [{ filePattern: '/a', deliveryStream: 'lake' }],
      }),
    },
    [],
  )
  const counts = { attempted: 0, refused: 0, failed: 0 }
  const sender = makeSender({
    flow: config.flows[0]!,
    config,
    client: undefined,
    rim: new WaitedTime(),
    log: () => {},
    events: {
      attempted: (records, refused) => {
        counts.attempted += records
        counts.refused += refused
      },
      failed: () => (counts.failed += 1),
      waits: () => {},
    },
  })
  return { sender, counts }
}

const chunkOf = (lines: readonly string[]) =>
  makeChunk([lines.map((line) => Buffer.from(line))], {
    madeAt: 0,
    seed: 'seed',
    keys: 'each',
    processing: [],
    dataBytesMax: 1000,
    truncationTerminator: '\n',
  })
const options = {
  keep: () => Promise.reject(new Error('nothing is kept')),
  signal: new AbortController().signal,
}

describe('sending to Firehose', () => {
  it('puts batches of up to 500, and again only what was refused', async () => {
    const refusesFirst: Answer = (records, response) =>
      answer(response, {
        FailedPutCount: 1,
        RequestResponses: records.map((_, index) =>
          index === 0
            ? { ErrorCode: 'ServiceUnavailableException', ErrorMessage: 'slow down' }
            : { RecordId: 'r' },
        ),
      })
    const breaks: Answer = (_records, response) => void response.destroy()
    const fails: Answer = (_records, response) =>
      answer(response, { __type: 'ServiceUnavailableException', message: 'busy' }, 500)
    const { url, taken, calls } = await firehose([refusesFirst, breaks, fails])
    const { sender, counts } = senderTo(url)
    const lines = numbered(0, 600)
    await sender.send(chunkOf(lines), options)
    await sender.close()
    expect(calls.every((call) => call === 'Firehose_20150804.PutRecordBatch')).toBe(true)
    // The 499 that the first answer accepted are not among those that were taken later.
    expect(taken.toSorted()).toEqual([lines[0]!, ...lines.slice(500)].toSorted())
    expect(counts).toMatchObject({ refused: 1, failed: 2 })
  })

  it('says that the service does not know the delivery stream, and goes on with what is left', async () => {
    const { url, taken } = await firehose([
      (_records, response) =>
        answer(response, { __type: 'ResourceNotFoundException', message: 'no lake' }, 400),
    ])
    const { sender } = senderTo(url)
    const chunk = chunkOf(numbered(0, 3))
    await expect(sender.send(chunk, options)).rejects.toThrow(SendFault)
    expect(taken).toEqual([])
    await sender.send(chunk, options)
    await sender.close()
    expect(taken).toEqual(numbered(0, 3))
  })

  it('finds out whether the delivery stream is there', async () => {
    const { url } = await firehose([
      (_records, response) =>
        answer(response, { __type: 'ResourceNotFoundException', message: 'no lake' }, 400),
      (_records, response) => answer(response, { DeliveryStreamDescription: {} }),
    ])
    const { sender } = senderTo(url)
    expect(await sender.check(options.signal)).toBe('ResourceNotFoundException: no lake')
    expect(await sender.check(options.signal)).toBeUndefined()
    await sender.close()
  })
})
