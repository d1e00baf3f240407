// The table of the Firehose API against the models that AWS ships: the schemas of its JavaScript SDK, and botocore's where it is.
// What this endpoint refuses by its name is no more than a name in the table.
import * as sdk from '@aws-sdk/client-firehose'
import { describe, expect, test } from 'vitest'
import { firehoseOperations, type FirehoseOperationName } from '../../src/firehose/model/operations.ts'
import { botocoreModel, differencesOf } from '../support/botocore-model.ts'
import { operationsOf, outlineOf, outlineOfSchema, schemaOf, type Outline } from '../support/sdk-model.ts'

const names = Object.keys(firehoseOperations) as FirehoseOperationName[]

const refused = [
  'AmazonOpenSearchServerlessDestination',
  'AmazonopensearchserviceDestination',
  'DatabaseSource',
  'ElasticsearchDestination',
  'IcebergDestination',
  'MSKSource',
  'OrcSerDe',
  'RedshiftDestination',
  'SnowflakeDestination',
  'SplunkDestination',
]
const isRefused = (member: string): boolean =>
  refused.some((name) => new RegExp(`^${name}(Configuration|Update|Description)?$`).test(member))

/** An outline without what is inside of members that are refused. */
function pruned(outline: Outline): Outline {
  if (typeof outline === 'string') return outline
  if (Array.isArray(outline)) return [pruned(outline[0] as Outline)]
  return Object.fromEntries(
    Object.entries(outline).map(([name, member]) => [name, isRefused(name) ? {} : pruned(member)]),
  )
}

describe("the JavaScript SDK's model", () => {
  test('has these operations and no others', () => {
    expect([...names].sort()).toEqual(operationsOf(sdk))
  })

  test.each(names)('%s: the same members of the same kinds', (name) => {
    const { input, output } = schemaOf(sdk, name)
    expect(outlineOf(firehoseOperations[name].input)).toEqual(pruned(outlineOfSchema(input)))
    expect(outlineOf(firehoseOperations[name].output)).toEqual(pruned(outlineOfSchema(output)))
  })
})

const botocore = botocoreModel('firehose/2015-08-04', names)

describe.skipIf(botocore === undefined)(
  "botocore's model (skipped where python3 has no botocore that knows all operations)",
  () => {
    const model = botocore!

    test.each(names)('%s: the same bounds, words, patterns, required members and errors', (name) => {
      const { input, output, errors } = model.operations[name]!
      const differences = [
        ...differencesOf(firehoseOperations[name].input, input?.shape, model),
        ...differencesOf(firehoseOperations[name].output, output?.shape, model),
      ]
      expect(differences.filter((difference) => !isRefused(difference.split(' ')[0]!))).toEqual([])
      const declared = (errors ?? []).map(({ shape }) => shape)
      expect([...firehoseOperations[name].errors].sort()).toEqual(declared.sort())
    })
  },
)
