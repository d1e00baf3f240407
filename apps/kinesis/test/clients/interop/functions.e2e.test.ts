// A daemon with the apps kinesis and functions: a mapping that AWS' SDK makes calls a function of the command line with the records that
// AWS' SDK puts, and the command line shows it. Real processes.
import { CreateStreamCommand, PutRecordCommand } from '@aws-sdk/client-kinesis'
import {
  CreateEventSourceMappingCommand,
  DeleteEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  InvokeCommand,
  LambdaClient,
  ListFunctionsCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ServedDaemon } from '../support/daemon.ts'
import { sdkClient } from '../support/sdk.ts'

const handlerOf = (noted: string): string => `
import { appendFile } from 'node:fs/promises'
export const handler = async ({ Records = [], who }) => {
  for (const { kinesis, eventSourceARN } of Records) {
    const text = Buffer.from(kinesis.data, 'base64').toString()
    await appendFile(${JSON.stringify(noted)}, \`\${eventSourceARN} \${text}\\n\`)
  }
  if (who === 'nobody') throw new TypeError('there is nobody')
  return { greeting: \`hello, \${who}\` }
}
`

it('serve --with functions,kinesis: a mapping by the SDK calls a function with what the SDK puts', async () => {
  await using daemon = await ServedDaemon.start('functions,kinesis')
  const kinesis = sdkClient(daemon.kinesisPort)
  const lambda = new LambdaClient({
    endpoint: `http://127.0.0.1:${daemon.kinesisPort}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
  })
  const create = () =>
    kinesis.send(new CreateStreamCommand({ StreamName: 'clicks', ShardCount: 1 })).then(
      () => 'made',
      (error: Error) => (error.name === 'ResourceInUseException' ? 'made' : error.name),
    )
  await expect.poll(create).toBe('made')
  const put = (text: string) =>
    kinesis.send(new PutRecordCommand({ StreamName: 'clicks', PartitionKey: 'ada', Data: Buffer.from(text) }))
  const noted = join(daemon.directory, 'noted.txt')
  const seen = () => readFile(noted, 'utf8').catch(() => '')
  const module = join(daemon.directory, 'greet.mjs')
  await writeFile(module, handlerOf(noted))
  await daemon.printed('function', 'create', 'greet', '--handler', module)
  const { Functions } = await lambda.send(new ListFunctionsCommand({}))
  expect(Functions).toMatchObject([{ FunctionName: 'greet', Handler: 'greet.handler' }])

  const EventSourceArn = 'arn:aws:kinesis:us-east-1:000000000000:stream/clicks'
  const { UUID } = await lambda.send(
    new CreateEventSourceMappingCommand({
      FunctionName: 'greet',
      EventSourceArn,
      StartingPosition: 'LATEST',
      BatchSize: 10,
    }),
  )
  const described = () => lambda.send(new GetEventSourceMappingCommand({ UUID }))
  // It is not waited for the app: LATEST was the time of the creation.
  await put('one')
  await expect.poll(seen).toBe(`${EventSourceArn} one\n`)
  await expect.poll(described).toMatchObject({ State: 'Enabled', LastProcessingResult: 'OK' })
  expect(await daemon.printed('function', 'describe', 'greet')).toContain(UUID)

  const invoke = async (payload: string) => {
    const answer = await lambda.send(
      new InvokeCommand({ FunctionName: 'greet', Payload: Buffer.from(payload), LogType: 'Tail' }),
    )
    return { ...answer, text: answer.Payload!.transformToString() }
  }
  const answer = await invoke('{"who":"Ada"}')
  expect(answer).toMatchObject({
    StatusCode: 200,
    ExecutedVersion: '$LATEST',
    text: '{"greeting":"hello, Ada"}',
  })
  expect(Buffer.from(answer.LogResult!, 'base64').toString()).toContain('START')
  const failed = await invoke('{"who":"nobody"}')
  expect(failed.FunctionError).toBe('Unhandled')
  expect(JSON.parse(failed.text)).toMatchObject({ errorType: 'TypeError', errorMessage: 'there is nobody' })
  await expect(invoke('{')).rejects.toMatchObject({ name: 'InvalidRequestContentException' })

  await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false }))
  await expect.poll(described).toMatchObject({ State: 'Disabled' })
  await put('two')
  await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: true }))
  await expect.poll(seen).toBe(`${EventSourceArn} one\n${EventSourceArn} two\n`)
  await lambda.send(new DeleteEventSourceMappingCommand({ UUID }))
  await expect.poll(() => described().catch(({ name }: Error) => name)).toBe('ResourceNotFoundException')
  kinesis.destroy()
  lambda.destroy()
})
