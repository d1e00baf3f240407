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

/** Megabytes that the files under a directory take on the disk; those that go while it looks do not count. */
export async function diskMegabytes(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true })
  let bytes = 0
  for (const entry of entries) {
    const found = await stat(join(directory, entry)).catch(() => undefined)
    if (found?.isFile()) bytes += found.blocks * 512
  }
  return bytes / 1e6
}
