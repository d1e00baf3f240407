// Where records go: streams that are made, streams and deliveries that are missing at first, an endpoint of AWS' protocol that refuses a part of
// what is put. What waits says why. Real processes.
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, tokenFile } from 'millrace'
import { deliveryKinds } from 'millrace/protocol'
import { describe, expect, it, onTestFinished } from 'vitest'
import { command } from '../../../../test/cli/command.ts'
import { TestDaemon } from '../../../../test/support/daemon.ts'
import { freePort } from '../../../../test/support/ports.ts'
import type { AgentSnapshot } from '../../src/status/snapshot.ts'
import { RunningAgent } from '../support/running-agent.ts'
import { differences, linesOf, nothing, numbered } from '../support/stream-lines.ts'

async function folderWith(
  config: object,
  lines: readonly string[],
): Promise<{ config: string; log: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-agent-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const paths = { config: join(folder, 'agent.json'), log: join(folder, 'a.log') }
  await writeFile(paths.config, JSON.stringify(config))
  await writeFile(paths.log, lines.join(''))
  return paths
}

const flow = { filePattern: '*.log', initialPosition: 'START_OF_FILE', maxBufferAgeMillis: 0 }

describe('millrace agent', () => {
  it('makes a stream that is missing, and sends to a delivery by its name', async () => {
    await using daemon = await TestDaemon.start()
    await using client = await connect(daemon.url)
    const lines = numbered(0, 100)
    const { config } = await folderWith(
      {
        flows: [
          { ...flow, kinesisStream: 'clicks' },
          { ...flow, deliveryStream: 'lake' },
        ],
      },
      lines,
    )
    await using agent = await RunningAgent.start(config, daemon.url)
    await expect.poll(() => linesOf(client, 'clicks').catch(() => [])).toHaveLength(100)
    const lake = async () => (await agent.status()).flows[1]!
    await expect.poll(async () => (await lake()).state).toBe('waiting')
    const { reason, files } = await lake()
    expect(reason).toContain('The delivery lake does not exist')
    expect(files[0]).toMatchObject({ lagBytes: lines.join('').length, state: 'destination', reason })
    await client.createStream('lake.delivery', { shards: 1 })
    await client
      .documents(deliveryKinds.definitions)
      .put('lake', { state: 'active', source: { stream: 'lake.delivery' } })
    await expect.poll(() => linesOf(client, 'lake.delivery')).toHaveLength(100)
    expect(differences(lines, await linesOf(client, 'lake.delivery'))).toEqual(nothing)
    await expect.poll(async () => (await lake()).state).toBe('running')
  })

  it('waits for a stream that it may not make, says so, and goes on when the stream is there, and when it is made again', async () => {
    await using daemon = await TestDaemon.start()
    await using client = await connect(daemon.url)
    const { config, log } = await folderWith(
      { 'millrace.createStreams': false, flows: [{ ...flow, kinesisStream: 'clicks' }] },
      numbered(0, 10),
    )
    await using agent = await RunningAgent.start(config, daemon.url)
    const state = async () => (await agent.status()).flows[0]!
    await expect.poll(async () => (await state()).reason).toContain('The stream clicks does not exist')
    await client.createStream('clicks', { shards: 1 })
    await expect.poll(() => linesOf(client, 'clicks')).toHaveLength(10)
    await client.deleteStream('clicks')
    await appendFile(log, numbered(10, 10).join(''))
    await expect.poll(async () => (await state()).reason).toContain('The stream clicks does not exist')
    await client.createStream('clicks', { shards: 2 })
    await expect.poll(() => linesOf(client, 'clicks')).toHaveLength(10)
    expect(differences(numbered(10, 10), await linesOf(client, 'clicks'))).toEqual(nothing)
  })

  it('starts before its broker, says on its page and in its log that it waits, and sends when the broker is there', async () => {
    await using daemon = await TestDaemon.start()
    const { url } = daemon
    await daemon.stop()
    const lines = numbered(0, 10)
    const { config } = await folderWith({ flows: [{ ...flow, kinesisStream: 'clicks' }] }, lines)
    await using agent = await RunningAgent.start(config, url)
    const state = async () => (await agent.status()).flows[0]!
    await expect.poll(async () => (await state()).reason).toContain('The broker is not reached yet')
    await expect
      .poll(async () => (await state()).files[0])
      .toMatchObject({ state: 'destination', lagBytes: lines.join('').length })
    await daemon.restart()
    await using client = await connect(daemon.url)
    await expect.poll(() => linesOf(client, 'clicks').catch(() => [])).toEqual(lines)
    await expect.poll(async () => (await state()).reason).toBeUndefined()
    const { code, stderr } = await agent.interrupt()
    expect(code).toBe(0)
    expect(stderr).toContain('The broker is not reached yet')
    expect(stderr).toContain('The broker is reached.')
  })

  it('ends in good order while its broker is still away', async () => {
    const { config } = await folderWith({ flows: [{ ...flow, kinesisStream: 'clicks' }] }, numbered(0, 10))
    await using agent = await RunningAgent.start(config, `millrace://127.0.0.1:${await freePort()}`)
    const files = async () => (await agent.status()).flows[0]!.files
    await expect.poll(async () => (await files())[0]?.state).toBe('destination')
    expect((await agent.interrupt()).code).toBe(0)
  })

  it('puts again what an endpoint of AWS’ protocol refuses of a request, until all is there', async () => {
    const port = await freePort()
    await using daemon = await TestDaemon.start({ with: 'kinesis', kinesisPort: String(port) })
    await using client = await connect(daemon.url)
    await client.createStream('clicks', { shards: 1, shardLimits: { writeRecordsPerSecond: 100 } })
    // All go in one request, of which the shard takes a third at the most, however slow the machine is.
    const lines = numbered(0, 300)
    const endpoint = `http://127.0.0.1:${port}`
    const { config } = await folderWith(
      { 'kinesis.endpoint': endpoint, flows: [{ filePattern: '*.log', kinesisStream: 'clicks' }] },
      lines,
    )
    // No flow goes to the broker, so none is needed.
    const { code, stdout, stderr } = await command(['agent', '--config', config, '--once', '--json'], {
      url: 'millrace://127.0.0.1:1',
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('millrace:') as string })
    const { tally } = (JSON.parse(stdout.toString()) as AgentSnapshot).flows[0]!
    expect(tally.recordsSent).toBe(300)
    // Only what was refused was put again.
    expect(tally.recordSendErrors).toBeGreaterThan(0)
    expect(tally.recordSendAttempts).toBe(300 + tally.recordSendErrors)
    expect(differences(lines, await linesOf(client, 'clicks'))).toEqual(nothing)
  })

  it('says once what an endpoint of AWS’ protocol does not have, and ends', async () => {
    const port = await freePort()
    await using _ = await TestDaemon.start({ with: 'kinesis', kinesisPort: String(port) })
    const endpoint = `http://127.0.0.1:${port}`
    const { config } = await folderWith(
      { 'kinesis.endpoint': endpoint, flows: [{ filePattern: '*.log', kinesisStream: 'nowhere' }] },
      ['a\n'],
    )
    const { code, stderr } = await command(['agent', '--config', config, '--once', '--quiet'])
    expect(code).toBe(1)
    expect(stderr).toContain('ResourceNotFoundException')
  })

  it('runs in the daemon, and shows a page, JSON and metrics', async () => {
    const lines = numbered(0, 10)
    const { config, log } = await folderWith({ flows: [{ ...flow, kinesisStream: 'clicks' }] }, lines)
    const port = await freePort()
    await using daemon = await TestDaemon.start({
      with: 'agent',
      agentConfig: config,
      agentPort: String(port),
    })
    await using client = await connect(daemon.url)
    await expect.poll(() => linesOf(client, 'clicks').catch(() => [])).toHaveLength(10)
    await appendFile(log, numbered(10, 10).join(''))
    await expect.poll(() => linesOf(client, 'clicks')).toHaveLength(20)
    const at = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init)
    await expect
      .poll(async () => (await at('/metrics')).text())
      .toContain('millrace_agent_records_sent_total{flow="kinesis:clicks:*.log"} 20')
    const page = await at('/')
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(await page.text()).toContain(log)
    expect((await at('/nothing')).status).toBe(404)
    expect((await at('/', { method: 'POST' })).status).toBe(405)
  })

  it('says that the broker is away, and delivers when it is back', async () => {
    await using daemon = await TestDaemon.start()
    await using client = await connect(daemon.url)
    const { config, log } = await folderWith(
      { flows: [{ ...flow, kinesisStream: 'clicks' }] },
      numbered(0, 10),
    )
    await using agent = await RunningAgent.start(config, daemon.url)
    await expect.poll(() => linesOf(client, 'clicks').catch(() => [])).toHaveLength(10)
    await daemon.killAll(await daemon.hostPids())
    await appendFile(log, numbered(10, 10).join(''))
    const state = async () => (await agent.status()).flows[0]!
    await expect.poll(async () => (await state()).reason).toMatch(/ECONN|connection/)
    await expect.poll(async () => (await state()).files[0]!.state).toBe('destination')
    await daemon.restart()
    await expect.poll(async () => (await state()).tally.recordsSent).toBe(20)
    expect((await state()).reason).toBeUndefined()
    await using again = await connect(daemon.url)
    expect(differences(numbered(0, 20), await linesOf(again, 'clicks'))).toEqual(nothing)
  })

  it('where access is required sends by a token that may write, read and make streams', async () => {
    await using daemon = await TestDaemon.start({ access: 'required' })
    const root = join(daemon.dataDir, 'root.token')
    await using client = await connect(daemon.url, { token: tokenFile(root) })
    const { config, log } = await folderWith(
      { flows: [{ filePattern: '*.log', kinesisStream: 'clicks' }] },
      numbered(0, 10),
    )
    const { code } = await command(['agent', '--config', config, '--once', '--quiet', '--token-file', root], {
      url: daemon.url,
    })
    expect(code).toBe(0)
    expect(await linesOf(client, 'clicks')).toHaveLength(10)
    await appendFile(log, 'more\n')
    const nobody = await command(['agent', '--config', config, '--once', '--quiet'], { url: daemon.url })
    expect(nobody.code).toBe(1)
    expect(nobody.stderr).toMatch(/token|unauthenticated/i)
  })
})
