// `millrace key create|list|erase`: keys in a directory, with which clients encrypt records. The broker never sees one.
import { Command } from 'commander'
import { visible } from '../../../protocol/text/visible-text.ts'
import { confirm } from '../../confirm.ts'
import { Failure } from '../../failure.ts'
import { jsonOption, withExamples } from '../../help.ts'
import { createKey, eraseKey, listKeys, type KeyPlace } from '../../keys/key-directory.ts'
import { formatTable } from '../../output/table.ts'
import { print, printJson, screenColumns, tell, type Terminal } from '../../terminal.ts'

interface Place {
  readonly dir: string
  readonly stream?: string
}

interface CreateOptions extends Place {
  readonly id?: string
}

interface ListOptions {
  readonly dir: string
  readonly json?: true
}

interface EraseOptions extends Place {
  readonly force?: true
  readonly yes?: true
}

export function keyVerb(terminal: Terminal): Command {
  return withExamples(
    new Command('key')
      .description('Create, list and erase the keys with which clients encrypt records.')
      .addCommand(createVerb(terminal))
      .addCommand(listVerb(terminal))
      .addCommand(eraseVerb(terminal)),
    [
      { line: 'millrace key create', says: 'the first one, or a rotation' },
      { line: 'millrace put clicks hello --encryption-keys ./keys', says: 'encrypted before it leaves' },
    ],
  )
}

function createVerb(terminal: Terminal): Command {
  const command = new Command('create')
    .description(
      'Create a key, and encrypt with it from now on. Older keys stay, and decrypt what they encrypted.',
    )
    .option('--dir <path>', 'directory of the keys', './keys')
    .option('--stream <name>', 'a key for this stream alone, so that it can be erased by itself')
    .option('--id <id>', 'its id, which every encrypted batch shows; by default from the time')
    .action(async ({ id, ...place }: CreateOptions) => {
      const made = await createKey(placeOf(place), id, new Date())
      print(terminal, made)
      tell(terminal, `millrace: Copy ${visible(place.dir)} to where you keep secrets: what is encrypted is lost without its key.`) // prettier-ignore
    })
  return withExamples(command, [
    { line: 'millrace key create --dir ./keys', says: 'prints its id: 20261130-142530-1f3a9c' },
    { line: 'millrace key create --dir ./keys --stream orders', says: 'for one stream alone' },
  ])
}

function listVerb(terminal: Terminal): Command {
  const command = new Command('list')
    .description('List the keys of a directory. Those that encrypt are marked; the others decrypt.')
    .option('--dir <path>', 'directory of the keys', './keys')
    .addOption(jsonOption())
    .action(async ({ dir, json }: ListOptions) => {
      const keys = await listKeys(dir)
      if (json === true) return printJson(terminal, keys, { indent: 2 })
      const rows = keys.map(({ id, stream, createdAt, isCurrent }) => [
        isCurrent ? '*' : '',
        id,
        stream ?? 'all',
        createdAt.toISOString(),
      ])
      print(terminal, formatTable(['', 'id', 'streams', 'created'], rows, { columns: screenColumns(terminal) })) // prettier-ignore
    })
  return withExamples(command, [
    { line: 'millrace key list --dir ./keys', says: 'a table' },
    { line: "millrace key list --json | jq -r '.[].id'", says: 'the ids alone' },
  ])
}

function eraseVerb(terminal: Terminal): Command {
  const command = new Command('erase')
    .description(
      'Overwrite and remove a key: whatever was encrypted with it is unreadable from then on, in every stream and every backup ' +
        'of the broker. Copies of the key elsewhere are yours to erase.',
    )
    .argument('<id>')
    .option('--dir <path>', 'directory of the keys', './keys')
    .option('--stream <name>', 'a key that is for this stream alone')
    .option('--force', 'erase it even if new batches are encrypted with it')
    .option('--yes', 'do not ask')
    .action(async (id: string, { force, yes, ...options }: EraseOptions) => {
      const place = placeOf(options)
      const what = `Every batch that was encrypted with ${id}${place.stream === undefined ? ', in every stream,' : ` in ${place.stream}`}`
      const question = `${what} becomes unreadable for ever, in backups of the broker too. Erase ${id}?`
      if (yes !== true && !(await confirm(terminal, question))) throw new Failure('Nothing is erased.')
      await eraseKey(place, id, { force: force === true })
      print(terminal, `Erased ${visible(id)}.`)
      tell(
        terminal,
        `millrace: ${visible(what)} is unreadable. Clients that run may still use the key for 5 minutes, or as long as their ` +
          `keyLifetimeMs says. Copies of it, as in backups of ${visible(place.directory)}, still decrypt: erase them too.`,
      )
    })
  return withExamples(command, [
    { line: 'millrace key erase 20251130-142530-1f3a9c --dir ./keys', says: 'asks first, at a terminal' },
  ])
}

function placeOf({ dir, stream }: Place): KeyPlace {
  return { directory: dir, stream }
}
