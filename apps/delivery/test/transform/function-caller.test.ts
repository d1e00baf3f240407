// How functions are reached: by the documents of the app functions and by url, and what each status means.
import { FUNCTION_ENDPOINT_LIFE_MS, type FunctionEndpoint } from 'millrace/protocol'
import { describe, expect, it } from 'vitest'
import { httpCaller, isUrl, PAYLOAD_BYTES_MAX } from '../../src/transform/function-caller.ts'

const signal = new AbortController().signal
const NOW = 1_700_000_000_000

interface Call {
  readonly url: string
  readonly authorization: string | null
  readonly body: string
}

function caller(
  respond: (url: string, init: RequestInit) => Response | Promise<Response>,
  endpoints: readonly FunctionEndpoint[] = [],
) {
  const calls: Call[] = []
  const fetch = async (url: string, init: RequestInit) => {
    const headers = new Headers(init.headers)
    calls.push({
      url,
      authorization: headers.get('authorization'),
      body: Buffer.from(init.body as Uint8Array).toString(),
    })
    return respond(url, init)
  }
  return {
    calls,
    caller: httpCaller({ now: () => NOW, endpoints: () => endpoints, fetch, fetchPort: fetch }),
  }
}

const endpoint = (port: number, renewedAt = NOW): FunctionEndpoint => ({
  url: `http://127.0.0.1:${port}`,
  secret: `secret-${port}`,
  startedAt: NOW,
  renewedAt,
})

const url = 'https://example.com/enrich'
const call = (respond: (url: string, init: RequestInit) => Response | Promise<Response>) =>
  caller(respond).caller.call(url, Buffer.from('{}'), signal)

describe('httpCaller', () => {
  it('calls a function by name at the copies of the app functions in turn, with their secrets', async () => {
    const stale = endpoint(1, NOW - FUNCTION_ENDPOINT_LIFE_MS)
    const { caller: functions, calls } = caller(
      () => new Response('{"records":[]}'),
      [endpoint(3), stale, endpoint(2)],
    )
    for (let time = 0; time < 3; time++) {
      expect(await functions.call('my fn', Buffer.from('{"a":1}'), signal)).toBe('{"records":[]}')
    }
    const path = '/2015-03-31/functions/my%20fn/invocations'
    expect(calls).toEqual([
      { url: `http://127.0.0.1:2${path}`, authorization: 'Bearer secret-2', body: '{"a":1}' },
      { url: `http://127.0.0.1:3${path}`, authorization: 'Bearer secret-3', body: '{"a":1}' },
      { url: `http://127.0.0.1:2${path}`, authorization: 'Bearer secret-2', body: '{"a":1}' },
    ])
  })

  it('calls an endpoint by its url, and gives it no secret of ours', async () => {
    const { caller: functions, calls } = caller(() => new Response('{}'), [endpoint(1)])
    await functions.call(url, Buffer.from('{}'), signal)
    expect(calls).toEqual([{ url, authorization: null, body: '{}' }])
    expect([isUrl('HTTPS://x'), isUrl('http://x'), isUrl('enrich'), isUrl('httpsfn')]).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  it('says that no copy of the app functions runs', async () => {
    const { caller: functions, calls } = caller(() => new Response('{}'), [endpoint(1, 0)])
    await expect(functions.call('enrich', Buffer.from('{}'), signal)).rejects.toMatchObject({
      name: 'FunctionUnreached',
      message: expect.stringContaining('no copy of the app functions runs') as string,
    })
    expect(calls).toEqual([])
  })

  it.each([
    [500, 'FunctionFailure'],
    [413, 'FunctionFailure'],
    [400, 'FunctionUnreached'],
    [403, 'FunctionUnreached'],
    [404, 'FunctionUnreached'],
    [429, 'FunctionUnreached'],
    [502, 'FunctionUnreached'],
    [503, 'FunctionUnreached'],
  ])('takes status %i for a %s', async (status, name) => {
    const body = JSON.stringify({ message: 'because' })
    await expect(call(() => new Response(body, { status }))).rejects.toMatchObject({
      name,
      message: expect.stringMatching(new RegExp(`${status}.*because`)) as string,
    })
  })

  it('takes an error of the function for a failure, with what it says', async () => {
    const body = JSON.stringify({ errorType: 'TypeError', errorMessage: 'x is undefined' })
    const respond = () => new Response(body, { headers: { 'x-amz-function-error': 'Unhandled' } })
    await expect(call(respond)).rejects.toMatchObject({
      code: 'Lambda.FunctionError',
      message: 'The function has failed: TypeError: x is undefined',
    })
  })

  it('does not read an answer beyond 6 MB', async () => {
    let pulled = 0
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled += 2 ** 20
        controller.enqueue(new Uint8Array(2 ** 20))
      },
    })
    await expect(call(() => new Response(endless))).rejects.toMatchObject({ code: 'Lambda.ResponseTooLarge' })
    expect(pulled).toBeLessThan(2 * PAYLOAD_BYTES_MAX)
  })

  it('says why an endpoint is not reached, without what may be secret in its url', async () => {
    const { caller: functions } = caller(() => {
      throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })
    })
    await expect(
      functions.call('https://user:pw@example.com/f?key=abc', Buffer.from('{}'), signal),
    ).rejects.toMatchObject({
      name: 'FunctionUnreached',
      message: 'The function cannot be reached at https://example.com/f: connect ECONNREFUSED',
    })
  })

  it('ends with the reason of the signal', async () => {
    const stop = new AbortController()
    const hanging = caller(
      (_url, init) =>
        new Promise((_resolve, reject) => {
          init.signal!.addEventListener('abort', () => reject(init.signal!.reason as Error))
          stop.abort(new Error('the lease is lost'))
        }),
    )
    await expect(hanging.caller.call(url, Buffer.from('{}'), stop.signal)).rejects.toThrow(
      'the lease is lost',
    )
  })
})
