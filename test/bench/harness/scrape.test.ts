// Metrics and disk use as the bench reads them: sums over labels, as far as they are told apart, and over what lies there.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { diskMegabytes, readMetrics } from '../../../bench/harness/scrape.ts'
import { temporaryDirectory } from '../../support/disk/temporary.ts'

const TEXT = `# HELP millrace_compactions_total Compactions that ended.
# TYPE millrace_compactions_total counter
millrace_compactions_total{host="1",result="done"} 3
millrace_compactions_total{host="2",result="done"} 4
millrace_compactions_total{host="2",result="storageFull"} 1
millrace_streams 2
millrace_compactions_total_of_something_else 100
`

test('readMetrics: sums a metric over the labels that are not asked for', () => {
  const metrics = readMetrics(TEXT)
  expect(metrics.sum('millrace_compactions_total')).toBe(8)
  expect(metrics.sum('millrace_compactions_total', { result: 'done' })).toBe(7)
  expect(metrics.sum('millrace_compactions_total', { result: 'done', host: '2' })).toBe(4)
  expect(metrics.sum('millrace_streams')).toBe(2)
})

test('readMetrics: returns 0 for a metric that was never counted', () => {
  expect(readMetrics(TEXT).sum('millrace_unknown')).toBe(0)
  expect(readMetrics('').sum('millrace_streams')).toBe(0)
})

test('diskMegabytes: counts a directory with all folders in it, and leaves out files that are removed meanwhile', async () => {
  await using directory = await temporaryDirectory()
  const folders = Array.from({ length: 100 }, (_, index) => join(directory.path, String(index)))
  for (const folder of folders) {
    await mkdir(join(folder, 'deep'), { recursive: true })
    await writeFile(join(folder, 'deep', 'file'), Buffer.alloc(100_000, 1))
  }
  expect(await diskMegabytes(directory.path)).toBeGreaterThan(9)
  for (let round = 0; round < 10; round++) {
    const gone = folders.splice(-10).toReversed()
    const removing = Promise.all(gone.map((folder) => rm(folder, { recursive: true })))
    expect(await diskMegabytes(directory.path)).toBeGreaterThanOrEqual(folders.length * 0.09)
    await removing
  }
})
