// The calls of Terraform's provider for aws_lambda_event_source_mapping, replayed as bodies on the wire: what it sends and waits for when a
// mapping is made, read, changed and deleted. The reports of the app functions are the test's.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { defaultMapping } from './support/default-mapping.ts'
import { ACCOUNT, functionArnOf, LambdaWorld, streamArnOf } from './support/lambda-world.ts'

const MAPPINGS = '/2015-03-31/event-source-mappings'

/** The states in which the provider goes on waiting; in any other that is not its target it gives up. */
const pending = {
  created: ['Creating', 'Disabling', 'Enabling'],
  updated: ['Disabling', 'Enabling', 'Updating'],
  deleted: ['Deleting'],
} as const

let world: LambdaWorld

beforeAll(async () => {
  world = await LambdaWorld.start()
})
afterAll(async () => await world[Symbol.asyncDispose]())

interface Answer {
  readonly status: number
  readonly error: string | null
  readonly body: Record<string, unknown>
}

async function call(method: string, path: string, body?: object): Promise<Answer> {
  const answer = await fetch(`${world.endpoint.url}${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      authorization:
        'AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=any',
      'x-amz-date': '20260101T000000Z',
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return {
    status: answer.status,
    error: answer.headers.get('x-amzn-errortype'),
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  }
}

/** A mapping as the provider makes one of these attributes, waited for as the provider does. */
async function applied(more: object = {}) {
  const FunctionName = await world.function()
  const EventSourceArn = streamArnOf(await world.stream())
  const given = { Enabled: true, EventSourceArn, FunctionName, StartingPosition: 'LATEST', ...more }
  const made = await call('POST', MAPPINGS, given)
  expect(made.status).toBe(202)
  const uuid = made.body['UUID'] as string
  const path = `${MAPPINGS}/${uuid}`
  expect(pending.created).toContain((await call('GET', path)).body['State'])
  await world.report(uuid, {
    state: given.Enabled ? 'enabled' : 'disabled',
    lastResult: 'No records processed',
  })
  return { uuid, path, made: made.body, EventSourceArn, FunctionName }
}

it('makes one and reads it, as AWS answers', async () => {
  const { uuid, path, made, EventSourceArn, FunctionName } = await applied({ Tags: { team: 'data' } })
  const described = {
    ...defaultMapping,
    UUID: uuid,
    StartingPosition: 'LATEST',
    EventSourceArn,
    FunctionArn: functionArnOf(FunctionName),
    LastModified: expect.any(Number) as number,
    EventSourceMappingArn: `arn:aws:lambda:us-east-1:${ACCOUNT}:event-source-mapping:${uuid}`,
  }
  expect(made).toEqual(described)
  expect(await call('GET', path)).toEqual({
    status: 200,
    error: null,
    body: { ...described, State: 'Enabled' },
  })
  const tags = `/2017-03-31/tags/${encodeURIComponent(described.EventSourceMappingArn)}`
  expect((await call('GET', tags)).body).toEqual({ Tags: { team: 'data' } })
  // A change of tags alone has an empty change with it.
  expect((await call('POST', tags, { Tags: { team: 'web' } })).status).toBe(204)
  expect((await call('PUT', path, {})).body['State']).toBe('Updating')
  await world.report(uuid, { version: 2 })
  expect((await call('GET', path)).body['State']).toBe('Enabled')
  expect((await call('GET', tags)).body).toEqual({ Tags: { team: 'web' } })
})

it('makes one that is disabled', async () => {
  const { path } = await applied({ Enabled: false })
  expect((await call('GET', path)).body['State']).toBe('Disabled')
})

interface Change {
  readonly attribute: string
  /** What the mapping is made with. */
  readonly made?: object
  /** The body of the provider's update. */
  readonly update: object
  /** Members of the answer afterwards; undefined: it has no such member. */
  readonly shows: Readonly<Record<string, unknown>>
}

const FILTERS = { Filters: [{ Pattern: '{"data":{"kind":["click"]}}' }, { Pattern: '{"data":{"n":[1]}}' }] }
const KMS_KEY = `arn:aws:kms:us-east-1:${ACCOUNT}:key/00000000-0000-4000-8000-000000000000`

it.each<Change>([
  { attribute: 'batch_size', update: { BatchSize: 7 }, shows: { BatchSize: 7 } },
  {
    attribute: 'bisect_batch_on_function_error',
    made: { BisectBatchOnFunctionError: true },
    update: { BisectBatchOnFunctionError: false },
    shows: { BisectBatchOnFunctionError: false },
  },
  { attribute: 'filter_criteria', update: { FilterCriteria: FILTERS }, shows: { FilterCriteria: FILTERS } },
  {
    attribute: 'filter_criteria, taken away',
    made: { FilterCriteria: FILTERS },
    update: { FilterCriteria: {} },
    shows: { FilterCriteria: undefined },
  },
  {
    attribute: 'function_response_types',
    update: { FunctionResponseTypes: ['ReportBatchItemFailures'] },
    shows: { FunctionResponseTypes: ['ReportBatchItemFailures'] },
  },
  {
    attribute: 'function_response_types, taken away',
    made: { FunctionResponseTypes: ['ReportBatchItemFailures'] },
    update: { FunctionResponseTypes: [] },
    shows: { FunctionResponseTypes: [] },
  },
  { attribute: 'kms_key_arn', update: { KMSKeyArn: KMS_KEY }, shows: { KMSKeyArn: KMS_KEY } },
  {
    attribute: 'kms_key_arn, taken away',
    made: { KMSKeyArn: KMS_KEY },
    update: { KMSKeyArn: '' },
    shows: { KMSKeyArn: undefined },
  },
  {
    attribute: 'maximum_batching_window_in_seconds',
    update: { MaximumBatchingWindowInSeconds: 5 },
    shows: { MaximumBatchingWindowInSeconds: 5 },
  },
  {
    attribute: 'maximum_record_age_in_seconds',
    made: { MaximumRecordAgeInSeconds: 60 },
    update: { MaximumRecordAgeInSeconds: -1 },
    shows: { MaximumRecordAgeInSeconds: -1 },
  },
  {
    attribute: 'maximum_retry_attempts',
    made: { MaximumRetryAttempts: 3 },
    update: { MaximumRetryAttempts: 0 },
    shows: { MaximumRetryAttempts: 0 },
  },
  {
    attribute: 'metrics_config',
    update: { MetricsConfig: { Metrics: ['EventCount'] } },
    shows: { MetricsConfig: { Metrics: ['EventCount'] } },
  },
  {
    attribute: 'metrics_config, taken away',
    made: { MetricsConfig: { Metrics: ['EventCount'] } },
    update: { MetricsConfig: {} },
    shows: { MetricsConfig: undefined },
  },
  {
    attribute: 'parallelization_factor',
    update: { ParallelizationFactor: 4 },
    shows: { ParallelizationFactor: 4 },
  },
  {
    attribute: 'tumbling_window_in_seconds',
    update: { TumblingWindowInSeconds: 30 },
    shows: { TumblingWindowInSeconds: 30 },
  },
])('changes $attribute, and waits until it is enabled', async ({ made = {}, update, shows }) => {
  const { uuid, path } = await applied(made)
  const changed = await call('PUT', path, update)
  expect(changed).toMatchObject({
    status: 202,
    body: { State: 'Updating', StateTransitionReason: 'User action' },
  })
  expect(pending.updated).toContain((await call('GET', path)).body['State'])
  await world.report(uuid, { version: 2 })
  const { body } = await call('GET', path)
  expect(body).toMatchObject({ State: 'Enabled', LastProcessingResult: 'OK' })
  expect(Object.fromEntries(Object.keys(shows).map((member) => [member, body[member]]))).toEqual(shows)
})

it('stops and resumes one', async () => {
  const { uuid, path } = await applied()
  expect((await call('PUT', path, { Enabled: false })).body['State']).toBe('Disabling')
  await world.report(uuid, { version: 2, state: 'disabled' })
  expect((await call('GET', path)).body['State']).toBe('Disabled')
  expect((await call('PUT', path, { Enabled: true })).body['State']).toBe('Enabling')
  await world.report(uuid, { version: 3 })
  expect((await call('GET', path)).body['State']).toBe('Enabled')
})

it('a change that no app has seen is one that is waited for, whatever the app has seen before', async () => {
  const made = await world.made()
  const changed = await call('PUT', `${MAPPINGS}/${made.UUID}`, { BatchSize: 7 })
  expect(pending.updated).toContain(changed.body['State'])
})

it('deletes one, and waits until it is gone', async () => {
  const { path } = await applied()
  const deleted = await call('DELETE', path)
  expect(deleted).toMatchObject({ status: 202, body: { State: 'Deleting' } })
  expect(pending.deleted).toContain(deleted.body['State'])
  const gone = { status: 404, error: 'ResourceNotFoundException' }
  expect(await call('GET', path)).toMatchObject(gone)
  expect(await call('DELETE', path)).toMatchObject(gone)
})

it('a second one of the function and the stream is refused in the words that name the first', async () => {
  const { uuid, EventSourceArn, FunctionName } = await applied()
  const given = { Enabled: true, EventSourceArn, FunctionName, StartingPosition: 'LATEST' }
  expect(await call('POST', MAPPINGS, given)).toMatchObject({
    status: 409,
    error: 'ResourceConflictException',
    body: { message: expect.stringContaining(`UUID ${uuid}`) as string },
  })
})
