// `millrace group list|describe|reset|delete|pause|resume`: consumer groups, what each shard waits for, and where they go on.
import { Command } from 'commander'
import type { Client, GroupDescription } from '../../client/index.ts'
import { visible } from '../../protocol/text/visible-text.ts'
import { confirm } from '../confirm.ts'
import { collect, withClient } from '../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../connecting/options.ts'
import { Failure } from '../failure.ts'
import { jsonOption, withExamples } from '../help.ts'
import { countOf } from '../output/amounts.ts'
import { groupReport, groupTable } from '../output/group-report.ts'
import { planReset, resetReport, startText } from '../output/group-reset.ts'
import { parseGroupStart } from '../positions.ts'
import { print, printJson, screenColumns, tell, type Terminal } from '../terminal.ts'

interface Shared extends ConnectionFlags {
  readonly json?: true
}

interface Forced extends Shared {
  readonly yes?: true
  readonly force?: true
}

interface ResetFlags extends Forced {
  readonly to: string
  readonly stream?: string
  readonly dryRun?: true
}

export function groupVerb(terminal: Terminal): Command {
  return withExamples(
    new Command('group')
      .description('List, describe, reset, pause, resume and delete consumer groups.')
      .addCommand(listVerb(terminal))
      .addCommand(describeVerb(terminal))
      .addCommand(resetVerb(terminal))
      .addCommand(pauseVerb(terminal))
      .addCommand(resumeVerb(terminal))
      .addCommand(deleteVerb(terminal)),
    [
      { line: 'millrace group list', says: 'what each reads, and how many members it has' },
      { line: 'millrace group describe billing', says: 'how far each shard is, and why' },
      { line: 'millrace group reset billing --to TRIM_HORIZON', says: 'process everything again' },
    ],
  )
}

