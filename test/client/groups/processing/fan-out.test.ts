// A group registers its consumer once in each stream, and again where the stream does not have it any more.
import { expect, it } from 'vitest'
import { FanOut } from '../../../../client/groups/processing/fan-out.ts'
import { MillraceError } from '../../../../client/errors.ts'

function startFanOut(outcome: (calls: number) => Promise<never>) {
  const asked: string[] = []
  const call = (_operation: string, { stream }: { readonly stream: string }): Promise<never> =>
    outcome(asked.push(stream))
  const fanOut = new FanOut({ call: call as never }, 'dashboard')
  const { signal } = new AbortController()
  return {
    asked,
    fanOut,
    register: (stream: string, streamId: number) => fanOut.registered({ stream, streamId }, signal),
  }
}

it('fan-out: asks once a stream, however many shards begin, and again for a stream that was made anew', async () => {
  const { asked, fanOut, register } = startFanOut(() => Promise.resolve({} as never))
  await Promise.all([register('clicks', 1), register('clicks', 1), register('views', 2)])
  await register('clicks', 1)
  expect(asked).toEqual(['clicks', 'views'])
  await register('clicks', 3)
  fanOut.forget(2)
  await register('views', 2)
  expect(asked).toEqual(['clicks', 'views', 'clicks', 'views'])
})

it('fan-out: takes a consumer that is registered already, and asks again after any other refusal', async () => {
  const refusals = ['limitExceeded', 'consumerExists'] as const
  const { asked, register } = startFanOut((calls) =>
    Promise.reject(new MillraceError(refusals[calls - 1]!, 'refused')),
  )
  await expect(register('clicks', 1)).rejects.toMatchObject({ code: 'limitExceeded' })
  await register('clicks', 1)
  await register('clicks', 1)
  expect(asked).toHaveLength(2)
})
