// From the Firehose API to files: the apps kinesis and delivery in one daemon, on real processes. What is put is in exactly one object,
// also through kills of the apps.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { TestDaemon } from '../../support/daemon.ts'
import { temporaryDirectory } from '../../support/disk/temporary.ts'
import { freePort } from '../../support/ports.ts'
import { firehoseCall } from './kinesis-call.ts'

const DeliveryStreamName = 'lake'

/** Lines of all files, in their order. */
async function linesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  const paths = entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'))
    .map((entry) => join(entry.parentPath, entry.name))
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8')))
  return texts
    .flatMap((text) => text.split('\n'))
    .filter((line) => line !== '')
    .sort((a, b) => (a < b ? -1 : 1))
}

/** Ids of the processes that an app had, the one of now last. */
const pidsOf = (daemon: TestDaemon, app: string): number[] =>
  [...daemon.log().matchAll(new RegExp(`"appPid":(\\d+),.*app ${app} is ready`, 'g'))].map((match) =>
    Number(match[1]),
  )

it('records that are put by the Firehose API are in files below the directory of buckets', async () => {
  await using buckets = await temporaryDirectory()
  const port = await freePort()
  await using daemon = await TestDaemon.start({
    with: 'kinesis,delivery',
    kinesisPort: String(port),
    kinesisBuckets: buckets.path,
  })
  const url = `http://127.0.0.1:${port}`
  const call = async (operation: string, input: object): Promise<unknown> => {
    const { status, body } = await firehoseCall(url, operation, { DeliveryStreamName, ...input })
    expect({ status, body }).toMatchObject({ status: 200 })
    return body
  }
  await call('CreateDeliveryStream', {
    ExtendedS3DestinationConfiguration: {
      RoleARN: 'arn:aws:iam::123456789012:role/firehose',
      BucketARN: 'arn:aws:s3:::events',
      Prefix: 'in/',
      BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 1 },
      ProcessingConfiguration: {
        Enabled: true,
        Processors: [{ Type: 'AppendDelimiterToRecord', Parameters: [] }],
      },
    },
  })
  const statusOf = async (): Promise<unknown> => {
    const { DeliveryStreamDescription: description } = (await call('DescribeDeliveryStream', {})) as {
      readonly DeliveryStreamDescription: { readonly DeliveryStreamStatus: string }
    }
    return description.DeliveryStreamStatus
  }
  await expect.poll(statusOf).toBe('ACTIVE')
  const expected: string[] = []
  for (let round = 0; round < 3; round++) {
    const texts = Array.from(
      { length: 100 },
      (_, at) => `round ${round} record ${String(at).padStart(3, '0')}`,
    )
    const Records = texts.map((text) => ({ Data: Buffer.from(text).toString('base64') }))
    expect(await call('PutRecordBatch', { Records })).toMatchObject({ FailedPutCount: 0 })
    expected.push(...texts)
    const before = pidsOf(daemon, 'delivery')
    process.kill(before.at(-1)!, 'SIGKILL')
    await expect.poll(() => pidsOf(daemon, 'delivery').length).toBe(before.length + 1)
  }
  await expect.poll(() => linesIn(join(buckets.path, 'events', 'in'))).toEqual(expected)
  await call('DeleteDeliveryStream', {})
  const isGone = async (): Promise<number> =>
    (await firehoseCall(url, 'DescribeDeliveryStream', { DeliveryStreamName })).status
  await expect.poll(isGone).toBe(400)
  expect(await linesIn(join(buckets.path, 'events', 'in'))).toEqual(expected)
})