function listVerb(terminal: Terminal): Command {
  const command = new Command('list')
    .description(
      'List all consumer groups by name: state, streams, members, and shards not processed to their end.',
    )
    .addOption(jsonOption())
    .action(async (options: Shared) => {
      const groups = await withClient(terminal, options, (client) => collect(client.listGroups()))
      if (options.json === true) return printJson(terminal, groups, { indent: 2 })
      if (groups.length === 0) {
        return tell(
          terminal,
          'There is no group yet. A program makes one by joining it: `client.group(…).run(…)`.',
        )
      }
      print(terminal, groupTable(groups, { columns: screenColumns(terminal) }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace group list', says: 'a table' },
    { line: "millrace group list --json | jq -r '.[].name'", says: 'the names alone' },
  ])
}

function describeVerb(terminal: Terminal): Command {
  const command = new Command('describe')
    .description(
      'Describe a group: its members with the time that is left of their leases, and each shard that is not processed to ' +
        'its end: owner, checkpoint, records and bytes behind it, age of the oldest of them, rate, and the reason.',
    )
    .argument('<group>')
    .addOption(jsonOption())
    .action(async (name: string, options: Shared) => {
      const group = await withClient(terminal, options, (client) => client.describeGroup(name))
      if (options.json === true) printJson(terminal, group, { indent: 2 })
      else print(terminal, groupReport(group, { columns: screenColumns(terminal) }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace group describe billing', says: 'tables' },
    {
      line: "millrace group describe billing --json | jq '[.shards[].recordsBehind] | add'",
      says: 'how many records are behind',
    },
  ])
}

function resetVerb(terminal: Terminal): Command {
  const command = new Command('reset')
    .description(
      'Set a group back, or forth, in a stream. Shows what will change, and asks first on a terminal; a script is not asked. ' +
        'Refused while the group has members, unless it is forced.',
    )
    .argument('<group>')
    .requiredOption(
      '--to <position>',
      'TRIM_HORIZON, LATEST, a time (2026-05-01T12:00:00Z), or how long ago (15m)',
    )
    .option('--stream <stream>', 'which of its streams; need not be named where it reads one')
    .option('--dry-run', 'show what would change, and change nothing')
    .option('--yes', 'do not ask')
    .option(
      '--force',
      'also while it has members: they are fenced, and what they have under way is processed again',
    )
    .addOption(jsonOption())
    .action((name: string, options: ResetFlags) => reset(terminal, name, options))
  return withExamples(withConnection(command), [
    { line: 'millrace group reset billing --to TRIM_HORIZON', says: 'everything again' },
    { line: 'millrace group reset billing --to 2h --dry-run', says: 'only shows what would change' },
    { line: 'millrace group reset billing --to LATEST --stream clicks --yes', says: 'leaves out what waits' },
  ])
}

async function reset(terminal: Terminal, name: string, options: ResetFlags): Promise<void> {
  const to = parseGroupStart(options.to, { option: '--to', now: Date.now() })
  await withClient(terminal, options, async (client) => {
    const group = await client.describeGroup(name)
    const stream = streamOf(group, options.stream)
    const plan = planReset(group, { stream, to, shards: await collect(client.listShards(stream)) })
    const isDry = options.dryRun === true
    if (options.json !== true) print(terminal, resetReport(plan, { columns: screenColumns(terminal) }))
    if (!isDry) {
      refuseInUse(group, options)
      await ask(terminal, { question: `Reset ${name}?`, refusal: 'Nothing was changed.', options })
      await client.resetGroup(name, { stream, to, force: options.force === true })
    }
    if (options.json === true) printJson(terminal, { ...plan, isReset: !isDry }, { indent: 2 })
    else if (!isDry) print(terminal, `Reset ${name} to ${startText(to)} in ${visible(stream)}.`)
  })
}

function streamOf({ name, streams }: GroupDescription, named: string | undefined): string {
  const reads = visible(`Group ${name} reads ${streams.join(', ') || 'no stream'}`)
  if (named !== undefined) {
    if (streams.includes(named)) return named
    throw new Failure(`${reads}, not ${visible(named)}.`, 'notFound')
  }
  const [first, ...others] = streams
  if (first === undefined) throw new Failure(`${reads}, so there is nothing to reset.`)
  if (others.length === 0) return first
  throw new Failure(`${reads}: name one of them with --stream.`, 'usage')
}

function pauseVerb(terminal: Terminal): Command {
  const command = new Command('pause')
    .description(
      'Pause a group: its members keep their shards, finish what they have, and hand out no more records.',
    )
    .argument('<group>')
    .addOption(jsonOption())
    .action(async (name: string, options: Shared) => {
      await withClient(terminal, options, (client) => client.pauseGroup(name))
      if (options.json === true) printJson(terminal, { name, isPaused: true }, { indent: 2 })
      else print(terminal, `Paused ${name}. It goes on with \`millrace group resume ${name}\`.`)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace group pause billing', says: 'until it is resumed' },
  ])
}

function resumeVerb(terminal: Terminal): Command {
  const command = new Command('resume')
    .description('Let a paused group go on where it is.')
    .argument('<group>')
    .addOption(jsonOption())
    .action(async (name: string, options: Shared) => {
      await withClient(terminal, options, (client) => client.resumeGroup(name))
      if (options.json === true) printJson(terminal, { name, isPaused: false }, { indent: 2 })
      else print(terminal, `Resumed ${name}.`)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace group resume billing', says: 'from its checkpoints' },
  ])
}

function deleteVerb(terminal: Terminal): Command {
  const command = new Command('delete')
    .description(
      'Delete a group and its checkpoints. Asks first on a terminal; a script is not asked. Refused while the group has ' +
        'members, unless it is forced; members that go on are refused then, and do not make it anew.',
    )
    .argument('<group>')
    .option('--yes', 'do not ask')
    .option('--force', 'also while it has members: their programs end with groupNotFound')
    .addOption(jsonOption())
    .action(async (name: string, options: Forced) => {
      await withClient(terminal, options, async (client: Client) => {
        refuseInUse(await client.describeGroup(name), options)
        await ask(terminal, {
          question: `Delete the group ${name} and all its checkpoints?`,
          refusal: 'Nothing was deleted.',
          options,
        })
        await client.deleteGroup(name, { force: options.force === true })
      })
      if (options.json === true) printJson(terminal, { name, isDeleted: true }, { indent: 2 })
      else print(terminal, `Deleted ${name}.`)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace group delete billing', says: 'asks before it deletes' },
    { line: 'millrace group delete billing --yes', says: 'does not' },
  ])
}

/** Refuses before anyone is asked; the broker refuses again if a member joins meanwhile. */
function refuseInUse({ name, members }: GroupDescription, { force }: Forced): void {
  if (force === true || members.length === 0) return
  const some = members.slice(0, 3).map(({ memberId }) => memberId)
  const who = visible(`${some.join(', ')}${members.length > some.length ? ', …' : ''}`)
  throw new Failure(
    `Group ${visible(name)} has ${countOf(members.length, 'member')} (${who}). Stop them first, or pass --force: then what they ` +
      'have under way is processed again.',
  )
}

async function ask(
  terminal: Terminal,
  { question, refusal, options }: { question: string; refusal: string; options: Forced },
): Promise<void> {
  if (options.yes === true || (await confirm(terminal, question))) return
  throw new Failure(refusal, 'interrupted')
}
