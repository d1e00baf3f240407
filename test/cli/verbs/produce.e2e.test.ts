// Runs `millrace produce` from a shell: the records that it reads, its messages about other lines, and its exit codes.
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { daemonCommands } from '../support/daemon-commands.ts'

const { folder, millrace, output, startForTest } = daemonCommands()

describe('produce', () => {
  it('stops at the first line that is no record, names it, and has stored those before', async () => {
    await output('stream create broken')
    const input = '{"user":"a"}\n{"user":"b"}\n{"nobody":1}\n{"user":"c"}\n'
    const result = await millrace('produce broken --key-field user', { input })
    expect(result.code).toBe(1)
    expect(result.stderr).toContain('Stored 2 records')
    expect(result.stderr).toContain('Line 3 of standard input is no record: no field user.')
    expect(await output('consume broken --from TRIM_HORIZON')).toBe('{"user":"a"}\n{"user":"b"}\n')
  })

  it('skips such lines where asked to, and counts them', async () => {
    await output('stream create skipping')
    const input = 'nonsense\n{"user":"a"}\n'
    const report = await output('produce skipping --key-field user --skip-invalid --json', { input })
    expect(JSON.parse(report)).toMatchObject({ records: 1, skipped: 1 })
  })

  it('fails where it skips everything, and says why', async () => {
    await output('stream create unfit')
    const input = '{"id":1}\n'.repeat(7)
    const text = await millrace('produce unfit --key-field user --skip-invalid', { input })
    expect(text).toMatchObject({
      code: 1,
      stderr:
        'Stored no record. Skipped 7 lines that are no records: ' +
        [1, 2, 3, 4, 5].map((line) => `line ${line} of standard input (no field user); `).join('') +
        'and 2 more.\nmillrace: Nothing is stored: no line of the input is a record.\n',
    })
    const json = await millrace('produce unfit --key-column id --skip-invalid --json', { input: 'id,n\n1\n' })
    expect(json.code).toBe(1)
    expect(JSON.parse(json.stdout.toString())).toMatchObject({
      records: 0,
      skipped: 1,
      firstSkipped: [{ input: 'standard input', line: 2, reason: '1 field, where the heading has 2' }],
    })
  })

  it('keys of lines without one differ within a run and from run to run', async () => {
    await output('stream create keyless')
    const files = [join(folder(), 'keyless-a'), join(folder(), 'keyless-b')]
    for (const file of files) await writeFile(file, 'one\ntwo\n')
    for (let run = 0; run < 2; run++) await output(`produce keyless ${files.join(' ')}`)
    const records = (await output('consume keyless --format json')).trim().split('\n')
    const keys = records.map((line) => (JSON.parse(line) as { partitionKey: string }).partitionKey)
    expect(new Set(keys).size).toBe(8)
  })

  it('a byte order mark belongs to no record, in no format, whatever the input', async () => {
    await output('stream create marked')
    const marked = join(folder(), 'marked')
    await writeFile(marked, '\ufeff{"user":"ada"}\n')
    const column = join(folder(), 'marked.csv')
    await writeFile(column, '\ufeffuser\r\nada\r\n')
    await output(`produce marked --key k ${marked} ${marked} -`, { input: '\ufeff{"user":"ada"}\n' })
    await output(`produce marked --key-field user ${marked} ${marked}`)
    await output(`produce marked --key-column user ${column} ${column}`)
    expect(await output('consume marked')).toBe('{"user":"ada"}\n'.repeat(5) + 'ada\n'.repeat(2))
    const wide = Buffer.from('\ufeffuser\nada\n', 'utf16le')
    expect(await millrace('produce marked --key-column user', { input: wide })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('standard input begins with the byte order mark of UTF-16') as string,
    })
  })

  it('names the file whose heading does not do, and does not say that nothing was done', async () => {
    await output('stream create headings')
    const [good, bad] = [join(folder(), 'good.csv'), join(folder(), 'bad.csv')]
    await writeFile(good, 'user,n\na,1\n')
    await writeFile(bad, 'user,user\na,1\n')
    const { code, stderr } = await millrace(`produce headings --key-column user ${good} ${bad}`)
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^Stored 1 record .*\nmillrace: \S+bad\.csv: Columns 1 and 2 are both named user, /,
    )
  })

  it('fails, whatever it may skip, where the rest of a file cannot be read', async () => {
    await output('stream create unreadable')
    const input = 'user,n\na,1\nb,"never closed\nc,3\n'
    const result = await millrace('produce unreadable --key-column user --skip-invalid', { input })
    expect(result.code).toBe(1)
    expect(result.stderr).toContain('Stored 1 record')
    expect(result.stderr).toContain('what follows it cannot be read')
  })

  it('says so where there was nothing to store', async () => {
    await output('stream create nothing')
    const { code, stderr } = await millrace('produce nothing', { input: '' })
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'Stored no record: there was none.\n' })
  })

  it('reads files in their order, and refuses one that is not there before it stores anything', async () => {
    await output('stream create files')
    const [a, b] = [join(folder(), 'a.txt'), join(folder(), 'b.txt')]
    await writeFile(a, 'one\ntwo')
    await writeFile(b, 'three\n')
    const missing = await millrace(`produce files ${a} ${join(folder(), 'missing.txt')}`)
    expect(missing).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('missing.txt does not exist.') as string,
    })
    await output(`produce files --key k ${a} ${b}`)
    expect(await output('consume files --from TRIM_HORIZON')).toBe('one\ntwo\nthree\n')
  })

  it('on Ctrl-C stores what has come in, says so, and ends with 130', async () => {
    await output('stream create interrupted')
    const child = startForTest(['produce', 'interrupted', '--key', 'k'])
    const closed = once(child, 'close')
    const errors = buffer(child.stderr!)
    child.stdin!.write('one\ntwo\nunfinish')
    // When the records are readable, the command has certainly started.
    const follow = startForTest(['consume', 'interrupted', '--follow', '--count', '2'])
    expect(String(await buffer(follow.stdout!))).toBe('one\ntwo\n')
    child.kill('SIGINT')
    expect(await closed).toEqual([130, null])
    expect(String(await errors)).toMatch(
      /^Stored 2 records \(6 B\) in 1 shard, each flushed to disk, within /,
    )
  })

  describe('while it is throttled', () => {
    const bytes = Buffer.from(`${'x'.repeat(1023)}\n`.repeat(4096))

    async function throttled(stream: string, drain: string) {
      await output(`stream create ${stream} --limits write-bytes=64KiB`)
      const child = startForTest(['produce', stream, '--batch', '4KiB', '--drain', drain])
      child.stdin!.on('error', () => {})
      child.stdin!.write(bytes)
      const lines = createInterface({ input: child.stderr! })[Symbol.asyncIterator]()
      const { value: notice } = (await lines.next()) as { value: string }
      expect(notice).toMatch(
        /^millrace: Records for shardId-0{12} wait until \S+Z \(.+\): shardId-0{12} of stream \S+ has used up its writeBytesPerSecond of 65536\.$/,
      )
      return { child, lines, closed: once(child, 'close') }
    }

    it('says so; on SIGTERM stores for as long as it may, and counts what is left', async () => {
      const { child, lines, closed } = await throttled('slow', '200ms')
      child.kill('SIGTERM')
      expect((await lines.next()).value).toMatch(
        /^Interrupted\. Not stored yet: [\d,]+ records; waiting 200 ms at most\./,
      )
      const { value: report } = (await lines.next()) as { value: string }
      const [, stored, left] =
        /^Stored ([\d,]+) records in 1 shard.* Read and not acknowledged: ([\d,]+) records;/
          .exec(report)!
          .map((count) => Number(count.replaceAll(',', '')))
      expect(await closed).toEqual([1, null])
      const records = (await output('consume slow')).split('\n').length - 1
      // Records that were in flight when the time was over may be stored as well.
      expect(records).toBeGreaterThanOrEqual(stored!)
      expect(records).toBeLessThanOrEqual(stored! + left!)
    })

    it('ends at once by a second signal, whichever of the two it is', async () => {
      const { child, lines, closed } = await throttled('impatient', '1m')
      child.kill('SIGTERM')
      expect((await lines.next()).value).toMatch(/^Interrupted\. /)
      child.kill('SIGINT')
      expect(await closed).toEqual([null, 'SIGINT'])
    })
  })

  it('refuses a missing stream and options that exclude each other', async () => {
    expect(await millrace('produce nowhere', { input: 'x\n' })).toMatchObject({ code: 4 })
    await output('stream create refusing')
    expect(await millrace('produce refusing --key a --key-field b')).toMatchObject({ code: 2 })
    expect(await millrace('produce refusing --drain 3m')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Expected 2m at most.') as string,
    })
    const column = await millrace('produce refusing --key-column zip', { input: 'a,b\n1,2\n' })
    expect(column).toMatchObject({
      code: 2,
      stderr: 'millrace: There is no column zip among a, b.\n',
    })
  })
})
