// Copies the lines of a file into a stream, each once, however often it is killed and run again. `node dist/examples/copy-file-once.js
// FILE STREAM [url]` runs it. What it must know after a crash stands in FILE.journal: the lines that are under way, with their plan.
import { open, readFile, rename } from 'node:fs/promises'
import { connect, type AppendPlan } from 'millrace'

interface Journal {
  /** Lines before this one are stored. */
  done: number
  /** Lines under way: from `done` to here. */
  to?: number
  plan?: AppendPlan
}

const [file = 'lines.txt', stream = 'lines', url] = process.argv.slice(2)
const LINES_AT_ONCE = 1000

/** Replaces the journal as a whole, and is done when it is on the disk. */
async function save(journal: Journal): Promise<void> {
  const next = await open(`${file}.journal.new`, 'w')
  await next.writeFile(JSON.stringify(journal))
  await next.sync()
  await next.close()
  await rename(`${file}.journal.new`, `${file}.journal`)
}

const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
const recordsOf = (from: number, to: number) =>
  lines.slice(from, to).map((line, i) => ({ partitionKey: String(from + i), data: line }))
const journal = JSON.parse(await readFile(`${file}.journal`, 'utf8').catch(() => '{"done":0}')) as Journal

await using client = await connect(url)
const writer = await client.preparedWriter(stream)
while (journal.done < lines.length) {
  const { done, plan } = journal
  const to = journal.to ?? Math.min(done + LINES_AT_ONCE, lines.length)
  const keep = (kept: AppendPlan) => save({ done, to, plan: kept })
  if (plan === undefined) await writer.append(recordsOf(done, to), { keep })
  else await writer.resume(plan, recordsOf(done, to), { keep })
  journal.done = to
  delete journal.to
  delete journal.plan
  await save(journal)
}
console.log(`${lines.length} lines are stored`)
