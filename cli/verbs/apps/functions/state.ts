// `millrace function pause|resume|delete|skip`: what becomes of a function and of the records that it stands still at.
import { Command } from 'commander'
import type { Client } from '../../../../client/index.ts'
import { visible } from '../../../../protocol/text/visible-text.ts'
import { wholeNumber } from '../../../arguments.ts'
import { confirm } from '../../../confirm.ts'
import { withClient } from '../../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../../connecting/options.ts'
import { Failure } from '../../../failure.ts'
import { jsonOption, withExamples } from '../../../help.ts'
import { print, printJson, type Terminal } from '../../../terminal.ts'
import { doorOf } from './create.ts'
import { standstillsOf } from './function-report.ts'
import { loadDefinitions, refusing, type NamedMapping } from './functions-module.ts'

interface Shared extends ConnectionFlags {
  readonly json?: true
  readonly stream?: string
}

export function pauseVerb(terminal: Terminal): Command {
  return switchVerb(terminal, {
    name: 'pause',
    description:
      'Have a function called no more with the records of streams. Calls under way end; its place in each shard stays.',
    isEnabled: false,
    done: 'Paused',
  })
}

export function resumeVerb(terminal: Terminal): Command {
  return switchVerb(terminal, {
    name: 'resume',
    description: 'Have a paused function called again, from where it was.',
    isEnabled: true,
    done: 'Resumed',
  })
}

function switchVerb(
  terminal: Terminal,
  kind: {
    readonly name: string
    readonly description: string
    readonly isEnabled: boolean
    readonly done: string
  },
): Command {
  const command = new Command(kind.name)
    .description(kind.description)
    .argument('<function>')
    .option('--stream <stream>', 'only for this stream')
    .addOption(jsonOption())
    .action(async (name: string, flags: Shared) => {
      const { setMappingEnabled } = await loadDefinitions()
      const switched = await withClient(terminal, flags, (client) =>
        refusing(async () => {
          const mappings = await mappingsOf(client, name, flags.stream)
          return Promise.all(
            mappings.map(({ uuid }) => setMappingEnabled(doorOf(client), uuid, kind.isEnabled)),
          )
        }),
      )
      if (flags.json === true) return printJson(terminal, switched, { indent: 2 })
      for (const { mapping } of switched)
        print(terminal, `${kind.done} ${name} for ${mapping.source.stream}.`)
    })
  return withExamples(withConnection(command), [
    { line: `millrace function ${kind.name} enrich`, says: 'for all streams that it reads' },
    { line: `millrace function ${kind.name} enrich --stream clicks`, says: 'for one of them' },
  ])
}

export function deleteVerb(terminal: Terminal): Command {
  const command = new Command('delete')
    .description(
      'Delete a function, and that it is called with the records of streams. The streams stay. Asks first on a terminal; a script is not asked.',
    )
    .argument('<function>')
    .option('--yes', 'do not ask')
    .action(async (name: string, flags: Shared & { readonly yes?: true }) => {
      const { getFunction, deleteFunction } = await loadDefinitions()
      await withClient(terminal, flags, (client) =>
        refusing(async () => {
          await getFunction(client, name)
          if (
            flags.yes !== true &&
            !(await confirm(terminal, `Delete the function ${name}, and its place in each shard?`))
          ) {
            throw new Failure('Nothing was deleted.', 'interrupted')
          }
          await deleteFunction(doorOf(client), name, { withMappings: true })
        }),
      )
      print(terminal, `Deleted ${name}.`)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace function delete enrich', says: 'asks before it deletes' },
    { line: 'millrace function delete enrich --yes', says: 'does not' },
  ])
}

interface SkipFlags extends Shared {
  readonly shard?: string
  readonly from?: number
  readonly to?: number
  readonly yes?: true
}

/** Records that are to be passed over. */
interface Skip {
  readonly uuid: string
  readonly shardId: string
  readonly from: number
  readonly to: number
  readonly lane?: number
}

