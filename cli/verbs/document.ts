// `millrace document list|get|put|delete|watch`: the documents that programs keep in the broker, as bytes.
import { Command, Option } from 'commander'
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import type { Client, Codec, Documents, NamedDocument } from '../../client/index.ts'
import { printedData } from '../../protocol/text/printed-bytes.ts'
import { visible } from '../../protocol/text/visible-text.ts'
import { wholeNumber } from '../arguments.ts'
import { confirm } from '../confirm.ts'
import { collect, withClient } from '../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../connecting/options.ts'
import { Failure } from '../failure.ts'
import { jsonOption, withExamples } from '../help.ts'
import { formatBytes } from '../output/amounts.ts'
import { cutToWidth } from '../output/display-width.ts'
import { outputStream } from '../output/output-stream.ts'
import { shownBytes } from '../output/record-format.ts'
import { formatTable } from '../output/table.ts'
import { print, printJson, screenColumns, tell, type Terminal } from '../terminal.ts'

interface Shared extends ConnectionFlags {
  readonly json?: true
}

interface Where extends Shared {
  readonly prefix?: string
}

interface Condition extends Shared {
  readonly expectedVersion?: number
}

/** A program's documents may be in any codec: what is shown and stored here is their bytes. */
const asBytes: Codec<Uint8Array> = { name: 'bytes', encode: (value) => value, decode: (content) => content }

const documentsOf = (client: Client, kind: string): Documents<Uint8Array> =>
  client.documents(kind, { codec: asBytes })

export function documentVerb(terminal: Terminal): Command {
  return withExamples(
    new Command('document')
      .description('List, read, put, delete and watch the documents that programs keep in the broker.')
      .addCommand(listVerb(terminal))
      .addCommand(getVerb(terminal))
      .addCommand(putVerb(terminal))
      .addCommand(deleteVerb(terminal))
      .addCommand(watchVerb(terminal)),
    [
      { line: 'millrace document list cursors', says: 'names, versions and sizes' },
      { line: 'millrace document get cursors import', says: 'what it holds' },
      { line: 'millrace document watch cursors --json', says: 'what is there, then every change' },
    ],
  )
}

