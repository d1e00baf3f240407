// Runs the bench from its command line: it starts a broker, prints figures as a table or as data, and leaves nothing behind.
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { untilUnused } from '../support/daemon.ts'
import { temporaryDirectory } from '../support/disk/temporary.ts'

const entry = fileURLToPath(import.meta.resolve('#dist/bench/main.js'))

function bench(...args: string[]): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [entry, ...args], (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, stdout, stderr }),
    )
  })
}

/** Long enough to measure something, but too short for meaningful figures. */
const BRIEFLY = ['--seconds', '0.3']

test('bench: measures a broker that it starts, prints its figures as data, and leaves no process and no file', async () => {
  await using directory = await temporaryDirectory()
  const { exitCode, stdout, stderr } = await bench(
    'put',
    ...BRIEFLY,
    '--connections',
    '4',
    '--json',
    '--data-dir',
    directory.path,
  )
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
  const { machine, reports } = JSON.parse(stdout) as {
    machine: { cores: number }
    reports: {
      scenario: string
      figures: { value: number; unit: string; bar?: object }[]
      latencies: object[]
    }[]
  }
  expect(machine.cores).toBeGreaterThan(0)
  expect(reports.map(({ scenario }) => scenario)).toEqual(['put'])
  const [figure] = reports[0]!.figures
  expect(figure).toMatchObject({ unit: 'puts/s', bar: { sense: 'atLeast' } })
  expect(figure!.value).toBeGreaterThan(0)
  expect(reports[0]!.latencies).toHaveLength(2)
  expect(stderr).toContain('putting from 4 connections')
  await untilUnused(directory.path)
  expect(await readdir(directory.path)).toEqual([])
})

test('bench latency: times every push from its intended send time, in a table with a plot', async () => {
  await using directory = await temporaryDirectory()
  const args = ['latency', ...BRIEFLY, '--rate', '200', '--data-dir', directory.path]
  const { exitCode, stdout, stderr } = await bench(...args)
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
  for (const part of [
    'push p50',
    'of fdatasync p99',
    'push, end to end',
    'lateness of the load itself',
    '└───',
  ]) {
    expect(stdout).toContain(part)
  }
  // 200 records a second for 0.3 s, each of which is timed.
  expect(stdout).toMatch(/push, end to end +│ +60 /)
})

interface MeasuredReport {
  readonly figures: readonly { readonly name: string; readonly value: number; readonly unit: string }[]
}

/** The figures of one scenario by name, which must all be numbers. */
async function figuresOf(...args: string[]): Promise<ReadonlyMap<string, number>> {
  await using directory = await temporaryDirectory()
  const { exitCode, stdout, stderr } = await bench(...args, '--json', '--data-dir', directory.path)
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
  const [report] = (JSON.parse(stdout) as { reports: MeasuredReport[] }).reports
  return new Map(report!.figures.map(({ name, value }) => [name, value]))
}

test('bench reshard: splits under load, and scales out and back', async () => {
  const args = ['--splits', '2', '--shards', '2', '--rate', '200', '--producers', '2', '--most', '4']
  const figures = await figuresOf('reshard', ...BRIEFLY, ...args)
  expect(figures.get('split at full speed, p99')).toBeGreaterThan(0)
  expect(figures.get('1 → 4 → 1')).toBeGreaterThan(0)
})

test('bench retention: removes and compacts under load, and comes down to the bound', async () => {
  const sizes = ['--bound-megabytes', '4', '--segment-megabytes', '1', '--deleted-megabytes', '2']
  const figures = await figuresOf('retention', ...BRIEFLY, ...sizes, '--kept-per-second', '200')
  expect(figures.get('segments removed')).toBeGreaterThan(0)
  expect(figures.get('given back')).toBeGreaterThan(0)
  // Of the bound, four active segments, and one ahead of each owner. How much more was there depends on the machine.
  expect(figures.get('on the disk in the end')).toBeLessThan(30)
})

test('bench hostile: attacks a broker in each way, counts what it did, and serves others meanwhile', async () => {
  const readers = ['--readers', '4', '--stream-megabytes', '2']
  const hellos = ['--hellos', '20', '--addresses', '1', '--newcomers', '2']
  const probes = ['--slow-connections', '3', '--probes', '2', '--probe-every-ms', '10']
  const figures = await figuresOf('hostile', ...BRIEFLY, ...readers, ...hellos, ...probes)
  for (const from of ['memory', 'disk']) {
    expect(figures.get(`4 never-readers, from ${from}: sessions opened`)).toBe(4)
    expect(figures.get(`4 never-readers, from ${from}: growth at most`)).toBeDefined()
  }
  expect(figures.get('20 hellos from 1 address: answered')).toBe(20)
  expect(figures.get('20 hellos from 1 address: when they have come, clients served')).toBe(2)
  expect(figures.get('probes beside 3 slow connections: worst')).toBeGreaterThan(0)
})

