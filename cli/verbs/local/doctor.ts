// `millrace doctor`: says whether a broker can run here. Measures the disk and examines the machine.
import { Command } from 'commander'
import { loadConfig } from '../../../broker/config/load.ts'
import { addConfigFlags, configFlagValues } from '../../config-flags.ts'
import { diagnose, type Finding } from '../../doctor/diagnose.ts'
import { measureDisk, type DiskMeasurement } from '../../doctor/measure.ts'
import { Failure } from '../../failure.ts'
import { jsonOption, withExamples } from '../../help.ts'
import { formatBytes, formatDuration } from '../../output/amounts.ts'
import { formatFields, hanging, type Room } from '../../output/table.ts'
import { print, printJson, screenColumns, tell, type Terminal } from '../../terminal.ts'

const MEASURE_MS = 3000

export function doctorVerb(terminal: Terminal): Command {
  const command = new Command('doctor')
    .description(
      'Measure the disk under the data directory and say what that means. Safe beside a running broker.',
    )
    .addOption(jsonOption())
    .action(async (options: { json?: true }) => {
      const { values: config } = loadConfig(configFlagValues(command))
      if (options.json !== true && terminal.stderr.isTTY === true) {
        tell(terminal, `Flushing to ${config.dataDir} for ${MEASURE_MS / 1000} s …`)
      }
      const disk = await measureDisk(config.dataDir, { durationMs: MEASURE_MS })
      const findings = diagnose(disk, { freeSpaceFloorBytes: config.freeSpaceFloor })
      if (options.json === true) printJson(terminal, { disk, findings }, { indent: 2 })
      else print(terminal, report(disk, findings, { columns: screenColumns(terminal) }))
      if (findings.some(({ level }) => level === 'problem')) throw new Failure('', 'unhealthy')
    })
  return withExamples(addConfigFlags(command, ['config', 'dataDir', 'freeSpaceFloor']), [
    { line: 'millrace doctor', says: 'the disk under ./data' },
    { line: 'millrace doctor --data-dir /var/lib/millrace', says: 'the disk under another directory' },
    { line: 'millrace doctor --json', says: 'for a provisioning script' },
  ])
}

const marks: Record<Finding['level'], string> = { fine: 'ok     ', warning: 'warning', problem: 'PROBLEM' }

function report(disk: DiskMeasurement, findings: readonly Finding[], room: Room): string {
  const facts: [string, string][] = [
    [
      'data directory',
      disk.exists ? disk.directory : `${disk.directory} (the data directory is not there yet)`,
    ],
    ['file system', disk.fileSystem],
    ['free space', `${formatBytes(disk.freeBytes)} of ${formatBytes(disk.totalBytes)}`],
    [
      'write + fdatasync',
      `p50 ${formatDuration(disk.flush.p50)}, p99 ${formatDuration(disk.flush.p99)}, ` +
        `max ${formatDuration(disk.flush.max)} (${disk.flush.samples} times 4 KiB)`,
    ],
  ]
  const lines = findings.map(
    ({ level, text }) => `${marks[level]}  ${hanging(text, marks[level].length + 2, room.columns)}`,
  )
  return `${formatFields(facts, room)}\n\n${lines.join('\n')}`
}
