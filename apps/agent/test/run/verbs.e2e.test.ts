// `millrace agent --once` and `--check`: what they print, and the exit codes that scripts go by. Real processes.
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'millrace'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { command } from '../../../../test/cli/command.ts'
import { TestDaemon } from '../../../../test/support/daemon.ts'
import { Positions } from '../../src/positions/positions.ts'
import { linesOf, numbered } from '../support/stream-lines.ts'

let daemon: TestDaemon
beforeAll(async () => {
  daemon = await TestDaemon.start()
})
afterAll(() => daemon[Symbol.asyncDispose]())

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'millrace-agent-'))
  onTestFinished(() => rm(made, { recursive: true, force: true }))
  return made
}

async function agent(directory: string, config: object | string, ...args: string[]) {
  const file = join(directory, 'agent.json')
  await writeFile(file, typeof config === 'string' ? config : JSON.stringify(config))
  const { code, stdout, stderr } = await command(['agent', '--config', file, ...args], { url: daemon.url })
  return { code, stdout: stdout.toString(), stderr }
}

describe('millrace agent --once', () => {
  it('sends what is there, to the last line without an end, and the next time only what is new', async () => {
    const directory = await folder()
    await writeFile(join(directory, 'a.log'), 'one\ntwo\nthree')
    const config = { flows: [{ filePattern: '*.log', kinesisStream: 'once' }] }
    const first = await agent(directory, config, '--once')
    expect(first.code).toBe(0)
    expect(first.stderr).toContain('The stream once did not exist, and was created.')
    expect(first.stderr).toContain('Sent 3 records.')
    await writeFile(join(directory, 'b.log'), 'four\n')
    expect((await agent(directory, config, '--once')).stderr).toContain('Sent 1 record.')
    await using client = await connect(daemon.url)
    expect((await linesOf(client, 'once')).toSorted()).toEqual(['four\n', 'one\n', 'three', 'two\n'])
  })

  it('says what it skipped, and what it could not do, by its exit code too', async () => {
    const directory = await folder()
    await writeFile(join(directory, 'a.log'), 'no syslog\nMar 12 12:00:08 host sshd[7]: in\n')
    const dataProcessingOptions = [{ optionName: 'LOGTOJSON', logFormat: 'SYSLOG' }]
    const config = { flows: [{ filePattern: '*.log', kinesisStream: 'skips', dataProcessingOptions }] }
    const { code, stderr } = await agent(directory, config, '--once')
    expect(code).toBe(0)
    expect(stderr).toContain('Sent 1 record. Skipped by processing: 1 record.')
    const missing = await agent(
      directory,
      { flows: [{ filePattern: '*.log', deliveryStream: 'lake' }] },
      '--once',
    )
    expect(missing.code).toBe(1)
    expect(missing.stderr).toContain('The delivery lake does not exist')
  })

  it('ends with 1 where a pattern is too slow for a line, which nobody then has', async () => {
    const directory = await folder()
    await writeFile(join(directory, 'a.log'), `first\n${'a'.repeat(60)}!\n`)
    const multiLineStartPattern = '(a+)+(?!c)b'
    const config = { flows: [{ filePattern: '*.log', kinesisStream: 'slow', multiLineStartPattern }] }
    const { code, stderr } = await agent(directory, config, '--once')
    expect(code).toBe(1)
    expect(stderr).toContain('Simplify the pattern.')
  })

  it('reads by the directory agent.d too, and several flows at once', async () => {
    const directory = await folder()
    await mkdir(join(directory, 'agent.d'))
    await writeFile(
      join(directory, 'agent.d', 'more.json'),
      JSON.stringify({ flows: [{ filePattern: '../b.log', kinesisStream: 'more' }] }),
    )
    await writeFile(join(directory, 'a.log'), numbered(0, 5).join(''))
    await writeFile(join(directory, 'b.log'), numbered(5, 5).join(''))
    expect(
      (await agent(directory, { flows: [{ filePattern: 'a.log', kinesisStream: 'main' }] }, '--once')).stderr,
    ).toContain('Sent 10 records.')
    await using client = await connect(daemon.url)
    expect(await linesOf(client, 'more')).toEqual(numbered(5, 5))
  })
})

