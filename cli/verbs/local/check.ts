// `millrace check`: reads a whole data directory and verifies every batch, while no broker runs on it.
import { Command } from 'commander'
import { formatValue } from '../../../broker/config/kinds.ts'
import { loadConfig } from '../../../broker/config/load.ts'
import type { IntegrityReport } from '../../../broker/storage/integrity.ts'
import { addConfigFlags, configFlagValues } from '../../config-flags.ts'
import type { ExitName } from '../../exit-codes.ts'
import { Failure } from '../../failure.ts'
import { jsonOption, withExamples } from '../../help.ts'
import { countOf, formatBytes } from '../../output/amounts.ts'
import { startProgress } from '../../output/progress.ts'
import { print, printJson, type Terminal } from '../../terminal.ts'

/** The texts of each verdict: label of a single problem, summary at the end, and exit code. */
const verdicts: Readonly<
  Record<IntegrityReport['verdict'], { label: string; summary: string; exit: ExitName }>
> = {
  sound: { label: '', summary: 'Sound', exit: 'ok' },
  damaged: { label: 'DAMAGED', summary: 'Damaged', exit: 'unhealthy' },
  malformed: {
    label: 'MALFORMED',
    summary: 'Sound on disk, but some batches were written so that no reader can take them apart',
    exit: 'malformed',
  },
  codecMissing: {
    label: 'UNCHECKED',
    summary: 'Sound as far as this Node can read: it does not have the codec of some batches',
    exit: 'unchecked',
  },
}

export function checkVerb(terminal: Terminal): Command {
  const command = new Command('check')
    .description(
      'Verify every stored batch of a data directory. The broker must be stopped; nothing is changed.',
    )
    .addOption(jsonOption())
    .action(async (options: { json?: true }) => {
      const { values: config } = loadConfig(configFlagValues(command))
      const { checkDataDirectory } = await import('../../../broker/storage/integrity.ts')
      const progress = startProgress(terminal, {
        verb: 'check',
        total: undefined,
        format: formatBytes,
        quiet: options.json === true,
      })
      const report = await checkDataDirectory(config.dataDir, {
        onProgress: ({ bytes, records }) => progress.update(bytes, countOf(records, 'record')),
      }).finally(() => progress.stop())
      if (options.json === true) {
        printJson(terminal, report, { indent: 2 })
      } else {
        for (const { kind, where, what } of report.problems) {
          print(terminal, `${verdicts[kind].label}  ${where}: ${what}`)
        }
        for (const { where, stampedUntil, aheadMs } of report.stampedAhead) {
          const until = new Date(stampedUntil).toISOString()
          const by = formatValue('duration', Math.round(aheadMs / 1000) * 1000)
          print(
            terminal,
            `AHEAD  ${where}: It is stamped until ${until}, ${by} ahead of this machine's clock.`,
          )
        }
        print(
          terminal,
          `${verdicts[report.verdict].summary}: ${countOf(report.records, 'record')} in ` +
            `${countOf(report.batches, 'batch', 'batches')}${encryptedNote(report)}, ${formatBytes(report.bytes)}, ` +
            `${countOf(report.shards, 'shard')}, ${countOf(report.segments, 'segment')}.`,
        )
      }
      const { exit } = verdicts[report.verdict]
      if (exit !== 'ok') throw new Failure('', exit)
    })
  return withExamples(addConfigFlags(command, ['config', 'dataDir']), [
    { line: 'millrace check --data-dir ./data', says: 'after a crash of the machine, or before a backup' },
    { line: 'millrace check --json | jq .problems', says: 'what is damaged, for a script' },
  ])
}

function encryptedNote({ encryptedBatches }: IntegrityReport): string {
  return encryptedBatches === 0 ? '' : ` (${encryptedBatches} encrypted, their records not looked at)`
}
