// Makes docs/kinesis/support.md from the tables of operations: what of the APIs is served, and where it differs. Pure.
import { firehoseMembers } from '../firehose/model/member-notes.ts'
import { firehoseOperations } from '../firehose/model/operations.ts'
import { elsewhere } from '../lambda/model/elsewhere.ts'
import { lambdaOperations } from '../lambda/model/operations.ts'
import { operations } from './operations.ts'
import type { Operation } from './operations/operation.ts'
import { queueOperations } from './queues.ts'

/** Parameters that are the same in all operations that have them. */
const commonNotes: Readonly<Record<string, string>> = {
  StreamId: 'Taken and ignored, as by the service.',
}

const NO_QUEUES = 'Queues are not built: answered with UnknownOperationException.'

/** The page as Markdown. */
export function supportPage(): string {
  const ordered = orderedOf(operations)
  const firehose = orderedOf(firehoseOperations)
  const lambda = orderedOf(lambdaOperations)
  return `# What of the Kinesis API is served

Every operation of the model that AWS ships in its SDKs (version 2013-12-02, ${ordered.length} operations) is answered, in JSON and in
CBOR. Parameters that the model does not know are passed over. A request that is not as the model says is refused with
\`SerializationException\` or \`ValidationException\`, in the words of the service.

*yes*: as AWS documents it. *in part*: with the difference that the note says. *no*: refused by the error that the note names.

${table(
  ['operation', 'parameter', 'supported', 'note'],
  [...ordered.flatMap(rowsOf), ...queueOperations.map((name) => [code(name), '', 'no', NO_QUEUES])],
)}

## Firehose

Every operation of \`Firehose_20150804\` (${firehose.length} operations) is answered at the same port, in JSON. Deliveries are carried out by the app
delivery (\`serve --with kinesis,delivery\`): until it has taken one on, that is \`CREATING\`, and takes records all the same. Destinations in S3 and HTTP
endpoints are served; Redshift, OpenSearch, Elasticsearch, Splunk, Snowflake and Iceberg, and the sources MSK and databases, are refused by
\`InvalidArgumentException\`, which names them.

${table(['operation', 'parameter', 'supported', 'note'], firehose.flatMap(rowsOf))}

### Within a destination

${table(
  ['parameter', 'supported', 'note'],
  firehoseMembers.map(([name, ...rest]) => [code(name), ...rest]),
)}

## Lambda

Of Lambda's API (version 2015-03-31), the operations that call functions and have them called are answered at the same port, in JSON, for functions that
are registered here (\`millrace function create\`). Mappings and calls are carried out by the app functions (\`serve --with functions,kinesis\`): until it
has taken a mapping on, that is \`Creating\`, and \`Updating\` where it was changed by then. Operations that are not in this table are answered with \`UnknownOperationException\`.

With signatures, a caller needs grants on documents: \`functions\` to read for every function that he names, \`event-source-mappings\` to read and to write
for mappings, and \`function-endpoints\` to read for calls; besides, to read the stream of a mapping, and to write where failures go.

${table(
  ['operation', 'parameter', 'supported', 'note'],
  [
    ...lambda.flatMap(rowsOf),
    ...Object.entries(elsewhere).map(([name, { instead }]) => [
      code(name),
      '',
      'no',
      `Refused by InvalidParameterValueException: use ${instead}.`,
    ]),
  ],
)}
`
}

/** A row as this page reads it: of any of the APIs. */
type PageOperation = Pick<Operation, 'doc' | 'input' | 'support' | 'notes'>

function orderedOf(all: Readonly<Record<string, PageOperation>>): [string, PageOperation][] {
  return Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1))
}

function rowsOf([name, operation]: [string, PageOperation]): string[][] {
  const supported = supportOf(operation)
  const parameters = Object.entries(operation.input.members).map(([parameter, { required }]) => {
    const note = operation.notes?.[parameter]
    return [
      '',
      code(parameter) + (required ? ', required' : ''),
      supported === 'no' ? 'no' : note === undefined ? 'yes' : 'in part',
      note ?? commonNotes[parameter] ?? '',
    ]
  })
  return [[code(name), '', supported, operation.support ?? operation.doc], ...parameters]
}

function supportOf({ support }: PageOperation): 'yes' | 'in part' | 'no' {
  if (support === undefined) return 'yes'
  return support.startsWith('Not built') ? 'no' : 'in part'
}

function code(text: string): string {
  return `\`${text}\``
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
