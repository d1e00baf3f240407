// Remembered keys: fresh enough that a revoked one stops, long enough that a flood asks the broker little.
import { expect, test } from 'vitest'
import type { CredentialScope } from '../../src/auth/authorization.ts'
import { ASKED_MAX, FRESH_MS, REMEMBERED_MAX, SigningKeys } from '../../src/auth/signing-keys.ts'
import type { VerifyingKey } from '../../src/auth/verify-signature.ts'

const found: VerifyingKey = { key: new Uint8Array(32), principal: 'alice' }
const scope = (accessKeyId: string): CredentialScope => ({
  accessKeyId,
  date: '20261130',
  region: 'eu-west-1',
  service: 'kinesis',
  terminator: 'aws4_request',
})

function counted(answer: (of: CredentialScope) => Promise<VerifyingKey | undefined>) {
  let now = 0
  const asked: CredentialScope[] = []
  const keys = new SigningKeys({
    ask: (of) => {
      asked.push(of)
      return answer(of)
    },
    elapsed: () => now,
  })
  return { keys, asked, pass: (ms: number) => (now += ms) }
}

test('SigningKeys: asks once for a while, and for callers that come together', async () => {
  const { keys, asked, pass } = counted(() => Promise.resolve(found))
  await Promise.all([keys.of(scope('a')), keys.of(scope('a'))])
  pass(FRESH_MS - 1)
  expect(await keys.of(scope('a'))).toEqual(found)
  expect(asked).toHaveLength(1)
  await keys.of({ ...scope('a'), region: 'us-east-1' })
  expect(asked).toHaveLength(2)
})

test('SigningKeys: forgets a key that was revoked', async () => {
  let answer: VerifyingKey | undefined = found
  const { keys, pass } = counted(() => Promise.resolve(answer))
  expect(await keys.of(scope('a'))).toEqual(found)
  answer = undefined
  pass(FRESH_MS)
  expect(await keys.of(scope('a'))).toBeUndefined()
})

test('SigningKeys: remembers that nobody has a key', async () => {
  const { keys, asked } = counted(() => Promise.resolve(undefined))
  await keys.of(scope('a'))
  await keys.of(scope('a'))
  expect(asked).toHaveLength(1)
})

test('SigningKeys: asks again after a question that failed', async () => {
  let fails = true
  const { keys } = counted(() => (fails ? Promise.reject(new Error('no')) : Promise.resolve(found)))
  await expect(keys.of(scope('a'))).rejects.toThrow('no')
  fails = false
  expect(await keys.of(scope('a'))).toEqual(found)
})

test('SigningKeys: asks for so many keys at a time, and no more', async () => {
  const answers: (() => void)[] = []
  const { keys, asked } = counted(() => new Promise((resolve) => answers.push(() => resolve(undefined))))
  const waiting = Array.from({ length: ASKED_MAX }, (_, at) => keys.of(scope(`${at}`)))
  await expect(keys.of(scope('one more'))).rejects.toMatchObject({ code: 'ServiceUnavailableException' })
  expect(asked).toHaveLength(ASKED_MAX)
  for (const answer of answers) answer()
  await Promise.all(waiting)
  const again = keys.of(scope('one more'))
  answers.at(-1)!()
  await again
  expect(asked).toHaveLength(ASKED_MAX + 1)
})

test('SigningKeys: asks for a key that somebody has, however many made-up ones are asked for', async () => {
  const { keys, asked, pass } = floodable()
  expect(await keys.of(scope('held'))).toEqual(found)
  pass(FRESH_MS)
  for (let at = 0; at < ASKED_MAX; at++) void keys.of(scope(`made up ${at}`))
  expect(await keys.of(scope('held'))).toEqual(found)
  expect(asked.filter(({ accessKeyId }) => accessKeyId === 'held')).toHaveLength(2)
})

test('SigningKeys: a flood of made-up keys displaces none that somebody has', async () => {
  const { keys, asked, answer } = floodable()
  await keys.of(scope('held'))
  for (let at = 0; at <= REMEMBERED_MAX; at++) {
    const made = keys.of(scope(`made up ${at}`))
    answer()
    await made
  }
  await keys.of(scope('held'))
  expect(asked.filter(({ accessKeyId }) => accessKeyId === 'held')).toHaveLength(1)
})

test('SigningKeys: goes on asking for a key that somebody has where a question failed', async () => {
  let fails = false
  const { keys, asked, pass } = counted(() =>
    fails ? Promise.reject(new Error('no')) : Promise.resolve(found),
  )
  await keys.of(scope('held'))
  pass(FRESH_MS)
  fails = true
  await expect(keys.of(scope('held'))).rejects.toThrow('no')
  fails = false
  expect(await keys.of(scope('held'))).toEqual(found)
  expect(asked).toHaveLength(3)
})

/** Somebody has the key 'held'; questions about others are answered when the test says so. */
function floodable() {
  const waiting: (() => void)[] = []
  return {
    ...counted(({ accessKeyId }) =>
      accessKeyId === 'held'
        ? Promise.resolve(found)
        : new Promise((resolve) => waiting.push(() => resolve(undefined))),
    ),
    answer: () => waiting.shift()!(),
  }
}
