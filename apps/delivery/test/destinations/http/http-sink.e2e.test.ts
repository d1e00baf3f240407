// Batches to an HTTP endpoint of this process, over its sockets. Waiting is the test's: no attempt waits for a clock.
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SinkBatch } from '../../../src/destinations/batch-sink.ts'
import { HttpSink, type HttpSinkRim } from '../../../src/destinations/http/http-sink.ts'
import type { DeliveredRecord } from '../../../src/engine/pipeline.ts'
import { answerJson, FakeEndpoint, json, take } from '../../support/http/fake-endpoint.ts'

const NOW = 1_700_000_000_000
const ARN = 'arn:aws:firehose:us-east-1:000000000000:deliverystream/hook'
const never = new AbortController().signal

let endpoint: FakeEndpoint
/** Waits between attempts, of which each moves the clock on. */
let waits: number[]
let clock: number

beforeEach(async () => {
  endpoint = await FakeEndpoint.start()
  waits = []
  clock = NOW
})
afterEach(() => endpoint[Symbol.asyncDispose]())

const rim = (more: Partial<HttpSinkRim> = {}): HttpSinkRim => ({
  fetch,
  now: () => clock,
  random: () => 0.5,
  sleep: async (ms, signal) => {
    signal.throwIfAborted()
    waits.push(ms)
    clock += ms
  },
  ...more,
})

const sinkOf = (destination: object = {}, more: Partial<HttpSinkRim> = {}): HttpSink =>
  new HttpSink(
    {
      destination: {
        type: 'http',
        url: endpoint.url,
        contentEncoding: 'none',
        retryMs: 60_000,
        ...destination,
      },
      sourceArn: ARN,
    },
    rim(more),
  )

function batchOf(texts: readonly string[], more: Partial<SinkBatch> = {}): SinkBatch & { plans: unknown[] } {
  const records = texts.map((text, at): DeliveredRecord => {
    const data = Buffer.from(text)
    const record = { shardId: 'shard-0', sequenceNumber: at, partitionKey: 'k', data, arrivedAt: NOW }
    return { record, partition: '', data }
  })
  const plans: unknown[] = []
  const keep = async (plan: unknown): Promise<void> => void plans.push(plan)
  return { requestId: 'batch-1', records, plan: undefined, keep, plans, ...more }
}

/** Fails the first so many requests. */
function failFirst(times: number, fail: (response: ServerResponse) => void): void {
  let left = times
  endpoint.answer = (request, response) => (left-- > 0 ? fail(response) : take(request, response))
}

