// Batches that no reader can decode, from a producer on the wire to the shell: the broker refuses uncompressed ones; for
// compressed ones readers name them, skip them on demand, and distinguish them from a damaged disk.
import { join } from 'node:path'
import { createBroker } from 'millrace/broker'
import { connect } from 'millrace'
import { expect, test } from 'vitest'
import { batchOffsets, bodyCrcOf, errorCodeOf } from '../../protocol/index.ts'
import { isCodecAvailable } from '../../protocol/batch/compression.ts'
import { batchOf, RawConnection } from '../support/raw-connection.ts'
import { createRequest } from '../support/requests.ts'
import { temporaryDirectory } from '../support/disk/temporary.ts'
import { command } from './command.ts'

const records = (...data: string[]) =>
  batchOf(data.map((one) => ({ partitionKey: 'k', data: Buffer.from(one) })))

function signed(batch: Uint8Array, change: (batch: Buffer) => void): Buffer {
  const changed = Buffer.from(batch)
  change(changed)
  changed.writeUInt32LE(bodyCrcOf(changed), batchOffsets.bodyCrc)
  return changed
}

/** Writes a codec into the header that the records are not compressed with. */
const saidToBe = (codec: 1 | 2) => (batch: Buffer) => batch.writeUInt16LE(codec, batchOffsets.attributes)

/** A stopped broker's directory with one shard: two good records with the given batches between them. */
async function stored(dataDir: string, batches: readonly Uint8Array[]): Promise<string[]> {
  await using broker = await createBroker({ dataDir })
  const controller = await RawConnection.open(Number(new URL(broker.url).port))
  const { stream } = await controller.request('createStream', createRequest('poison', 1))
  const { hosts } = await controller.request('describeBroker', {})
  const host = await RawConnection.open(hosts[0]!.port)
  const all = [records('good-1'), ...batches, records('good-2')]
  const { results } = await host.request('append', {
    batches: all.map((batch) => ({ streamId: stream.id, shardIndex: 0, batch, producerSecret: undefined })),
  })
  for (const connection of [controller, host]) connection.close()
  return results.map(({ code, message }) => (code === 0 ? 'stored' : `${errorCodeOf(code)}: ${message}`))
}

test('append: refuses an uncompressed batch that no reader can decode, with the reason, and stores its neighbours', async () => {
  await using directory = await temporaryDirectory()
  const dataDir = join(directory.path, 'data')
  const longer = signed(records('x'), (batch) => batch.writeUInt32LE(5000, 96))
  const notUtf8 = signed(records('x'), (batch) => batch.writeUInt8(0xff, 109))
  expect(await stored(dataDir, [longer, notUtf8])).toEqual([
    'stored',
    'invalidBatch: Record 0 of 1 does not fit into the batch.',
    'invalidBatch: Record 0 of 1: its partition key is not UTF-8.',
    'stored',
  ])
  await using broker = await createBroker({ dataDir })
  await using client = await connect(broker.url)
  const read: string[] = []
  for await (const { bytes } of client.read('poison')) read.push(Buffer.from(bytes).toString())
  expect(read).toEqual(['good-1', 'good-2'])
})

const cases = [
  {
    name: 'written so that no reader can take it apart',
    batch: signed(records('bad-1', 'bad-2'), saidToBe(1)),
    says: /The records from 1 to 2 of shardId-000000000000 cannot be read: .*Their producer wrote them so/,
    code: 'malformedBatch',
    check: {
      exit: 6,
      verdict: 'malformed',
      says: /^MALFORMED {2}.*batch 1: Its producer wrote it so.*\nSound on disk, but .*: 4 records/,
    },
  },
  ...(isCodecAvailable('zstd')
    ? []
    : [
        {
          name: 'in a codec that this Node does not have',
          batch: signed(records('zstd-1', 'zstd-2'), saidToBe(2)),
          says: /The records from 1 to 2 of shardId-000000000000 cannot be read: .*zstd.*22\.15/,
          code: 'codecUnavailable',
          check: {
            exit: 7,
            verdict: 'codecMissing',
            says: /^UNCHECKED {2}.*batch 1: The records are compressed with zstd.*\nSound as far as .*: 4 records/,
          },
        },
      ]),
]

test.each(cases)(
  'a batch $name is named, passed over on demand, and no damage',
  async ({ batch, says, code, check }) => {
    await using directory = await temporaryDirectory()
    const dataDir = join(directory.path, 'data')
    expect(await stored(dataDir, [batch])).toEqual(['stored', 'stored', 'stored'])

    {
      await using broker = await createBroker({ dataDir })
      const { url } = broker
      const run = async (line: string) => {
        const { stdout, ...rest } = await command(line.split(' '), { url })
        return { ...rest, stdout: stdout.toString() }
      }
      const failed = await run('consume poison')
      expect(failed).toMatchObject({ code: 1, stdout: 'good-1\n' })
      expect(failed.stderr).toMatch(says)
      for (const push of ['', ' --push --count 2']) {
        const skipped = await run(`consume poison --from TRIM_HORIZON --skip-unreadable${push}`)
        expect(skipped).toMatchObject({ code: 0, stdout: 'good-1\ngood-2\n' })
        expect(skipped.stderr).toMatch(says)
        expect(skipped.stderr).toMatch(/2 records in 1 place could not be read and were skipped\.\n$/)
      }
      const nothing = await run('consume poison --shard 0 --from 1 --until 3 --skip-unreadable')
      expect(nothing).toMatchObject({ code: 1, stdout: '' })
      expect(nothing.stderr).toMatch(/No record could be read\./)
      await using client = await connect(url)
      const loop = async () => {
        for await (const record of client.read('poison')) void record
      }
      await expect(loop()).rejects.toMatchObject({
        code,
        shardId: 'shardId-000000000000',
        firstSequenceNumber: 1,
        nextSequenceNumber: 3,
      })
    }

    const checked = await command(['check', '--data-dir', dataDir], { url: 'millrace://127.0.0.1:1' })
    expect(checked.code).toBe(check.exit)
    expect(checked.stdout.toString()).toMatch(check.says)
    const report = await command(['check', '--data-dir', dataDir, '--json'], {
      url: 'millrace://127.0.0.1:1',
    })
    expect(JSON.parse(report.stdout.toString())).toMatchObject({
      ok: false,
      verdict: check.verdict,
      problems: [{ kind: check.verdict }],
    })
  },
)
