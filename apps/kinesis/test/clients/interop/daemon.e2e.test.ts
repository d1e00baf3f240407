// The lines of the README: a daemon with the endpoint in it, the client of AWS, and the command line of the broker.
import { CreateStreamCommand } from '@aws-sdk/client-kinesis'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { end, ServedDaemon } from '../support/daemon.ts'
import { putTexts, readStream, sdkClient, textOf } from '../support/sdk.ts'

it('serve --with kinesis: AWS clients create and put, and `millrace consume` prints what they put', async () => {
  await using daemon = await ServedDaemon.start('kinesis')
  const client = sdkClient(daemon.kinesisPort)
  const create = () =>
    client.send(new CreateStreamCommand({ StreamName: 'clicks', ShardCount: 2 })).then(
      () => 'made',
      (error: Error) => (error.name === 'ResourceInUseException' ? 'made' : error.name),
    )
  await expect.poll(create).toBe('made')
  const texts = ['ada:1', 'bob:2', 'cid:3']
  expect((await putTexts(client, 'clicks', texts)).FailedRecordCount).toBe(0)
  expect((await readStream(client, 'clicks')).map(textOf).toSorted()).toEqual(texts)

  const consume = daemon.run('consume', 'clicks', '--from', 'TRIM_HORIZON', '--follow')
  const lines: string[] = []
  createInterface({ input: consume.stdout }).on('line', (line) => lines.push(line))
  for (const text of texts) await expect.poll(() => lines.join('\n')).toContain(text)
  await putTexts(client, 'clicks', ['dee:4'])
  await expect.poll(() => lines.join('\n')).toContain('dee:4')
  await end(consume)
  client.destroy()
})