describe('send', () => {
  it('sends records and headers as the protocol has them', async () => {
    const sink = sinkOf({ accessKey: 'secret', attributes: { team: 'data' } })
    expect(await sink.send(batchOf(['one', 'two ü']), never)).toEqual({ failed: [] })
    expect(endpoint.requests).toMatchObject([
      {
        requestId: 'batch-1',
        timestamp: NOW,
        records: ['one', 'two ü'],
        headers: {
          'content-type': 'application/json',
          'x-amz-firehose-protocol-version': '1.0',
          'x-amz-firehose-request-id': 'batch-1',
          'x-amz-firehose-source-arn': ARN,
          'x-amz-firehose-access-key': 'secret',
          'x-amz-firehose-common-attributes': '{"commonAttributes":{"team":"data"}}',
        },
      },
    ])
    expect(endpoint.requests[0]!.headers).not.toHaveProperty('content-encoding')
  })

  it('sends gzip where it shall', async () => {
    await sinkOf({ contentEncoding: 'gzip' }).send(batchOf(['one']), never)
    expect(endpoint.requests[0]).toMatchObject({ records: ['one'], headers: { 'content-encoding': 'gzip' } })
  })

  it('tries again under the same request id, after 1 s, 2 s, 4 s …', async () => {
    failFirst(3, (response) => answerJson(response, 500, { errorMessage: 'no' }))
    const batch = batchOf(['one'])
    expect(await sinkOf().send(batch, never)).toEqual({ failed: [] })
    expect(waits).toEqual([1000, 2000, 4000])
    expect(endpoint.requests.map(({ requestId }) => requestId)).toEqual(Array(4).fill('batch-1'))
    expect(batch.plans).toEqual([
      { attempts: 1, waitedMs: 1000 },
      { attempts: 2, waitedMs: 3000 },
      { attempts: 3, waitedMs: 7000 },
    ])
  })

  it.each<[string, (response: ServerResponse) => void, string, RegExp]>([
    [
      'a status that is not 200',
      (response) => answerJson(response, 503, { errorMessage: 'overloaded' }),
      'HttpEndpoint.DestinationException',
      /status 503: overloaded/,
    ],
    [
      'a redirect',
      (response) => response.writeHead(307, { location: '/elsewhere' }).end(),
      'HttpEndpoint.DestinationException',
      /redirects \(307\)/,
    ],
    [
      'an answer for another request',
      (response) => answerJson(response, 200, { requestId: 'other', timestamp: 1 }),
      'HttpEndpoint.InvalidResponseFromDestination',
      /requestId batch-1/,
    ],
    [
      'an answer without a timestamp',
      (response) => answerJson(response, 200, { requestId: 'batch-1' }),
      'HttpEndpoint.InvalidResponseFromDestination',
      /timestamp/,
    ],
    [
      'an answer that is no JSON',
      (response) => response.writeHead(200, { ...json, 'content-length': 2 }).end('OK'),
      'HttpEndpoint.InvalidResponseFromDestination',
      /no JSON object: OK/,
    ],
    [
      'an answer without end',
      (response) => response.end(Buffer.alloc(2 * 1024 * 1024, 'x')),
      'HttpEndpoint.ResponseTooLarge',
      /larger than/,
    ],
    [
      'a connection that is closed',
      (response) => response.destroy(),
      'HttpEndpoint.ConnectionReset',
      /closed/,
    ],
  ])('gives up after the time that it has: %s', async (_, fail, code, message) => {
    failFirst(Infinity, fail)
    const { failed } = await sinkOf({ retryMs: 5000 }).send(batchOf(['one', 'two']), never)
    expect(waits).toEqual([1000, 2000])
    expect(failed).toMatchObject([
      { type: 'http-endpoint-failed', code, attemptsMade: 3, endedAt: NOW + 3000 },
      { type: 'http-endpoint-failed', code, attemptsMade: 3, endedAt: NOW + 3000 },
    ])
    expect(failed.map(({ rawData }) => Buffer.from(rawData).toString())).toEqual(['one', 'two'])
    expect(failed[0]!.message).toMatch(message)
  })

  it('counts what it waits between attempts, and not how long answers take', async () => {
    failFirst(3, (response) => {
      clock += 170_000
      answerJson(response, 500, {})
    })
    expect(await sinkOf({ retryMs: 7000 }).send(batchOf(['one']), never)).toEqual({ failed: [] })
    expect(waits).toEqual([1000, 2000, 4000])
  })

  it('gives up at once what is too large', async () => {
    failFirst(Infinity, (response) => answerJson(response, 413, { errorMessage: 'too large' }))
    const { failed } = await sinkOf().send(batchOf(['one']), never)
    expect(failed).toMatchObject([{ attemptsMade: 1, message: expect.stringContaining('413') }])
    expect(waits).toEqual([])
  })

  it('gives up an endpoint that is not there', async () => {
    const { failed } = await sinkOf({ url: 'http://127.0.0.1:1/', retryMs: 0 }).send(batchOf(['one']), never)
    expect(failed).toMatchObject([{ code: 'HttpEndpoint.ConnectionFailed', attemptsMade: 1 }])
  })

  it('gives up a request that hangs, and ends its connection', async () => {
    const first = new AbortController()
    const ended = new Promise((resolve) => {
      failFirst(1, (response) => {
        response.once('close', resolve)
        first.abort()
      })
    })
    const timeouts = [first.signal, never]
    const sink = sinkOf({}, { timeout: () => timeouts.shift()! })
    expect(await sink.send(batchOf(['one']), never)).toEqual({ failed: [] })
    await ended
    expect(endpoint.requests).toHaveLength(2)
  })

  it('says of a request that hangs that it timed out', async () => {
    const timeout = new AbortController()
    failFirst(1, () => timeout.abort())
    const sink = sinkOf({ retryMs: 0 }, { timeout: () => timeout.signal })
    const { failed } = await sink.send(batchOf(['one']), never)
    expect(failed).toMatchObject([{ code: 'HttpEndpoint.RequestTimeout' }])
  })

  it('goes on counting where an earlier life of it ended', async () => {
    failFirst(Infinity, (response) => answerJson(response, 500, {}))
    const plan = { attempts: 5, waitedMs: 31_000 }
    const { failed } = await sinkOf().send(batchOf(['one'], { plan }), never)
    expect(failed).toMatchObject([{ attemptsMade: 6 }])
    expect(endpoint.requests).toHaveLength(1)
  })

  it.each(['while it is sent', 'while it waits'])('ends with its signal %s', async (when) => {
    const ending = new AbortController()
    const stop = (): void => ending.abort(new Error('the lease is lost'))
    if (when === 'while it is sent') failFirst(Infinity, stop)
    else failFirst(Infinity, (response) => answerJson(response, 500, {}))
    const sleep: HttpSinkRim['sleep'] = async (_ms, signal) => {
      stop()
      signal.throwIfAborted()
    }
    const sending = sinkOf({}, { sleep }).send(batchOf(['one']), ending.signal)
    await expect(sending).rejects.toThrow('the lease is lost')
  })

  it('sends no more requests at a time than it may', async () => {
    const open: (() => void)[] = []
    endpoint.answer = (request, response) => void open.push(() => take(request, response))
    const sink = sinkOf({}, { requestsMax: 2 })
    const sends = ['a', 'b', 'c'].map((requestId) => sink.send(batchOf(['x'], { requestId }), never))
    await expect.poll(() => open.length).toBe(2)
    open.shift()!()
    await Promise.race(sends)
    await expect.poll(() => open.length).toBe(2)
    for (const answer of open) answer()
    await Promise.all(sends)
    expect(endpoint.requests.map(({ requestId }) => requestId).sort()).toEqual(['a', 'b', 'c'])
  })
})
