// Options that verbs about SQL share. Pure.
import { InvalidArgumentError, Option } from 'commander'

/** Types of fields of the JSON of streams, by column, by stream. */
export type Columns = Readonly<Record<string, Readonly<Record<string, string>>>>

/** The option `--column`, once for each field. */
export function columnOption(): Option {
  return new Option(
    '--column <stream.column=type>',
    'the type of a field of the JSON of a stream; of a stream without any, they are found in a sample',
  )
    .argParser(addColumn)
    .default({}, 'none')
}

function addColumn(given: string, before: Columns): Columns {
  const [, stream, column, type] = /^([^.]+)\.([^=]+)=(.+)$/.exec(given) ?? []
  if (stream === undefined || column === undefined || type === undefined)
    throw new InvalidArgumentError('Expected stream.column=type, as in clicks.page=VARCHAR.')
  return { ...before, [stream]: { ...before[stream], [column]: type } }
}
