// `millrace kinesis`: the Kinesis API by itself, in front of a broker that another process runs. Real processes; the compiled command.
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { connect, tokenFile } from 'millrace'
import { describe, expect, it } from 'vitest'
import { TestDaemon } from '../../../support/daemon.ts'
import { kinesisCall } from '../../../end-to-end/apps/kinesis-call.ts'
import { command, startCommand } from '../../command.ts'

/** Starts the verb, and waits for the line that says ready. */
async function startKinesis(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = startCommand(['kinesis', '--port', '0', ...args], { env })
  const errors = text(child.stderr!)
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const { value = '' } = await lines.next()
  const url = /^kinesis is ready at (http:\S+) \(broker /.exec(value)?.[1]
  if (url === undefined) throw new Error(`not ready: ${value} ${await errors}`)
  return {
    url,
    child,
    interrupt: async (): Promise<number | null> => {
      const ended = once(child, 'exit') as Promise<[number | null]>
      child.kill('SIGINT')
      return (await ended)[0]
    },
  }
}

describe('millrace kinesis', () => {
  it('serves the broker that it is given, and ends in good order on Ctrl-C', async () => {
    await using daemon = await TestDaemon.start()
    const kinesis = await startKinesis(['--url', daemon.url, '--account', '123456789012'])
    try {
      expect(
        await kinesisCall(kinesis.url, 'CreateStream', { StreamName: 'clicks', ShardCount: 2 }),
      ).toMatchObject({
        status: 200,
      })
      await using client = await connect(daemon.url)
      expect((await client.describeStream('clicks')).openShardCount).toBe(2)
      const described = await kinesisCall(kinesis.url, 'DescribeStreamSummary', { StreamName: 'clicks' })
      expect(described.body).toMatchObject({
        StreamDescriptionSummary: { StreamARN: 'arn:aws:kinesis:us-east-1:123456789012:stream/clicks' },
      })
      expect(await kinesis.interrupt()).toBe(0)
    } finally {
      kinesis.child.kill('SIGKILL')
    }
  })

  it('asks for signatures where the broker requires access, by the token that it is given', async () => {
    await using daemon = await TestDaemon.start({ access: 'required' })
    const token = join(daemon.dataDir, 'root.token')
    const kinesis = await startKinesis(['--url', daemon.url, '--token-file', token])
    try {
      const refused = await kinesisCall(kinesis.url, 'ListStreams', {}, { isSigned: false })
      expect(refused).toMatchObject({ status: 400, body: { __type: 'MissingAuthenticationTokenException' } })
      await using client = await connect(daemon.url, { token: tokenFile(token) })
      expect((await client.describeBroker()).streamCount).toBe(0)
      expect(await kinesis.interrupt()).toBe(0)
    } finally {
      kinesis.child.kill('SIGKILL')
    }
  })

  it('needs no signatures in front of an open broker, although a token is at hand', async () => {
    await using daemon = await TestDaemon.start()
    const token = join(daemon.dataDir, 'root.token')
    const kinesis = await startKinesis(['--url', daemon.url, '--token-file', token])
    try {
      expect(await kinesisCall(kinesis.url, 'ListStreams', {})).toMatchObject({ status: 200 })
    } finally {
      await kinesis.interrupt()
    }
  })

  it.each([
    ['a flag by its name in the verb', ['--port', 'x'], '--port is "x": expected a port number.'],
    ['a variable by its own', [], 'MILLRACE_KINESIS_ACCOUNT is "12": expected twelve digits.'],
    [
      'what would be open to all',
      ['--host', '0.0.0.0'],
      '--host (0.0.0.0) cannot be used: other machines may reach it',
    ],
  ])('refuses %s', async (_, args, message) => {
    const env: Readonly<Record<string, string>> = args.length === 0 ? { MILLRACE_KINESIS_ACCOUNT: '12' } : {}
    const { code, stderr } = await command(['kinesis', ...args], { env })
    expect(code).toBe(2)
    expect(stderr).toContain(message)
  })

  it('says that no broker answers, and that a port is in use', async () => {
    const { code, stderr } = await command(['kinesis', '--url', 'millrace://127.0.0.1:1'])
    expect(code).toBe(3)
    expect(stderr).toContain('No broker answers at millrace://127.0.0.1:1')
    await using daemon = await TestDaemon.start()
    const taken = await command(['kinesis', '--url', daemon.url, '--port', String(daemon.port)])
    expect(taken.code).toBe(1)
    expect(taken.stderr).toContain(`127.0.0.1:${daemon.port} is in use`)
  })
})
