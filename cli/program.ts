// The command: its verbs, its help, and the end of a run. Every failure becomes one sentence and one exit code.
import { Command, CommanderError } from 'commander'
import { visibleLines } from '../protocol/text/visible-text.ts'
import { resolveTarget, type Target } from './connecting/resolve.ts'
import { processSurroundings } from './connecting/surroundings.ts'
import { exitCodes, exitCodesHelp, type ExitName } from './exit-codes.ts'
import { reportFailure } from './failure.ts'
import { tell, type Terminal } from './terminal.ts'
import { accessKeyVerb } from './verbs/access/access-key.ts'
import { principalVerb } from './verbs/access/principal.ts'
import { tokenVerb } from './verbs/access/token.ts'
import { exportVerb } from './verbs/aws/export.ts'
import { importVerb } from './verbs/aws/import.ts'
import { benchVerb } from './verbs/bench.ts'
import { checkVerb } from './verbs/local/check.ts'
import { configVerb } from './verbs/local/config.ts'
import { completionVerb } from './verbs/local/completion.ts'
import { consumeVerb } from './verbs/consume.ts'
import { doctorVerb } from './verbs/local/doctor.ts'
import { documentVerb } from './verbs/document.ts'
import { profileVerb } from './verbs/local/profile.ts'
import { consumerVerb } from './verbs/consumer.ts'
import { agentVerb } from './verbs/apps/agent.ts'
import { deliveryVerb } from './verbs/apps/delivery.ts'
import { functionVerb } from './verbs/apps/function.ts'
import { kinesisVerb } from './verbs/apps/kinesis.ts'
import { queryVerb } from './verbs/apps/query.ts'
import { sqlVerb } from './verbs/apps/sql.ts'
import { groupVerb } from './verbs/group.ts'
import { produceVerb } from './verbs/produce.ts'
import { putVerb } from './verbs/put.ts'
import { serveVerb } from './verbs/serve.ts'
import { shardVerb } from './verbs/shard.ts'
import { statusVerb } from './verbs/status.ts'
import { streamVerb } from './verbs/stream.ts'
import { keyVerb } from './verbs/local/key.ts'
import { tlsVerb } from './verbs/local/tls.ts'

/** Width of help where the terminal does not say its own. */
const HELP_COLUMNS = 100

/** Builds the command. Nothing runs, and no large module is loaded, before a verb is chosen. */
export function createProgram(terminal: Terminal, version: string): Command {
  const program = new Command('millrace')
    .description('A durable, ordered, replayable stream broker.')
    .version(version, '-V, --version', 'print the version')
    .addHelpText('after', `\nExit codes:\n${exitCodesHelp()}`)
  const verbs = [
    serveVerb,
    streamVerb,
    shardVerb,
    putVerb,
    produceVerb,
    consumeVerb,
    groupVerb,
    consumerVerb,
    documentVerb,
    kinesisVerb,
    agentVerb,
    deliveryVerb,
    functionVerb,
    queryVerb,
    sqlVerb,
    importVerb,
    exportVerb,
    tokenVerb,
    principalVerb,
    accessKeyVerb,
    statusVerb,
    benchVerb,
    profileVerb,
    configVerb,
    doctorVerb,
    checkVerb,
    tlsVerb,
    keyVerb,
    completionVerb,
  ]
  for (const verb of verbs) program.addCommand(verb(terminal))
  settle(program, terminal)
  return program
}

/** Runs one command line and returns its exit code. Never throws, and never ends the process. */
export async function run(args: readonly string[], terminal: Terminal, version: string): Promise<number> {
  const program = createProgram(terminal, version)
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCodes.ok.code
  } catch (error) {
    // The reader of the pipe is gone, so any failure after that no longer matters.
    if (terminal.outputClosed.aborted) return exitCodes.ok.code
    if (error instanceof CommanderError) return exitCodes[exitOf(error)].code
    const { message, exit } = reportFailure(error, targetOf(program))
    if (message !== '') tell(terminal, `millrace: ${message}`)
    return exitCodes[exit].code
  }
}

/** Replaces commander's `help`, which shows the general help for an unknown verb and reports no error. */
function helpVerb(of: Command): Command {
  return new Command('help')
    .description('show the help of a verb')
    .argument('[verb...]')
    .action((names: string[]) => {
      let at: Command = of
      for (const name of names) {
        const verb = at.commands.find((candidate) => candidate.name() === name)
        if (verb === undefined) at.error(`error: unknown command '${name}'`)
        at = verb
      }
      at.help()
    })
}

/** Settings of every verb: throw instead of exit, print help on standard output and errors on standard error. */
function settle(command: Command, terminal: Terminal): void {
  command
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(visibleLines(text)),
      writeErr: (text) => terminal.stderr.write(visibleLines(text)),
      outputError: (text, write) => write(withHint(text.replace(/^error: /, 'millrace: '))),
      getOutHelpWidth: () => terminal.stdout.columns || HELP_COLUMNS,
      getErrHelpWidth: () => terminal.stderr.columns || HELP_COLUMNS,
    })
    .configureHelp({
      // Text is wrapped even where long names of verbs and options leave little room.
      minWidthToWrap: 20,
      subcommandDescription: (verb) =>
        verb
          .description()
          .split(/[.:;] /)[0]!
          .replace(/\.?$/, '.'),
    })
    .showHelpAfterError('Add --help for what there is.')
  if (command.commands.length > 0) command.addCommand(helpVerb(command))
  for (const verb of command.commands) settle(verb, terminal)
}

/** A token on a command line shows in the list of processes and in the shell's history, so there is no such flag. */
function withHint(text: string): string {
  if (!/unknown option '--token'/.test(text)) return text
  return `${text.trimEnd()}: a token is in a file, --token-file, or in MILLRACE_TOKEN. Replace one that was typed here.\n`
}

/** Commander throws for --help and --version too; all other errors are usage errors. */
function exitOf(error: CommanderError): ExitName {
  return error.exitCode === 0 ? 'ok' : 'usage'
}

/** Where the chosen verb connects, for messages; undefined for a verb that connects nowhere, or if that cannot be told. */
function targetOf(program: Command): Target | undefined {
  let chosen = program
  for (;;) {
    const name = chosen.args[0]
    const verb = chosen.commands.find((candidate) => candidate.name() === name)
    if (verb === undefined) break
    chosen = verb
  }
  if (!chosen.options.some(({ long }) => long === '--url')) return undefined
  try {
    return resolveTarget(chosen.opts(), processSurroundings())
  } catch {
    return undefined
  }
}
