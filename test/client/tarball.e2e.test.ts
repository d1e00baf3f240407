// The client as a stranger gets it: packed, installed into an empty folder with nothing else, compiled
// against its own types, and run against a broker. Needs npm.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../support/daemon.ts'
import { compileProgram, installInto, repository } from '../support/npm.ts'

const run = promisify(execFile)

const program = `
import { connect, json, MillraceError, type StreamRecord } from 'millrace-client'
import { limits } from 'millrace-client/protocol'

interface Click { page: string; at: number }

await using client = await connect(process.argv[2]!)
await client.createStream('clicks', { shards: 2 })
{
  await using producer = await client.producer('clicks', { codec: json<Click>() })
  for (let at = 0; at < 100; at++) void producer.send({ partitionKey: String(at % 10), data: { page: '/', at } })
}
const seen: number[] = []
const reader = client.read('clicks', { codec: json<Click>() })
for await (const record of reader satisfies AsyncIterable<StreamRecord<Click>>) {
  seen.push(record.data.at)
  if (seen.length === 100) break
}
const events: string[] = []
const handled: number[] = []
const group = client.group({ stream: 'clicks', name: 'billing', codec: json<Click>(), onEvent: ({ type }) => events.push(type) })
for await (const { records, done } of group.batches()) {
  handled.push(...records.map((record) => record.data.at))
  done()
  if (handled.length === 100) break
}
const refusal = await client.put('missing', { partitionKey: 'x', data: 'x' }).catch((error: unknown) => error)
console.log(JSON.stringify({
  distinct: new Set(seen).size,
  handled: new Set(handled).size,
  // The file of the thread is in the package: it was not the main thread that renewed.
  isThreaded: !events.includes('heartbeatInMainThread'),
  refused: MillraceError.is(refusal, 'streamNotFound'),
  batchBytesMax: limits.batchBytesMax,
}))
`

let daemon: TestDaemon
let folder: string

beforeAll(async () => {
  daemon = await TestDaemon.start()
  folder = await mkdtemp(join(tmpdir(), 'millrace-tarball-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await daemon[Symbol.asyncDispose]()
})

describe('the packed client', () => {
  it('installs alone, type-checks, and appends and reads', async ({ skip }) => {
    const { stdout: packed } = await run(process.execPath, [
      join(repository, 'dist/scripts/pack-client.js'),
      folder,
    ])
    const failure = await installInto(folder, [packed.trim()])
    skip(failure !== undefined, `npm cannot install here: ${failure ?? ''}`)

    const installed = (await readdir(join(folder, 'node_modules'))).filter((name) => !name.startsWith('.'))
    expect(installed).toEqual(['millrace-client'])

    await writeFile(join(folder, 'program.ts'), program)
    await compileProgram(folder)

    const { stdout } = await run(process.execPath, [join(folder, 'program.js'), daemon.url])
    expect(JSON.parse(stdout)).toEqual({
      distinct: 100,
      handled: 100,
      isThreaded: true,
      refused: true,
      batchBytesMax: 12 * 1024 * 1024,
    })
  })
})
