// The agent and the host of its shards killed from outside, while its files grow and are rotated and its stream is split: each line is stored once.
// Real processes. It is killed when a reader has seen so many lines.
import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'millrace'
import { describe, expect, it, onTestFinished } from 'vitest'
import { TestDaemon } from '../../../../test/support/daemon.ts'
import { RunningAgent } from '../support/running-agent.ts'
import { differences, linesOf, nothing, numbered } from '../support/stream-lines.ts'

const LINES = 12_000
const LINES_A_WRITE = 50
const LINES_A_FILE = 2000
const KILLS = 5

describe('millrace agent, killed', () => {
  it('stores each line once through rotation and splits', async () => {
    await using daemon = await TestDaemon.start()
    const folder = await mkdtemp(join(tmpdir(), 'millrace-agent-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const log = join(folder, 'app.log')
    const config = join(folder, 'agent.json')
    const flow = {
      filePattern: 'app.log*',
      kinesisStream: 'clicks',
      initialPosition: 'START_OF_FILE',
      maxBufferAgeMillis: 20,
      minTimeBetweenFilePollsMillis: 10,
    }
    await writeFile(config, JSON.stringify({ flows: [flow] }))
    await writeFile(log, '')
    await using client = await connect(daemon.url)
    await client.createStream('clicks', { shards: 1 })

    const expected: string[] = []
    const writing = (async () => {
      for (let at = 0; at < LINES; at += LINES_A_WRITE) {
        if (at > 0 && at % LINES_A_FILE === 0) {
          await rename(log, `${log}.${at / LINES_A_FILE}`)
          await writeFile(log, '')
        }
        const lines = numbered(at, LINES_A_WRITE)
        expected.push(...lines)
        await appendFile(log, lines.join(''))
      }
    })()
    let agent = await RunningAgent.start(config, daemon.url)
    try {
      for (let kill = 1; kill <= KILLS; kill++) {
        const wanted = (kill * LINES) / (KILLS + 1) / 2
        await expect.poll(async () => (await linesOf(client, 'clicks')).length).toBeGreaterThanOrEqual(wanted)
        // Every other time the shard's host goes first, in the midst of appends.
        if (kill % 2 === 1) process.kill((await daemon.hostPids())[0]!, 'SIGKILL')
        await agent.kill()
        if (kill % 2 === 0) await client.updateShardCount('clicks', kill)
        agent = await RunningAgent.start(config, daemon.url)
      }
      await writing
      await expect.poll(async () => differences(expected, await linesOf(client, 'clicks'))).toEqual(nothing)
      const { flows } = await agent.status()
      expect(flows[0]!.tally.chunksLost).toBe(0)
      expect((await agent.interrupt()).code).toBe(0)
    } finally {
      await agent.kill()
    }
    expect(differences(expected, await linesOf(client, 'clicks'))).toEqual(nothing)
  })
})
