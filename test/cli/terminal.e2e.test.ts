// Runs the verbs at a terminal of 80 columns: no overwritten lines, no torn columns, and an orderly end by Ctrl-C and Ctrl-D.
// script(1) makes the terminal; the tests are skipped where it is missing.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { connect } from 'millrace'
import { describe, expect, it, onTestFinished } from 'vitest'
import { displayWidth } from '../../cli/output/display-width.ts'
import { launcher } from './command.ts'
import { daemonCommands } from './support/daemon-commands.ts'

const { daemon, folder, output } = daemonCommands()
const hasScript = spawnSync('script', ['--version']).stdout?.includes('util-linux') ?? false

const CTRL_C = '\u0003'
const CTRL_D = '\u0004'

/** Runs a command line at a terminal; types each text when the text that it waits for is on the screen. */
async function atTerminal(args: string, typing: readonly (readonly [seen: string, types: string])[] = []) {
  const line = `stty cols 80 rows 24; exec "${process.execPath}" "${launcher}" ${args}`
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    env: { ...process.env, MILLRACE_URL: daemon().url, TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const closed = once(child, 'close') as Promise<[number | null]>
  const left = [...typing]
  let screen = ''
  child.stdout.on('data', (chunk: Buffer) => {
    screen += chunk.toString()
    while (left[0] !== undefined && screen.includes(left[0][0])) child.stdin.write(left.shift()![1])
  })
  const [code] = await closed
  return { code, screen: screen.replaceAll('\r\n', '\n') }
}

/** Has a group process a stream to its end. */
async function keepPlace(group: string, stream: string): Promise<void> {
  await using client = await connect(daemon().url)
  const reading = client.read(stream)
  for await (const record of reading) void record
  await client.checkpoints(group).save(stream, reading.position)
}

describe.skipIf(!hasScript)('at a terminal', () => {
  it.each([
    ['Ctrl-C', CTRL_C],
    ['Ctrl-D', CTRL_D],
    ['n', 'n\r'],
    ['Enter', '\r'],
  ])('delete answered by %s deletes nothing, and says so', async (_, typed) => {
    await output('stream create kept').catch(() => {})
    const { code, screen } = await atTerminal('stream delete kept', [['[y/N] ', typed]])
    expect(code).toBe(130)
    expect(screen).toMatch(/\n\n?millrace: Nothing was deleted\.\n$/)
    expect(screen).not.toContain('defect')
    expect(await output('stream list')).toContain('kept')
  })

  it('delete answered by y deletes', async () => {
    await output('stream create gone')
    expect(await atTerminal('stream delete gone', [['[y/N] ', 'y\r']])).toMatchObject({
      code: 0,
      screen: expect.stringContaining('Deleted gone.') as string,
    })
  })

  it('group reset shows what will change, and changes it only if it is told so', async () => {
    await output('stream create counted')
    await output('put counted first')
    await keepPlace('counter', 'counted')
    const [refused, agreed] = ['n', 'y'].map((answer) => [['[y/N] ', `${answer}\r`]] as const)
    const kept = await atTerminal('group reset counter --to TRIM_HORIZON', refused)
    expect(kept).toMatchObject({
      code: 130,
      screen: expect.stringMatching(
        /^SHARD [^]*1 record is processed again\.\n[^]*Reset counter\? [^]*\nmillrace: Nothing was changed\.\n$/,
      ) as string,
    })
    expect(await atTerminal('group reset counter --to TRIM_HORIZON', agreed)).toMatchObject({
      code: 0,
      screen: expect.stringMatching(/\nReset counter to TRIM_HORIZON in counted\.\n$/) as string,
    })
    expect(await output('group describe counter')).toMatch(/^behind +1 record, /m)
  })

  it('produce does not draw over what is typed', async () => {
    await output('stream create typed')
    const { code, screen } = await atTerminal('produce typed --key k', [
      ['Ctrl-D', 'one\rtwo\r'],
      ['two\r\n', CTRL_D],
    ])
    expect(code).toBe(0)
    expect(screen).toMatch(
      /^Reading records from the terminal, .+\none\ntwo\nStored 2 records \(6 B\) in 1 shard, .+\n$/,
    )
  })

  it('consume ends a following by Ctrl-C with 0, and below what it wrote', async () => {
    await output('stream create followed')
    await output('put followed first')
    const { code, screen } = await atTerminal('consume followed --follow', [['first', CTRL_C]])
    expect({ code, screen }).toEqual({ code: 0, screen: 'first\n^C\n' })
  })

  it('consume shows no heading above an error, and says that there is nothing', async () => {
    await output('stream create empty')
    const missing = await atTerminal('consume nowhere --format table')
    expect(missing).toMatchObject({ code: 4, screen: expect.stringMatching(/^millrace: /) as string })
    expect(await atTerminal('consume empty --format table')).toEqual({
      code: 0,
      screen: 'There is no record between those positions.\n',
    })
  })

  it('no line is wider than the screen, and the data of a record has room', async () => {
    const name = 'n'.repeat(128)
    await output(`stream create ${name} --shards 2 --retention-bytes 10GiB --limits kinesis`)
    const file = join(folder(), 'wide.ndjson')
    await writeFile(file, `${JSON.stringify({ user: '世界'.repeat(40), text: 'x'.repeat(300) })}\n`)
    await output(`produce ${name} --key-field user ${file}`)
    await keepPlace(name, name)
    for (const verb of [
      'group list',
      `group describe ${name}`,
      `group reset ${name} --to 2026-05-01 --dry-run`,
      'stream list',
      `stream describe ${name}`,
      `stream scale ${name} --explain`,
      `shard list ${name}`,
      `consume ${name} --format table`,
      'status',
      'config --data-dir /a/long/path/that/goes/on/and/on/and/on/and/on/and/on/and/on/and/on/and/on',
      '--help',
      'produce --help',
      'consume --help',
      'stream create --help',
      'shard split --help',
      'group reset --help',
    ]) {
      const { code, screen } = await atTerminal(verb)
      expect({ verb, code }).toEqual({ verb, code: 0 })
      expect(screen.split('\n').filter((line) => displayWidth(line) > 80)).toEqual([])
    }
    expect((await atTerminal(`consume ${name} --format table`)).screen).toContain('{"user":"世界')
  })
})

describe('beforeKilled', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'restores the screen, and %s ends the process all the same',
    async (signal) => {
      const terminal = new URL(import.meta.resolve('#dist/cli/terminal.js'))
      const program = `
      import { processTerminal } from ${JSON.stringify(terminal.href)}
      const terminal = processTerminal()
      terminal.beforeKilled(() => process.stderr.write('restored'))
      terminal.beforeKilled(() => process.stderr.write('never'))()
      process.stdout.write('ready')
      setInterval(() => {}, 1000)`
      const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'pipe' })
      onTestFinished(() => void child.kill('SIGKILL'))
      const closed = once(child, 'close')
      const errors = buffer(child.stderr)
      await once(child.stdout, 'data')
      child.kill(signal)
      expect(await closed).toEqual([null, signal])
      expect(String(await errors)).toBe('restored')
    },
  )
})