describe('millrace agent --check', () => {
  it('says which files it would read from where, and changes nothing', async () => {
    const directory = await folder()
    await writeFile(join(directory, 'a.log'), 'one\ntwo\n')
    await writeFile(join(directory, 'a.log.gz'), 'packed')
    const config = {
      maxSendingThreads: 3,
      flows: [{ filePattern: 'a.log*', kinesisStream: 'unmade', initialPosition: 'START_OF_FILE' }],
    }
    const { code, stdout, stderr } = await agent(directory, config, '--check')
    expect(code).toBe(0)
    expect(stdout).toContain('to a stream of the broker, unmade')
    expect(stdout).toContain(`${join(directory, 'a.log')}  from 0 of 8 B, new, from its start`)
    expect(stdout).toMatch(/a\.log\.gz .*compressed/)
    expect(stderr).toContain('maxSendingThreads has no effect here.')
    await using client = await connect(daemon.url)
    await expect(client.describeStream('unmade')).rejects.toThrow('unmade')
    await agent(directory, config, '--once')
    expect((await agent(directory, config, '--check')).stdout).toContain(
      `${join(directory, 'a.log')}  from 8 of 8 B, known`,
    )
    const { flows } = JSON.parse((await agent(directory, config, '--check', '--json')).stdout) as {
      flows: { files: object[] }[]
    }
    expect(flows[0]!.files[0]).toMatchObject({ path: join(directory, 'a.log'), size: 8, offset: 8 })
  })

  it('tells what the agent passes over, and names what cannot be read', async () => {
    const directory = await folder()
    await symlink('/dev/null', join(directory, 'null.log'))
    await symlink(join(directory, 'one.log'), join(directory, 'two.log'))
    await symlink(join(directory, 'two.log'), join(directory, 'one.log'))
    await writeFile(join(directory, 'a.log'), 'one\n')
    const config = { flows: [{ filePattern: '*.log', kinesisStream: 'odd', initialPosition: 'END_OF_FILE' }] }
    const { code, stdout, stderr } = await agent(directory, config, '--check')
    expect(code).toBe(1)
    expect(stdout).toContain(`${join(directory, 'a.log')}  from 4 of 4 B, new, from its end\n`)
    expect(stdout).toContain(`${join(directory, 'null.log')} is neither a file nor a directory.`)
    expect(stderr).toMatch(/^error: \S*one\.log cannot be read: ELOOP/m)
  })

  it('tells where files stand while an agent reads them, and keeps none from starting', async () => {
    const directory = await folder()
    await writeFile(join(directory, 'a.log'), 'one\ntwo\n')
    const flow = { filePattern: 'a.log', kinesisStream: 'beside', initialPosition: 'START_OF_FILE' }
    await agent(directory, { flows: [flow] }, '--once')
    const stateDir = join(directory, 'agent-state')
    await using positions = await Positions.open(stateDir, { timeToLiveDays: 7, now: Date.now })
    expect(positions.flow('any').isNew).toBe(true)
    const { code, stdout, stderr } = await agent(directory, { flows: [flow] }, '--check')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`${join(directory, 'a.log')}  from 8 of 8 B, known`)
  })

  it('ends with 1 where something could not be delivered, and says what', async () => {
    const directory = await folder()
    const missing = await agent(
      directory,
      { 'millrace.createStreams': false, flows: [{ filePattern: 'a', kinesisStream: 'nowhere' }] },
      '--check',
    )
    expect(missing.code).toBe(1)
    expect(missing.stderr).toContain('error: kinesis:nowhere:a: The stream nowhere does not exist')
    expect(missing.stderr).toContain('warning: kinesis:nowhere:a matches no file now')
    const broken = await agent(directory, '{\n"flows": [}', '--check')
    expect(broken.code).toBe(1)
    expect(broken.stderr).toContain(`${join(directory, 'agent.json')}:2: This is no JSON`)
    const unreachable = await command(['agent', '--config', join(directory, 'agent.json'), '--check'], {
      url: 'millrace://127.0.0.1:1',
    })
    expect(unreachable.code).toBe(1)
  })

  it('names files that it may not read', async ({ skip }) => {
    skip(process.getuid?.() === 0, 'root may read everything')
    const directory = await folder()
    await writeFile(join(directory, 'a.log'), 'secret\n')
    await chmod(join(directory, 'a.log'), 0)
    const { code, stderr } = await agent(
      directory,
      { flows: [{ filePattern: 'a.log', kinesisStream: 'x' }] },
      '--check',
    )
    expect(code).toBe(1)
    expect(stderr).toContain('a.log')
  })
})
