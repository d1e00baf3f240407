// The verbs as a shell sees them: what they print, what they refuse, and the exit codes that scripts rely on.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import { createBroker } from 'millrace/broker'
import { connect } from 'millrace'
import { beforeAll, describe, expect, it } from 'vitest'
import { launcher } from './command.ts'
import { daemonCommands } from './support/daemon-commands.ts'

const { daemon, folder, millrace, output, startForTest } = daemonCommands()

describe('stream', () => {
  it('creates, lists, describes, updates and deletes', async () => {
    await output('stream create life --shards 2 --retention 2h')
    expect(JSON.parse(await output('stream list --json'))).toContainEqual(
      expect.objectContaining({ name: 'life', openShardCount: 2, retentionMs: 7_200_000 }),
    )
    expect(await output('stream describe life')).toMatch(/^name +life\nstatus +ACTIVE\nopen shards +2\n/)
    expect(JSON.parse(await output('stream update life --retention 7d --json'))).toMatchObject({
      retentionMs: 604_800_000,
    })
    const shards = JSON.parse(await output('shard list life --json')) as { shardId: string }[]
    expect(shards.map(({ shardId }) => shardId)).toEqual(['shardId-000000000000', 'shardId-000000000001'])
    expect(await output('stream delete life')).toBe('Deleted life.\n')
    expect((await millrace('stream describe life')).code).toBe(4)
  })

  it('refuses a second stream of a name, an unknown stream or shard, and a name that is none', async () => {
    await output('stream create twice')
    expect(await millrace('stream create twice')).toMatchObject({ code: 1 })
    const missing = await millrace('stream describe nowhere')
    expect(missing.code).toBe(4)
    expect(missing.stderr).toMatch(/^millrace: .*nowhere.* See `millrace stream list`/)
    for (const change of ['split twice 7', 'split twice 7 --isolate-key ada', 'merge twice 0 7']) {
      const { code, stderr } = await millrace(`shard ${change}`)
      expect({ code, stderr }).toEqual({
        code: 4,
        stderr: expect.stringMatching(/shardId-000000000007.* See `millrace shard list`\.\n$/) as string,
      })
    }
    expect(await millrace('stream create not/a/name')).toMatchObject({ code: 2 })
    const short = await millrace('stream create brief --retention 30m')
    expect(short).toMatchObject({
      code: 2,
      stderr: 'millrace: A retention of 30m is out of bounds: it lies between 1h and 365d.\n',
    })
  })
})

describe('put', () => {
  it('prints where the record went, and takes bytes from standard input', async () => {
    await output('stream create puts')
    expect(await output('put puts hello --key ada')).toBe('shardId-000000000000 0\n')
    const bytes = Buffer.from([0, 255, 10])
    const put = await output('put puts --header type=bytes --json', { input: bytes })
    expect(JSON.parse(put)).toMatchObject({ sequenceNumber: 1, durability: 'disk' })
    const lines = (await output('consume puts --from TRIM_HORIZON --format json')).trim().split('\n')
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({ partitionKey: 'ada', data: 'hello' }),
      expect.objectContaining({ dataBase64: bytes.toString('base64'), headers: { type: 'bytes' } }),
    ])
  })
})

describe('headers', () => {
  it('are printed so that a text which looks like base64 is not taken for bytes, through another stream too', async () => {
    await output('stream create tagged')
    await output('stream create copied')
    await output('put tagged x --key ada --header note=base64:/w==')
    const printed = await output('consume tagged --format json')
    expect(JSON.parse(printed)).toMatchObject({ headers: { note: 'base64:/w==' } })
    expect(printed).not.toContain('headersBase64')
    // What produce reads has no headers of its own: the line is the data, byte for byte.
    await output('produce copied --key-field partitionKey', { input: printed })
    expect(await output('consume copied')).toBe(printed)
    expect(JSON.parse(await output('consume copied --format json'))).not.toHaveProperty('headers')
  })
})

