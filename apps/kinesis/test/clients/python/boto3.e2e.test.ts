// boto3 against an endpoint: the checks of boto3_checks.py. They skip where Python has no boto3.
import { afterAll, beforeAll, describe, it } from 'vitest'
import { TestEndpoint } from '../support/endpoint.ts'
import { checksOf, hasPython, runCheck } from '../support/python.ts'

const FILE = 'boto3_checks.py'

let endpoint: TestEndpoint

beforeAll(async () => {
  endpoint = await TestEndpoint.start()
})
afterAll(async () => await endpoint[Symbol.asyncDispose]())

describe.skipIf(!hasPython('boto3'))('boto3 (skipped where Python has no boto3)', () => {
  it.concurrent.each(checksOf(FILE))('$name: $promise', async (check) => {
    await runCheck(FILE, check, { AWS_ENDPOINT_URL: endpoint.url })
  })
})
