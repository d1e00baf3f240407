// The app kinesis in the daemon: streams of AWS clients are those of native clients, through restarts of the app. The lines of the README
// run as written where the AWS command line is there. Real processes.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { connect } from 'millrace'
import { describe, expect, it } from 'vitest'
import { command } from '../../cli/command.ts'
import { knownProcess, TestDaemon, untilGone } from '../../support/daemon.ts'
import { kinesisCall } from './kinesis-call.ts'
import { freePort } from '../../support/ports.ts'

const run = promisify(execFile)

async function startDaemon(): Promise<{ readonly daemon: TestDaemon; readonly url: string }> {
  const port = await freePort()
  const daemon = await TestDaemon.start({ with: 'kinesis', kinesisPort: String(port) })
  return { daemon, url: `http://127.0.0.1:${port}` }
}

const appPids = (daemon: TestDaemon): number[] =>
  [...daemon.log().matchAll(/"appPid":(\d+),.*app kinesis is ready/g)].map((match) => Number(match[1]))

describe('serve --with kinesis', () => {
  it('serves the API over the broker, again after the app was killed, and leaves nothing behind', async () => {
    const { daemon, url } = await startDaemon()
    await using _ = daemon
    expect(await kinesisCall(url, 'CreateStream', { StreamName: 'clicks', ShardCount: 1 })).toMatchObject({
      status: 200,
    })
    const [first] = appPids(daemon)
    process.kill(first!, 'SIGKILL')
    await expect.poll(() => appPids(daemon).length).toBe(2)
    expect(await kinesisCall(url, 'ListStreams', {})).toMatchObject({
      status: 200,
      body: { StreamNames: ['clicks'] },
    })
    const data = Buffer.from('through the API').toString('base64')
    expect(
      await kinesisCall(url, 'PutRecord', { StreamName: 'clicks', PartitionKey: 'ada', Data: data }),
    ).toMatchObject({ status: 200, body: { ShardId: 'shardId-000000000000' } })
    await using client = await connect(daemon.url)
    for await (const record of client.read('clicks')) {
      expect(record.partitionKey).toBe('ada')
      expect(Buffer.from(record.bytes).toString()).toBe('through the API')
      break
    }
    const apps = appPids(daemon).map(knownProcess)
    await daemon.stop()
    await untilGone(apps)
  })

  it('the lines of the README work as written', async ({ skip }) => {
    const hasAws = await run('aws', ['--version']).then(
      () => true,
      () => false,
    )
    skip(!hasAws, 'the AWS command line is not installed here')
    const { daemon, url } = await startDaemon()
    await using _ = daemon
    const credentials = { AWS_ACCESS_KEY_ID: 'nobody', AWS_SECRET_ACCESS_KEY: 'nothing' }
    const env = { ...process.env, ...credentials, AWS_EC2_METADATA_DISABLED: 'true' }
    const aws = async (...words: string[]): Promise<string> =>
      (await run('aws', ['--endpoint-url', url, '--region', 'us-east-1', 'kinesis', ...words], { env }))
        .stdout
    await aws('create-stream', '--stream-name', 'clicks', '--shard-count', '2')
    await command(['produce', 'clicks'], { url: daemon.url, input: 'hello\n' })
    const consumed = ['consume', 'clicks', '--from', 'TRIM_HORIZON', '--count', '1', '--format', 'raw']
    const { stdout } = await command(consumed, { url: daemon.url })
    expect(stdout.toString()).toBe('hello\n')
  })
})