test('bench groups: processes, checkpoints, idles, and takes over in a small way', async () => {
  const processing = ['--megabytes', '1', '--shards', '2']
  const checkpoints = ['--checkpoint-shards', '4', '--checkpoint-members', '2', '--checkpoint-records', '1k']
  const idle = ['--idle-members', '8', '--idle-groups', '1,2']
  const scale = ['--scale-shards', '8', '--scale-members', '2', '--scale-groups', '2']
  const moving = ['--moving-shards', '2', '--moving-per-second', '100', '--lease-ms', '5k']
  const times = ['--take-overs', '1', '--hand-overs', '1']
  const figures = await figuresOf(
    'groups',
    ...BRIEFLY,
    ...processing,
    ...checkpoints,
    ...idle,
    ...scale,
    ...moving,
    ...times,
  )
  expect(figures.get('one member, batch by batch')).toBeGreaterThan(0)
  expect(figures.get('one member, record by record')).toBeGreaterThan(0)
  expect(figures.get('2 members, 4 shards')).toBeDefined()
  for (const groups of ['1 group', '2 groups'])
    expect(figures.get(`8 idle members in ${groups}: controller's processor time`)).toBeDefined()
  expect(figures.get('a group of 8 shards and 2 members: even shares, processes started')).toBeGreaterThan(0)
  expect(figures.get("2 groups of 2 shards and 2 members: controller's processor time, idle")).toBeDefined()
  expect(figures.get('take-over of a killed member: worst')).toBeDefined()
  expect(figures.get('1 planned hand-over: delivered')).toBeGreaterThan(0)
})

test('bench: exits with 1 if a bar is missed and --strict is given, and with a sentence for a wrong option', async () => {
  await using directory = await temporaryDirectory()
  // No machine takes ten thousand of these a second.
  const large = ['--connections', '1', '--record-bytes', '1Mi']
  const args = ['put', ...BRIEFLY, ...large, '--strict', '--data-dir', directory.path]
  const missed = await bench(...args)
  expect(missed.exitCode).toBe(1)
  expect(missed.stdout).toContain('missed: put')
  const wrong = await bench('put', '--connections', 'many')
  expect(wrong.exitCode).toBe(1)
  expect(wrong.stderr).toContain('"many" is not a whole number')
  expect((await bench('nonsense')).exitCode).toBe(1)
})

test('bench tls: measures the same with and without TLS, and the clients that come back after a restart', async () => {
  await using directory = await temporaryDirectory()
  const args = ['tls', ...BRIEFLY, '--rounds', '1', '--rate', '200', '--clients', '5', '--json']
  const { exitCode, stdout, stderr } = await bench(...args, '--data-dir', directory.path)
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
  const { reports } = JSON.parse(stdout) as { reports: { figures: { name: string; value: number }[] }[] }
  const figures = new Map(reports[0]!.figures.map(({ name, value }) => [name, value]))
  for (const name of ['appends, TLS', 'push p99, TLS', '5 clients back after a restart']) {
    expect(figures.get(name)).toBeGreaterThan(0)
  }
})

test('bench delivery: brings what a stream holds into objects of each format, and times records without buffers', async () => {
  const sizes = ['--megabytes', '1', '--shards', '2', '--rounds', '1', '--rate', '100']
  const figures = await figuresOf('delivery', ...BRIEFLY, ...sizes)
  for (const name of [
    'raw',
    'JSON in gzip',
    'JSON to Parquet, given columns',
    'JSON to Parquet, found columns',
  ]) {
    expect(figures.get(name)).toBeGreaterThan(0)
    // One for each shard at least.
    expect(figures.get(`${name}: objects`)).toBeGreaterThanOrEqual(2)
  }
  expect(figures.get('raw, of the plain member')).toBeGreaterThan(0)
  expect(figures.get('record to file without buffers, p50, 100/s')).toBeGreaterThan(0)
  expect(figures.get('of it by the delivery')).toBeDefined()
})

test('bench functions: calls modules and an endpoint with what a stream holds, stores output, and times records', async () => {
  const sizes = ['--records', '2k', '--shards', '2', '--rounds', '1', '--rate', '100']
  const figures = await figuresOf('functions', ...BRIEFLY, ...sizes)
  for (const name of [
    'module that decodes each record',
    'module whose answers are stored once, in a stream',
    'module, with a filter that lets half through',
    'HTTP endpoint that decodes each record',
    'handler of a plain member of a group',
  ]) {
    expect(figures.get(name)).toBeGreaterThan(0)
  }
  expect(figures.get('record to function, p50, 100/s')).toBeGreaterThan(0)
  expect(figures.get('of it by the app')).toBeDefined()
})

test('bench analytics: asks what a stream holds, counts it in windows, times results, and watches queries without rows', async () => {
  const sizes = ['--records', '5k', '--shards', '2', '--rounds', '1', '--rate', '100', '--queries', '2']
  const figures = await figuresOf('analytics', '--seconds', '2', ...sizes)
  for (const name of [
    'question: two of the columns',
    'question: none of the columns',
    'question: all of the columns',
    'tumbling count by key',
    'sliding average by key',
    'end of a window to its results, p50, 100/s',
    '2 idle queries, memory of the app',
  ]) {
    expect(figures.get(name)).toBeGreaterThan(0)
  }
})
