// PROCESS ENTRY of the bench: `npm run bench -- <scenario> [options]`. Figures go to standard output, progress to standard
// error; the exit code is 1 if a bar was missed and `--strict` was given, and 2 if a run failed.
import { Command, InvalidArgumentError, Option } from 'commander'
import { describeMachine, renderMachine } from './machine.ts'
import type { Report } from './report/figure.ts'
import { verdictOf } from './report/figure.ts'
import { renderReport, renderVerdicts } from './report/table.ts'
import { openRun, type RunOptions } from './run.ts'
import type { Scenario } from './scenario.ts'
import { scenarios } from './scenarios/index.ts'
import { flagNameOf, parseCount, parseCounts, valuesOf } from './settings.ts'

interface GlobalOptions extends RunOptions {
  readonly json: boolean
  readonly strict: boolean
}

const EXIT_MISSED = 1
const EXIT_FAILED = 2
const EXIT_INTERRUPTED = 130

const program = new Command('bench')
  .description(
    'Measures a broker that it starts itself, beside the limits of the machine measured in the same run.\nEvery acknowledgement is flushed to the disk under --data-dir.',
  )
  .option('--seconds <n>', 'length of each measurement, warm-up excluded', parseSeconds, 5)
  .option('--data-dir <path>', 'where the broker stores and the disk is measured', './data')
  .option('--json', 'figures as data on standard output', false)
  .option(
    '--tls',
    'brokers speak TLS and clients show a token; not for `hostile` and `groups`, which dial by themselves',
    false,
  )
  .option('--strict', 'exit with 1 if a bar is missed', false)
  .addHelpText(
    'after',
    `
Examples:
  npm run bench -- all
  npm run bench -- append --record-bytes 100 --batch-bytes 64Ki,256Ki
  npm run bench -- latency --rate 5000 --seconds 30
  npm run bench -- all --json > figures.json`,
  )

for (const entry of scenarios) addScenario(entry)

program
  .command('all')
  .description('every scenario with its defaults')
  .action(() => runScenarios(scenarios.map((entry) => ({ entry, given: {} }))))

await program.parseAsync()

function addScenario(entry: Scenario): void {
  const command = program.command(entry.name).description(entry.doc)
  for (const [name, setting] of Object.entries(entry.settings)) {
    const isList = typeof setting.default !== 'number'
    const option = new Option(`--${flagNameOf(name)} ${isList ? '<n,…>' : '<n>'}`, setting.doc)
    const parse: (text: string) => unknown = isList ? parseCounts : parseCount
    option.default(setting.default, String(setting.default)).argParser(parse)
    command.addOption(option)
  }
  const examples = entry.examples.map((example) => `  npm run bench -- ${entry.name} ${example}`)
  command.addHelpText('after', `\nExamples:\n${examples.join('\n')}`)
  command.action((given: Record<string, unknown>) => runScenarios([{ entry, given }]))
}

interface ChosenScenario {
  readonly entry: Scenario
  readonly given: Readonly<Record<string, unknown>>
}

async function runScenarios(chosen: readonly ChosenScenario[]): Promise<void> {
  const options = program.opts<GlobalOptions>()
  const reports: Report[] = []
  try {
    const machine = await describeMachine(options.dataDir)
    if (!options.json) console.log(renderMachine(machine))
    for (const { entry, given } of chosen) {
      for (const report of await runScenario(entry, given, options)) {
        reports.push(report)
        if (!options.json) console.log(renderReport(report))
      }
    }
    if (options.json) console.log(JSON.stringify({ machine, at: new Date().toISOString(), reports }, null, 2))
    else console.log(`\n${renderVerdicts(reports)}`)
  } catch (error) {
    console.error(error instanceof Error ? (error.stack ?? error.message) : error)
    process.exitCode = EXIT_FAILED
  }
  const missed = reports.some((report) => report.figures.some((figure) => verdictOf(figure) === 'miss'))
  if (options.strict && missed) process.exitCode ??= EXIT_MISSED
}

/** Runs one scenario in its own directory, which is removed, so that each scenario starts with an equally empty disk. */
async function runScenario(
  entry: Scenario,
  given: Readonly<Record<string, unknown>>,
  options: GlobalOptions,
): Promise<readonly Report[]> {
  const run = await openRun(options)
  const interrupt = () => void run.close().finally(() => process.exit(EXIT_INTERRUPTED))
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    run.bench.say(`${entry.name}: ${entry.doc}`)
    return await entry.run(run.bench, valuesOf(entry.settings, given))
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
    await run.close()
  }
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (!(seconds > 0))
    throw new InvalidArgumentError(`${JSON.stringify(text)} is not a number of seconds above 0.`)
  return seconds
}
