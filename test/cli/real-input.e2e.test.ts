// Real public data through the whole system: files into `millrace produce` with a key, out of `millrace consume` again.
// Same bytes, every record once, in order per key.
import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../support/daemon.ts'
import { command } from './command.ts'

const datasetPath = (name: string) =>
  fileURLToPath(new URL(`../../node_modules/vega-datasets/data/${name}`, import.meta.url))
const dataset = (name: string) => readFile(datasetPath(name))

let daemon: TestDaemon
let folder: string

beforeAll(async () => {
  daemon = await TestDaemon.start()
  folder = await mkdtemp(join(tmpdir(), 'millrace-input-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await daemon[Symbol.asyncDispose]()
})

const millrace = async (...args: string[]) => {
  const result = await command(args, { url: daemon.url })
  expect(result.stderr).not.toContain('millrace:')
  expect(result.code).toBe(0)
  return result
}

/** Groups lines by key, in their order. */
function byKey(lines: readonly string[], keyOf: (line: string) => string): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const line of lines) {
    const key = keyOf(line)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [line])
    else group.push(line)
  }
  return groups
}

function linesOf(output: Buffer): string[] {
  // Latin-1 keeps every byte apart: equal text means equal bytes.
  const lines = output.toString('latin1').split('\n')
  expect(lines.pop()).toBe('')
  return lines
}

describe('produce and consume', () => {
  it('flights (NDJSON, by origin): 10,000 records come back as the bytes they were, once, in order per key', async () => {
    const flights = JSON.parse((await dataset('flights-10k.json')).toString()) as { origin: string }[]
    const lines = flights.map((flight) => JSON.stringify(flight))
    const file = join(folder, 'flights.ndjson')
    await writeFile(file, `${lines.join('\n')}\n`)

    await millrace('stream', 'create', 'flights', '--shards', '4')
    const { stdout } = await millrace('produce', 'flights', '--key-field', 'origin', '--json', file)
    expect(JSON.parse(stdout.toString())).toMatchObject({
      records: lines.length,
      skipped: 0,
      shards: 4,
      durability: 'disk',
    })

    const read = linesOf(
      (await millrace('consume', 'flights', '--from', 'TRIM_HORIZON', '--format', 'raw')).stdout,
    )
    expect(read).toHaveLength(lines.length)
    const originOf = (line: string) => (JSON.parse(line) as { origin: string }).origin
    expect(byKey(read, originOf)).toEqual(byKey(lines, originOf))
  })

  it('zip codes (CSV, by state): 42,049 rows come back as they stand in the file', async () => {
    const file = datasetPath('zipcodes.csv')
    const [, ...rows] = (await dataset('zipcodes.csv')).toString('latin1').trimEnd().split(/\r?\n/)

    await millrace('stream', 'create', 'zipcodes', '--shards', '3')
    await millrace('produce', 'zipcodes', '--key-column', 'state', '--compression', 'gzip', file)

    const { stdout } = await millrace('consume', 'zipcodes', '--from', 'TRIM_HORIZON', '--format', 'json')
    const records = linesOf(stdout).map((line) => JSON.parse(line) as { partitionKey: string; data: string })
    const stateOf = (row: string) => row.split(',')[4]!
    const read = records.map(({ data }) => Buffer.from(data).toString('latin1'))
    expect(read).toHaveLength(rows.length)
    expect(byKey(read, stateOf)).toEqual(byKey(rows, stateOf))
    expect(new Set(records.map(({ partitionKey }) => partitionKey))).toEqual(new Set(rows.map(stateOf)))
  })

  it('earthquakes (lines, by subscription): pushed records are the same as those that are fetched', async () => {
    const earthquakes = JSON.parse((await dataset('earthquakes.json')).toString()) as { features: object[] }
    const lines = earthquakes.features.map((feature) => JSON.stringify(feature))
    const file = join(folder, 'earthquakes.ndjson')
    await writeFile(file, lines.join('\n'))

    await millrace('stream', 'create', 'earthquakes')
    await millrace('produce', 'earthquakes', '--key', 'usgs', file)
    const from = ['consume', 'earthquakes', '--from', 'TRIM_HORIZON', '--format', 'raw']
    const fetched = linesOf((await millrace(...from)).stdout)
    const pushed = linesOf((await millrace(...from, '--push', '--count', String(lines.length))).stdout)
    const expected = lines.map((line) => Buffer.from(line).toString('latin1'))
    expect(fetched).toEqual(expected)
    expect(pushed).toEqual(expected)
  })
})