export function skipVerb(terminal: Terminal): Command {
  const command = new Command('skip')
    .description(
      'Pass over the records that a function stands still at: they are given up as after the last retry, and --on-failure is told of them. ' +
        'Without --from and --to, all at which it stands still now. Asks first on a terminal; a script is not asked.',
    )
    .argument('<function>')
    .option('--stream <stream>', 'only of this stream')
    .option('--shard <shard>', 'only of this shard')
    .option('--from <number>', 'sequence number of the first record; needs --shard and --to', wholeNumber(0))
    .option('--to <number>', 'sequence number of the last record', wholeNumber(0))
    .option('--yes', 'do not ask')
    .addOption(jsonOption())
    .action((name: string, flags: SkipFlags) => skip(terminal, name, flags))
  return withExamples(withConnection(command), [
    { line: 'millrace function skip enrich', says: 'what it stands still at' },
    {
      line: 'millrace function skip enrich --shard shardId-000000000000 --from 1200 --to 1200',
      says: 'one record, before it gets there',
    },
  ])
}

async function skip(terminal: Terminal, name: string, flags: SkipFlags): Promise<void> {
  const { skipRecords } = await loadDefinitions()
  await withClient(terminal, flags, (client) =>
    refusing(async () => {
      const skips = await skipsOf(client, name, flags)
      if (skips.length === 0) throw new Failure(`The function ${visible(name)} stands still nowhere there.`)
      const texts = skips.map(({ shardId, from, to }) => `${shardId} ${from} to ${to - 1}`)
      if (flags.yes !== true && !(await confirm(terminal, `Pass over ${texts.join(', ')}?`))) {
        throw new Failure('Nothing was passed over.', 'interrupted')
      }
      // One after the other: several may be of one mapping.
      for (const { uuid, ...skipped } of skips) await skipRecords(doorOf(client), uuid, skipped)
      if (flags.json === true) return printJson(terminal, skips, { indent: 2 })
      for (const text of texts) print(terminal, `Passes over ${text}.`)
    }),
  )
}

async function skipsOf(client: Client, name: string, flags: SkipFlags): Promise<readonly Skip[]> {
  const { shard, from, to, stream } = flags
  if (from !== undefined || to !== undefined) {
    if (from === undefined || to === undefined || shard === undefined) {
      throw new Failure('--from and --to name records of one shard: give both, and --shard.', 'usage')
    }
    const mappings = await mappingsOf(client, name, stream)
    if (mappings.length > 1)
      throw new Failure(`The function ${visible(name)} reads several streams: name one by --stream.`, 'usage')
    return mappings.map(({ uuid }) => ({ uuid, shardId: shard, from, to: to + 1 }))
  }
  const { describeFunction } = await loadDefinitions()
  const { mappings } = await describeFunction(client, name)
  const found = mappings
    .filter(({ mapping }) => stream === undefined || mapping.source.stream === stream)
    .flatMap((described) =>
      standstillsOf(described)
        .filter(({ shardId }) => shard === undefined || shardId === shard)
        .map((standstill) => ({ uuid: described.uuid, ...standstill })),
    )
  const skippable = found.filter(({ reason }) => !(reason in unskippable))
  for (const { reason, detail } of found) {
    const advice = unskippable[reason]
    if (advice !== undefined && skippable.length === 0) throw new Failure(`${advice} ${visible(detail)}`)
  }
  return skippable.map(({ uuid, shardId, lane, from: first, to: end }) => ({
    uuid,
    shardId,
    lane,
    from: first,
    to: end,
  }))
}

/** Why there is nothing to pass over where records are done but for what follows from them, and what helps instead. */
const unskippable: Readonly<Record<string, string>> = {
  output:
    'The function has answered, and what it returned cannot be stored: mend the stream, or name another by `function update --to`.',
  failureDestination:
    'The records are given up, and nobody can be told: mend the destination, or change it by `function update --on-failure` or `--no-on-failure`.',
}

/** The mappings that are meant; never none. */
async function mappingsOf(
  client: Client,
  name: string,
  stream: string | undefined,
): Promise<readonly NamedMapping[]> {
  const { getFunction, listMappings } = await loadDefinitions()
  await getFunction(client, name)
  const mappings = await listMappings(client, { function: name })
  const meant =
    stream === undefined ? mappings : mappings.filter(({ mapping }) => mapping.source.stream === stream)
  if (meant.length > 0) return meant
  throw new Failure(
    `The function ${visible(name)} reads no stream${stream === undefined ? '' : ` ${visible(stream)}`}.`,
    'notFound',
  )
}
