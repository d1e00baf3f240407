// Generates the documents that derive from tables: `npm run docs` writes them, `npm run docs:check` (--check) fails if one is
// out of date. Runs after the build, in its own process. Each page is a function that returns Markdown.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { quotasPage } from '../broker/access/quotas/docs-page.ts'
import { configurationPage } from '../broker/config/docs-page.ts'
import { rowsPage } from '../broker/storage/rows/docs-page.ts'
import { auditPage } from '../broker/telemetry/audit/docs-page.ts'
import { metricsPage } from '../broker/telemetry/docs-page.ts'
import { errorsPage } from './docs/errors-page.ts'
import { grantsPage } from './docs/grants-page.ts'
import { protocolPage } from './docs/protocol-page.ts'

/** The table of generated documents; a new document needs only a line here. */
const pages: readonly {
  readonly path: string
  readonly render: (root: string) => string | Promise<string>
}[] = [
  { path: 'docs/protocol.md', render: protocolPage },
  { path: 'docs/grants.md', render: grantsPage },
  { path: 'docs/errors.md', render: errorsPage },
  { path: 'docs/configuration.md', render: configurationPage },
  { path: 'docs/metrics.md', render: metricsPage },
  { path: 'docs/quotas.md', render: quotasPage },
  { path: 'docs/audit.md', render: auditPage },
  { path: 'docs/rows.md', render: rowsPage },
  { path: 'docs/kinesis/support.md', render: () => pageOfApp('@millrace/kinesis', 'supportPage') },
  { path: 'docs/agent/support.md', render: () => pageOfApp('@millrace/agent', 'supportPage') },
]

const NOTICE =
  '<!-- Printed from tables in the source by `npm run docs`: change the table, not this page. -->'

// This file runs as dist/scripts/generate-docs.js.
const root = fileURLToPath(new URL('../../', import.meta.url))
const checking = process.argv.includes('--check')

for (const { path, render } of pages) {
  const file = join(root, path)
  const options = {
    ...(await resolveConfig(file)),
    filepath: file,
    proseWrap: 'always',
    printWidth: 120,
  } as const
  const wanted = await format(withNotice(await render(root)), options)
  if (wanted === readIfThere(file)) continue
  if (checking) {
    console.error(`${path} has fallen behind its table: run npm run docs.`)
    process.exitCode = 1
  } else {
    writeFileSync(file, wanted)
    console.log(`wrote ${path}`)
  }
}

/** A page that an app makes of its own tables, by its door. Apps are compiled after the scripts, which know no type of theirs. */
async function pageOfApp(door: string, name: string): Promise<string> {
  const exported = (await import(door)) as Readonly<Record<string, () => string>>
  const render = exported[name]
  if (render === undefined) throw new Error(`${door} exports no ${name}`)
  return render()
}

/** Adds the notice below the title, which is the first line of every document. */
function withNotice(page: string): string {
  return page.replace('\n', `\n\n${NOTICE}\n`)
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
