// Runs `import aws` and `export aws`: the connection, the progress line, the notices and the report, which both have alike.
import type { Client } from '../../../client/index.ts'
import { visible } from '../../../protocol/text/visible-text.ts'
import { withClient } from '../../connecting/connection.ts'
import type { ConnectionFlags } from '../../connecting/options.ts'
import type { EncryptionFlags } from '../../keys/option.ts'
import { countOf, formatBytes, formatDuration } from '../../output/amounts.ts'
import { recordRate, startProgress } from '../../output/progress.ts'
import { seldom } from '../../output/seldom.ts'
import { printJson, tell, type Terminal } from '../../terminal.ts'
import { awsFailure, type MigrationTally, type MigrationTask } from './migration-module.ts'
import { startOf, type SideFlags } from './side-options.ts'

/** What both directions are told alike, and how they tell how far they are. */
interface CopyTask extends MigrationTask {
  readonly onProgress: (tally: MigrationTally & { readonly behindMs?: number | undefined }) => void
}

interface Copy<C extends MigrationTally> {
  readonly verb: 'import' | 'export'
  /** The stream that the records go to, for the report. */
  readonly into: string
  readonly run: (client: Client, task: CopyTask) => Promise<C>
  /** What the report says at its end. */
  readonly remark?: (counts: C) => string
}

/** Copies, and reports: as JSON, as a sentence, or not at all. Throws Failure for what the other side refuses. */
export async function runCopy<C extends MigrationTally>(
  terminal: Terminal,
  flags: SideFlags & ConnectionFlags & EncryptionFlags,
  { verb, into, run, remark = () => '' }: Copy<C>,
): Promise<void> {
  const start = startOf(flags.start, Date.now())
  const isQuiet = flags.quiet === true
  const begun = performance.now()
  const progress = startProgress(terminal, {
    verb,
    total: undefined,
    quiet: isQuiet || flags.json === true,
  })
  const task: CopyTask = {
    endpoint: flags.endpoint,
    region: flags.region,
    profile: flags.awsProfile,
    stream: flags.stream,
    start,
    follow: flags.follow === true,
    signal: terminal.interrupted(),
    onProgress: ({ records, bytes, behindMs }) => {
      const behind = behindMs === undefined ? '' : `  ${formatDuration(behindMs)} behind`
      progress.update(bytes, `${recordRate(records, performance.now() - begun)}${behind}`)
    },
    onNotice: isQuiet ? () => {} : seldom((line) => progress.say(`millrace: ${visible(line)}`)),
  }
  let counts: C
  try {
    counts = await withClient(
      terminal,
      flags,
      (client) =>
        run(client, task).catch((error: unknown) => {
          throw awsFailure(error)
        }),
      { tellsTroubles: !isQuiet },
    )
  } finally {
    progress.stop()
  }
  if (flags.json === true) return printJson(terminal, counts)
  if (isQuiet) return
  const made = counts.isTargetMade ? `Made ${into}. ` : ''
  const resumed = counts.isResumed ? `, going on from an earlier ${verb}` : ''
  const amount = `${countOf(counts.records, 'record')} (${formatBytes(counts.bytes)})`
  tell(terminal, `${made}Copied ${amount} into ${into}${resumed}.${remark(counts)}`)
}