function listVerb(terminal: Terminal): Command {
  const command = new Command('list')
    .description('List the documents of a kind by name.')
    .argument('<kind>', '1 to 64 of a–z, 0–9 and -')
    .addOption(prefixOption())
    .addOption(jsonOption())
    .action(async (kind: string, options: Where) => {
      const { prefix } = options
      const documents = await withClient(terminal, options, (client) =>
        collect(documentsOf(client, kind).list({ prefix })),
      )
      if (options.json === true) return printJson(terminal, documents.map(jsonOf), { indent: 2 })
      if (documents.length === 0) {
        return tell(terminal, `There is no such document of the kind ${visible(kind)}.`)
      }
      const rows = documents.map(({ name, version, updatedAt, value }) => [
        name,
        String(version),
        updatedAt.toISOString(),
        formatBytes(value.length),
      ])
      const headings = ['name', 'version', 'put at', 'size']
      print(terminal, formatTable(headings, rows, { columns: screenColumns(terminal) }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace document list cursors', says: 'a table' },
    { line: 'millrace document list cursors --prefix import/', says: 'some of them' },
    { line: "millrace document list cursors --json | jq -r '.[].name'", says: 'the names alone' },
  ])
}

function getVerb(terminal: Terminal): Command {
  const command = new Command('get')
    .description(
      'Write what a document holds: byte for byte to a pipe or a file; on a terminal control characters are shown.',
    )
    .argument('<kind>')
    .argument('<name>')
    .addOption(jsonOption())
    .action(async (kind: string, name: string, options: Shared) => {
      const document = await withClient(terminal, options, (client) => documentsOf(client, kind).get(name))
      if (document === undefined) throw notFound(kind, name)
      if (options.json === true) return printJson(terminal, jsonOf(document), { indent: 2 })
      if (terminal.stdout.isTTY === true) return print(terminal, shownBytes(document.value))
      const output = outputStream(terminal)
      await output.write(document.value)
      await output.flush()
    })
  return withExamples(withConnection(command), [
    { line: 'millrace document get cursors import', says: 'prints: {"row":100}' },
    { line: 'millrace document get cursors import --json', says: 'with its version and its time' },
  ])
}

function putVerb(terminal: Terminal): Command {
  const command = new Command('put')
    .description('Make a document or replace it, and print its version. Done when it is flushed to disk.')
    .argument('<kind>')
    .argument('<name>')
    .argument('[content]', 'the content as text; standard input, to its end, without it or with -')
    .option('--file <path>', 'put the bytes of this file')
    .addOption(
      expectedVersionOption(0, 'put only if the document has this version; 0: only if there is none'),
    )
    .addOption(jsonOption())
    .action(
      async (
        kind: string,
        name: string,
        text: string | undefined,
        options: Condition & { file?: string },
      ) => {
        const content = await contentOf(text, options.file, terminal)
        const { expectedVersion } = options
        const put = await withClient(terminal, options, (client) =>
          documentsOf(client, kind).put(name, content, { expectedVersion }),
        )
        if (options.json === true) printJson(terminal, put)
        else print(terminal, String(put.version))
      },
    )
  return withExamples(withConnection(command), [
    { line: 'millrace document put cursors import \'{"row":0}\'', says: 'prints its version: 7' },
    { line: 'millrace document put schemas click --file click.json', says: 'the bytes of a file' },
    {
      line: 'millrace document put cursors import \'{"row":5}\' --expected-version 7',
      says: 'not if it was changed since',
    },
  ])
}

function deleteVerb(terminal: Terminal): Command {
  const command = new Command('delete')
    .description('Delete a document. Asks first on a terminal; a script is not asked.')
    .argument('<kind>')
    .argument('<name>')
    .option('--yes', 'do not ask')
    .addOption(expectedVersionOption(1, 'delete only if the document has this version'))
    .action(async (kind: string, name: string, options: Condition & { yes?: true }) => {
      const what = placeOf(kind, name)
      const { expectedVersion } = options
      const wasThere = await withClient(terminal, options, async (client) => {
        if (options.yes !== true && !(await confirm(terminal, `Delete the document ${what}?`))) {
          throw new Failure('Nothing was deleted.', 'interrupted')
        }
        return documentsOf(client, kind).delete(name, { expectedVersion })
      })
      if (!wasThere) throw notFound(kind, name)
      print(terminal, `Deleted ${what}.`)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace document delete cursors import', says: 'asks before it deletes' },
    { line: 'millrace document delete cursors import --yes --expected-version 7', says: 'does not ask' },
  ])
}

function watchVerb(terminal: Terminal): Command {
  const command = new Command('watch')
    .description('Show the documents of a kind, and then every change, until Ctrl-C.')
    .argument('<kind>')
    .addOption(prefixOption())
    .addOption(new Option('--json', 'one JSON object a line'))
    .action(async (kind: string, options: Where) => {
      const signal = AbortSignal.any([terminal.interrupted(), terminal.outputClosed])
      const { prefix } = options
      const use = async (client: Client): Promise<void> => {
        try {
          for await (const change of documentsOf(client, kind).watch({ prefix, signal })) {
            if (options.json === true) {
              const told = change.type === 'put' ? { type: change.type, ...jsonOf(change) } : change
              printJson(terminal, told)
            } else {
              print(
                terminal,
                change.type === 'put' ? lineOf(change, terminal) : `delete  ${visible(change.name)}`,
              )
            }
          }
        } catch (error) {
          // Ctrl-C is the normal end of a watch.
          if (!signal.aborted) throw error
        }
      }
      await withClient(terminal, options, use, { tellsTroubles: true })
    })
  return withExamples(withConnection(command), [
    { line: 'millrace document watch cursors', says: 'a line for each change' },
    { line: 'millrace document watch cursors --prefix import/ --json', says: 'for scripts' },
  ])
}

function prefixOption(): Option {
  return new Option('--prefix <text>', 'only documents whose names begin with this text')
}

function expectedVersionOption(min: number, says: string): Option {
  return new Option('--expected-version <version>', says).argParser(wholeNumber(min))
}

/** The content that the command line names. Throws Failure (usage) where it names two. */
async function contentOf(
  text: string | undefined,
  file: string | undefined,
  terminal: Terminal,
): Promise<Uint8Array> {
  if (file !== undefined) {
    if (text === undefined) return readFile(file)
    throw new Failure('The content and --file exclude each other: give one of them.', 'usage')
  }
  if (text !== undefined && text !== '-') return Buffer.from(text)
  if (terminal.stdin.isTTY === true) {
    tell(terminal, 'Reading the content from the terminal. Ctrl-D on an empty line ends it.')
  }
  return buffer(terminal.stdin)
}

/** Content that is not UTF-8 has another member name, so that a script cannot mistake base64 for the text. */
function jsonOf({ name, version, updatedAt, value }: NamedDocument<Uint8Array>): object {
  return { name, version, updatedAt: updatedAt.toISOString(), ...printedData(value) }
}

/** One line, cut to the width of the screen. */
function lineOf({ name, version, value }: NamedDocument<Uint8Array>, terminal: Terminal): string {
  const line = `put     ${visible(name)}  ${version}  ${visible(shownBytes(value))}`
  const columns = screenColumns(terminal)
  return columns === undefined ? line : cutToWidth(line, columns)
}

function placeOf(kind: string, name: string): string {
  return visible(`${kind}/${name}`)
}

function notFound(kind: string, name: string): Failure {
  return new Failure(
    `There is no document ${placeOf(kind, name)}. See \`millrace document list\`.`,
    'notFound',
  )
}
