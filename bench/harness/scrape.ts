// What a daemon says of itself, and what it takes of the disk. Runs in the bench's own process.
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Values of one moment, from /metrics. */
export interface Scrape {
  /** The sum of a metric over everything that its labels tell apart, as far as they have these values. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number
}

export async function scrape(adminUrl: string): Promise<Scrape> {
  const response = await fetch(new URL('/metrics', adminUrl))
  if (!response.ok) throw new Error(`${adminUrl}/metrics answered ${response.status}`)
  return readMetrics(await response.text())
}

/** Prometheus' text format, as far as the broker uses it. */
export function readMetrics(text: string): Scrape {
  const samples = text.split('\n').map(parseSample)
  return {
    sum(name, labels = {}) {
      const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
      let sum = 0
      for (const sample of samples) {
        if (sample?.name === name && wanted.every((label) => sample.labels.includes(label)))
          sum += sample.value
      }
      return sum
    },
  }
}

interface Sample {
  readonly name: string
  /** `host="1"`, … */
  readonly labels: readonly string[]
  readonly value: number
}

/** A line of Prometheus' text format; undefined for comments. The broker's label values hold neither commas nor quotes. */
function parseSample(line: string): Sample | undefined {
  const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line)
  if (!match) return undefined
  return { name: match[1]!, labels: match[2]?.split(',') ?? [], value: Number(match[3]) }
}

/**
 * Megabytes that the files under a directory take on the disk; those that go while it looks do not count. It walks by
 * itself, since the recursive `readdir` fails with ENOENT where a directory goes before its turn, as removed segments do.
 */
export async function diskMegabytes(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(orIfGone([]))
  let megabytes = 0
  for (const entry of entries) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) megabytes += await diskMegabytes(path)
    else megabytes += ((await stat(path).catch(orIfGone(undefined)))?.blocks ?? 0) * MEGABYTES_A_BLOCK
  }
  return megabytes
}

/** What `stat` counts in, whatever the file system: 512 bytes. */
const MEGABYTES_A_BLOCK = 512 / 1e6

function orIfGone<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return instead
    throw error
  }
}
