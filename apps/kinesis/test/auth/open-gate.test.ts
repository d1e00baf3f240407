// The gate without signatures: who looks signed may do everything, but web pages of other machines.
import type { Client } from 'millrace'
import { expect, test } from 'vitest'
import { openGate } from '../../src/auth/open-gate.ts'
import { endpointDefaults } from '../../src/settings.ts'
import { headOf } from './support/requests.ts'

const own = {} as Client
const gate = openGate(own, endpointDefaults)

function send(...headers: [name: string, value: string][]) {
  const credential = 'x/20261130/eu-west-1/kinesis/aws4_request'
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=x`
  const head = headOf({
    headers: [['authorization', authorization], ['x-amz-date', '20261130T120000Z'], ...headers],
  })
  return gate('kinesis', { head, body: new Uint8Array(), signal: new AbortController().signal })
}

test('openGate: takes any signature, and its region', async () => {
  const { caller, region } = await send()
  expect(caller.client).toBe(own)
  expect(region).toBe('eu-west-1')
})

test.each([
  'http://localhost:3000',
  'https://shop.localhost',
  'http://127.0.0.1:4567',
  'http://[::1]:8080',
  'whatever',
])('openGate: takes requests of the page %s', async (origin) => {
  expect((await send(['Origin', origin])).caller.client).toBe(own)
})

test.each([
  'https://example.org',
  'http://example.org:4567',
  'http://127.0.0.1.example.org',
  'http://localhost.example.org',
  'http://10.0.0.7',
  'http://[2001:db8::1]',
  'file://x',
  'null',
])('openGate: refuses requests of the page %s, whoever opened it', async (origin) => {
  await expect(send(['Origin', origin])).rejects.toMatchObject({
    code: 'AccessDeniedException',
    message: expect.stringContaining(origin) as string,
  })
})
