// Reads a broker's metrics and measures its use of the disk. Runs in the bench's main process.
import { once } from 'node:events'
import { readdir, readFile, stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** The values of /metrics at one moment. */
export interface Scrape {
  /** The sum of a metric over all samples whose labels have the given values. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number
}

export async function scrape(adminUrl: string): Promise<Scrape> {
  const url = new URL('/metrics', adminUrl)
  if (url.protocol === 'https:') return readMetrics(await securely(url))
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${adminUrl}/metrics answered ${response.status}`)
  return readMetrics(await response.text())
}

/** Asks by TLS, with the token of root: `fetch` takes no authority. */
async function securely(url: URL): Promise<string> {
  const { MILLRACE_CA: ca, MILLRACE_TOKEN_FILE: tokenFile } = process.env
  const token = (await readFile(tokenFile!, 'utf8')).trim()
  const headers = { authorization: `Bearer ${token}` }
  const asked = request(url, { ca: await readFile(ca!), headers, agent: false }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  if (response.statusCode !== 200) throw new Error(`${url.href} answered ${response.statusCode}`)
  return await text(response)
}

/** Parses Prometheus' text format, as far as the broker uses it. */
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

/** Parses one line; undefined for a comment. The broker's label values hold neither commas nor quotes. */
function parseSample(line: string): Sample | undefined {
  const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line)
  if (!match) return undefined
  return { name: match[1]!, labels: match[2]?.split(',') ?? [], value: Number(match[3]) }
}

/**
 * Megabytes that the files under a directory take on the disk, without files that are removed meanwhile. It walks folders
 * itself, since the recursive `readdir` fails with ENOENT if a directory, such as a segment, is removed before its turn.
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

/** Megabytes of one block of `stat`, which has 512 bytes on every file system. */
const MEGABYTES_A_BLOCK = 512 / 1e6

function orIfGone<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return instead
    throw error
  }
}
