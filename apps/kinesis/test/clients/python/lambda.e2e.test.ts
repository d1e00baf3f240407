// boto3 against the Lambda API of a daemon that runs functions, and the AWS CLI against that of an endpoint. Skips where Python has no boto3,
// or where there is no CLI.
import { functionKinds } from 'millrace/protocol'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { FakeInvokePort } from '../../lambda/support/fake-invoke-port.ts'
import { functionArnOf, LambdaWorld, streamArnOf } from '../../lambda/support/lambda-world.ts'
import { ServedDaemon } from '../support/daemon.ts'
import { checksOf, environmentOf, hasAwsCli, hasPython, runCheck } from '../support/python.ts'

const run = promisify(execFile)
const FILE = 'lambda_checks.py'

const echo = `export const handler = async (event) => {
  if (event.fail !== undefined) throw new Error(event.fail)
  return event
}`

describe.skipIf(!hasPython('boto3'))('boto3 (skipped where Python has no boto3)', () => {
  let daemon: ServedDaemon
  beforeAll(async () => {
    daemon = await ServedDaemon.start('functions,kinesis')
    const module = join(daemon.directory, 'echo.mjs')
    await writeFile(module, echo)
    const waited = (...words: string[]) => vi.waitFor(() => daemon.printed(...words), { timeout: 60_000 })
    await waited('function', 'create', 'echo', '--handler', module)
    // From when this succeeds, the app takes calls.
    await waited('function', 'invoke', 'echo')
  })
  afterAll(async () => await daemon[Symbol.asyncDispose]())

  it.concurrent.each(checksOf(FILE))('$name: $promise', async (check) => {
    const AWS_ENDPOINT_URL = `http://127.0.0.1:${daemon.kinesisPort}`
    await runCheck(FILE, check, { AWS_ENDPOINT_URL, FUNCTION_NAME: 'echo' })
  })
})

let world: LambdaWorld

beforeAll(async () => {
  world = await LambdaWorld.start()
})
afterAll(async () => await world[Symbol.asyncDispose]())

/** Runs `aws lambda …` and returns its answer; without text, undefined. Rejects with what it printed if it fails. */
async function lambda(...words: readonly string[]): Promise<unknown> {
  const { stdout } = await run('aws', ['--endpoint-url', world.endpoint.url, 'lambda', ...words], {
    env: environmentOf({ AWS_MAX_ATTEMPTS: '1' }),
  })
  return stdout.trim() === '' ? undefined : JSON.parse(stdout)
}

describe.skipIf(!hasAwsCli())('aws lambda (skipped where there is no AWS CLI)', () => {
  it('maps, lists, changes, tags and deletes', async () => {
    const name = await world.function()
    const arn = streamArnOf(await world.stream())
    const made = (await lambda(
      'create-event-source-mapping',
      '--function-name',
      name,
      '--event-source-arn',
      arn,
      '--starting-position',
      'AT_TIMESTAMP',
      '--starting-position-timestamp',
      '1700000000',
      '--filter-criteria',
      '{"Filters":[{"Pattern":"{\\"data\\":{\\"kind\\":[\\"click\\"]}}"}]}',
    )) as { readonly UUID: string; readonly EventSourceMappingArn: string }
    expect(made).toMatchObject({ EventSourceArn: arn, FunctionArn: functionArnOf(name), State: 'Creating' })
    expect((await world.mapping(made.UUID))!.source.from).toEqual({ atTimestamp: 1_700_000_000_000 })
    const uuid = ['--uuid', made.UUID]
    await lambda('update-event-source-mapping', ...uuid, '--batch-size', '5', '--no-enabled')
    expect(await world.mapping(made.UUID)).toMatchObject({ batchSize: 5, state: 'disabled' })
    const tagged = ['--resource', made.EventSourceMappingArn]
    await lambda('tag-resource', ...tagged, '--tags', 'team=data,kind=test')
    await lambda('untag-resource', ...tagged, '--tag-keys', 'kind', 'none')
    expect(await lambda('list-tags', ...tagged)).toEqual({ Tags: { team: 'data' } })
    expect(await lambda('list-event-source-mappings', '--function-name', name)).toMatchObject({
      EventSourceMappings: [{ UUID: made.UUID, BatchSize: 5 }],
    })
    expect(await lambda('delete-event-source-mapping', ...uuid)).toMatchObject({ State: 'Deleting' })
    await expect(lambda('get-event-source-mapping', ...uuid)).rejects.toThrow(/ResourceNotFoundException/)
  })

  it('lists, describes and calls functions', async () => {
    await using port = await FakeInvokePort.open(({ body }) => ({ status: 200, body: `{"got":${body}}` }))
    await world.endpoint.native.documents(functionKinds.endpoints).put('copy', port.announcement())
    const name = await world.function()
    expect(await lambda('get-function', '--function-name', functionArnOf(name))).toMatchObject({
      Configuration: { FunctionName: name, State: 'Active' },
    })
    expect(await lambda('list-functions')).toMatchObject({
      Functions: expect.arrayContaining([expect.objectContaining({ FunctionName: name })]) as unknown[],
    })
    const directory = await mkdtemp(join(tmpdir(), 'millrace-lambda-'))
    const answer = join(directory, 'answer.json')
    // The two versions of the CLI take payloads on the command line in different forms, and files in one.
    const event = join(directory, 'event.json')
    await writeFile(event, '{"a":1}')
    const payload = ['--payload', `fileb://${event}`]
    expect(await lambda('invoke', '--function-name', name, ...payload, answer)).toEqual({ StatusCode: 200 })
    expect(await readFile(answer, 'utf8')).toBe('{"got":{"a":1}}')
    await rm(directory, { recursive: true })
  })
})
