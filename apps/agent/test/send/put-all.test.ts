// Puts to AWS' APIs: what is refused is put again, what is accepted never is, and what does not pass by itself is said.
import { describe, expect, it } from 'vitest'
import { putAll, type PutEntry, type PutOptions } from '../../src/send/put-all.ts'
import { SendFault } from '../../src/send/sender.ts'
import { WaitedTime } from '../support/fake-files.ts'

const entries = (...texts: string[]): PutEntry[] =>
  texts.map((text) => ({ data: Buffer.from(text), partitionKey: 'k' }))

type Answer = readonly (string | undefined)[] | Error

function putting(left: PutEntry[], answers: Answer[], more: Partial<PutOptions> = {}) {
  const time = new WaitedTime()
  const requests: string[] = []
  const counts = { attempted: 0, refused: 0, failed: 0, waits: [] as (string | undefined)[] }
  const done = putAll(left, {
    bounds: { records: 3, bytes: 100 },
    put: async (sent) => {
      requests.push(sent.map(({ data }) => Buffer.from(data).toString()).join())
      const answer = answers.shift()
      if (answer instanceof Error) throw answer
      return answer ?? sent.map(() => undefined)
    },
    backoff: { initialMs: 100, maxMs: 400 },
    events: {
      attempted: (records, refused) => {
        counts.attempted += records
        counts.refused += refused
      },
      failed: () => (counts.failed += 1),
      waits: (reason) => counts.waits.push(reason),
    },
    wait: time.wait,
    random: () => 1,
    signal: new AbortController().signal,
    ...more,
  })
  return { done, requests, counts, time, left }
}

const awsError = (name: string, fault?: 'client' | 'server', status = 400) =>
  Object.assign(new Error('said by the service'), {
    name,
    $fault: fault,
    $metadata: { httpStatusCode: status },
  })

describe('putAll', () => {
  it('puts no more records and bytes at a time than a request takes', async () => {
    const { done, requests } = putting(entries('a', 'b', 'c', 'd'), [])
    await done
    expect(requests).toEqual(['a,b,c', 'd'])
    const large = putting(entries('x'.repeat(60), 'y'.repeat(60), 'z'.repeat(200)), [])
    await large.done
    expect(large.requests.map((request) => request[0])).toEqual(['x', 'y', 'z'])
  })

  it('puts again what was refused, and only that, after waits that double', async () => {
    const { done, requests, counts, time } = putting(entries('a', 'b', 'c'), [
      ['ProvisionedThroughputExceededException: slow', undefined, 'InternalFailure: '],
      ['ProvisionedThroughputExceededException: slow', 'ProvisionedThroughputExceededException: slow'],
      ['ProvisionedThroughputExceededException: slow', undefined],
      ['ProvisionedThroughputExceededException: slow'],
    ])
    await done
    expect(requests).toEqual(['a,b,c', 'a,c', 'a,c', 'a', 'a'])
    expect(counts).toMatchObject({ attempted: 9, refused: 6, failed: 0 })
    expect(time.waits).toEqual([100, 200, 400, 400])
    expect(counts.waits.at(-1)).toBeUndefined()
  })

  it.each([
    awsError('ProvisionedThroughputExceededException', 'client'),
    awsError('ThrottlingException', 'client'),
    awsError('ServiceUnavailableException', 'server', 503),
    awsError('InternalFailure', 'server', 500),
    Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
    Object.assign(new Error('slow'), { name: 'TimeoutError' }),
  ])('tries again by itself after $name $code', async (error) => {
    const { done, requests, counts } = putting(entries('a'), [error])
    await done
    expect(requests).toEqual(['a', 'a'])
    expect(counts.failed).toBe(1)
  })

  it.each([
    awsError('ResourceNotFoundException', 'client'),
    awsError('AccessDeniedException', 'client'),
    awsError('ExpiredTokenException', 'client', 403),
    awsError('UnrecognizedClientException', undefined, 403),
    Object.assign(new Error('none found'), { name: 'CredentialsProviderError' }),
  ])('says at $name that somebody must see to it, and keeps what is left', async (error) => {
    const { done, left } = putting(entries('a', 'b', 'c', 'd'), [[undefined, undefined, undefined], error])
    await expect(done).rejects.toThrow(SendFault)
    await expect(done).rejects.toThrow(error.name)
    expect(left.map(({ data }) => Buffer.from(data).toString())).toEqual(['d'])
  })
})