describe('consume', () => {
  const lines = Array.from({ length: 5000 }, (_, index) => `line ${index}`)

  beforeAll(async () => {
    await output('stream create lines')
    await output('produce lines --key k', { input: lines.join('\n') })
  })

  it('starts and stops where it is told to', async () => {
    const read = async (options: string) =>
      (await output(`consume lines ${options}`)).split('\n').slice(0, -1)
    expect(await read('--from TRIM_HORIZON --count 3')).toEqual(lines.slice(0, 3))
    expect(await read('--from 4998 --shard 0')).toEqual(lines.slice(4998))
    expect(await read('--from 10 --until 12 --shard 0')).toEqual(lines.slice(10, 12))
    expect(await read('--from 1h')).toEqual(lines)
    expect(await read('--from 1h --until 30m')).toEqual([])
    expect(await read('--from TRIM_HORIZON --count 2 --push')).toEqual(lines.slice(0, 2))
  })

  it('shows a table', async () => {
    const [heading, row] = (await output('consume lines --from TRIM_HORIZON --count 1 --format table')).split(
      '\n',
    )
    expect(heading).toMatch(/^SHARD +SEQUENCE NUMBER +ARRIVED +KEY +DATA$/)
    expect(row).toMatch(/^shardId-000000000000 +0 +\S+Z +k +line 0$/)
  })

  it.each(['', '--push'])('follows new records until Ctrl-C, and then ends cleanly %s', async (push) => {
    const name = `followed${push}`
    await output(`stream create ${name}`)
    const args = `consume ${name} --from TRIM_HORIZON --follow --format raw ${push}`.trim()
    const child = startForTest(args.split(' '))
    const closed = once(child, 'close')
    const errors = buffer(child.stderr!)
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
    await output(`put ${name} first`)
    expect(await lines.next()).toEqual({ done: false, value: 'first' })
    await output(`put ${name} second`)
    expect(await lines.next()).toEqual({ done: false, value: 'second' })
    child.kill('SIGINT')
    expect(await closed).toEqual([0, null])
    expect(String(await errors)).toBe('')
  })

  it('ends with 0 and in silence when the reader of the pipe goes away', async () => {
    const child = startForTest(['consume', 'lines', '--from', 'TRIM_HORIZON', '--follow'])
    const closed = once(child, 'close')
    const errors = buffer(child.stderr!)
    await once(child.stdout!, 'data')
    child.stdout!.destroy()
    // The next write finds the pipe closed.
    await output('put lines more --key k')
    expect(await closed).toEqual([0, null])
    expect(String(await errors)).toBe('')
  })

  it.skipIf(!existsSync('/dev/full'))(
    'fails in one sentence where its output cannot be written',
    async () => {
      const line = `exec "$0" "$1" consume lines --url ${daemon().url} > /dev/full`
      const child = spawn('sh', ['-c', line, process.execPath, launcher], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      const closed = once(child, 'close')
      expect(String(await buffer(child.stderr))).toMatch(
        /^millrace: standard output cannot be written: .+\n$/,
      )
      expect(await closed).toEqual([1, null])
    },
  )

  it.each(['--from yesterday', '--count -1', '--format xml', '--from 5'])('refuses %s', async (options) => {
    await output('stream create wide --shards 2').catch(() => {})
    const { code, stderr } = await millrace(`consume wide ${options}`)
    expect(code).toBe(2)
    expect(stderr).toMatch(/^millrace: .+\n/)
  })
})

describe('status, config, doctor, check', () => {
  it('status shows the hosts, and says where no broker is', async () => {
    expect(await output('status')).toMatch(/HOST +STATE +PORT/)
    expect(JSON.parse(await output('status --json'))).toMatchObject({ hosts: [{ state: 'ready' }] })
    const { code, stderr } = await millrace('status --url millrace://127.0.0.1:1')
    expect(code).toBe(3)
    expect(stderr).toBe(
      'millrace: No broker answers at millrace://127.0.0.1:1: nothing listens there. ' +
        'Start one with `millrace serve`, or name another with --url or MILLRACE_URL.\n',
    )
  })

  it('config prints every option with its origin, and refuses what no daemon would take', async () => {
    expect(await output('config --port 1234')).toMatch(/^port +1234 +--port$/m)
    expect(JSON.parse(await output('config --schema'))).toHaveProperty('properties.dataDir')
    const refused = await millrace('config --segment-size 1')
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--segment-size is 1') as string,
    })
  })

  it('doctor measures the disk and leaves nothing behind', async () => {
    const { stdout } = await millrace(`doctor --data-dir ${folder()} --json`)
    const { disk, findings } = JSON.parse(stdout.toString()) as {
      disk: { flush: { samples: number } }
      findings: object[]
    }
    expect(disk.flush.samples).toBeGreaterThanOrEqual(50)
    expect(findings.length).toBeGreaterThan(0)
  })

  it('check finds nothing of millrace in a directory that holds other things', async () => {
    const { code, stdout, stderr } = await millrace(`check --data-dir ${folder()}`)
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^millrace: .* is no data directory of millrace: /)
  })

  it('check refuses a directory that a broker runs on', async () => {
    const { code, stderr } = await millrace(`check --data-dir ${daemon().dataDir}`)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^millrace: .*(in use|locked|holds|held|runs)/)
  })
})

describe('check on a broker that has stopped', () => {
  it('finds it sound, and says where it is not', async () => {
    const dataDir = join(folder(), 'stopped')
    {
      await using broker = await createBroker({ dataDir })
      await using client = await connect(broker.url)
      await client.createStream('checked', { shards: 2 })
      await client.put('checked', { partitionKey: 'k', data: 'find me on disk' })
    }
    expect(await output(`check --data-dir ${dataDir}`)).toMatch(/^Sound: 1 record in 1 batch, .* 2 shards, /)

    const [file] = (await readdir(dataDir, { recursive: true })).filter((path) =>
      /segment-\d+.*data\.mdb$/.test(path),
    )
    const bytes = await readFile(join(dataDir, file!))
    bytes[bytes.indexOf('find me on disk')]! ^= 1
    await writeFile(join(dataDir, file!), bytes)
    const { code, stdout, stderr } = await millrace(`check --data-dir ${dataDir}`)
    expect(code).toBe(5)
    expect(stdout.toString()).toMatch(/^DAMAGED {2}.+\n[^]*Damaged: /)
    expect(stderr).toBe('')
    const report = await millrace(`check --data-dir ${dataDir} --json`)
    expect(JSON.parse(report.stdout.toString())).toMatchObject({ ok: false })
  })
})

describe('help', () => {
  const verbs =
    'serve,stream,stream create,stream list,shard list,put,produce,consume,group,status,config,doctor,check'

  it.each(verbs.split(','))('%s has examples', async (verb) => {
    expect(await output(`${verb} --help`)).toContain('\nExamples:\n  $ millrace ')
  })

  it('help shows the help of a verb, and answers an unknown one with 2', async () => {
    expect(await output('help stream create')).toBe(await output('stream create --help'))
    for (const args of ['help nope', 'stream help nope', 'help stream nope']) {
      const { code, stdout, stderr } = await millrace(args)
      expect({ code, stdout: stdout.toString() }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toMatch(/^millrace: unknown command 'nope'\n/)
    }
  })

  it('lists the exit codes, and answers an unknown verb with 2', async () => {
    expect(await output('--help')).toContain('Exit codes:')
    const { code, stderr } = await millrace('explode')
    expect(code).toBe(2)
    expect(stderr).toMatch(/^millrace: unknown command 'explode'/)
  })
})
