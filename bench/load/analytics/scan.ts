// Load: a single question over what a stream holds, as `millrace sql` asks it. Runs in a load process.
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from '../../harness/connect.ts'
import { monotonicMs } from '../../harness/clock.ts'
import { adhoc } from './analytics-app.ts'

export interface ScanSettings {
  readonly url: string
  readonly sql: string
  /** Where files may be made. */
  readonly directory: string
}

export interface ScanResult {
  /** From the question to the last row of its answer. */
  readonly seconds: number
  /** Of this process, meanwhile. */
  readonly processorSeconds: number
  /** The first row. */
  readonly row: Readonly<Record<string, unknown>> | undefined
}

const MEMORY_BYTES = 2 ** 30

export async function runScan({ url, sql, directory }: ScanSettings): Promise<ScanResult> {
  const { Questions } = await adhoc()
  await using client = await connect(url)
  const own = await mkdtemp(join(directory, 'scan-'))
  const questions = await Questions.open({ client, memory: MEMORY_BYTES, directory: own })
  try {
    const before = process.cpuUsage()
    const startedAt = monotonicMs()
    const answer = await questions.ask(sql)
    let row: ScanResult['row']
    for await (const rows of answer.rows()) row ??= rows[0]
    const { user, system } = process.cpuUsage(before)
    if (answer.refused > 0) throw new Error(`${answer.refused} records were refused.`)
    return {
      seconds: (monotonicMs() - startedAt) / 1000,
      processorSeconds: (user + system) / 1e6,
      row,
    }
  } finally {
    await questions.close()
  }
}
