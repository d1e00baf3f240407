// The table of operations against the models that AWS ships: the schemas of its JavaScript SDK, and botocore's where it is.
import * as sdk from '@aws-sdk/client-kinesis'
import { describe, expect, test } from 'vitest'
import { operations, type OperationName } from '../src/model/operations.ts'
import { botocoreModel, differencesOf } from './support/botocore-model.ts'
import { operationsOf, outlineOf, outlineOfSchema, schemaOf } from './support/sdk-model.ts'

const names = Object.keys(operations) as OperationName[]

describe("the JavaScript SDK's model", () => {
  test('has these operations and no others', () => {
    expect([...names].sort()).toEqual(operationsOf(sdk))
  })

  test.each(names)('%s: the same members of the same kinds', (name) => {
    const { input, output } = schemaOf(sdk, name)
    expect(outlineOf(operations[name].input)).toEqual(outlineOfSchema(input))
    expect(outlineOf(operations[name].output)).toEqual(outlineOfSchema(output))
  })
})

/** What the service checks beyond what it publishes, or answers otherwise than it says: with the reason. */
const exceptions: readonly string[] = [
  // Suites that were written against the service see 0 and less refused by this bound.
  'RetentionPeriodHours min',
  // The last event of a closed shard has none.
  'SubscribeToShardEvent requires ContinuationSequenceNumber',
]

const botocore = botocoreModel('kinesis/2013-12-02', names)

describe.skipIf(botocore === undefined)(
  "botocore's model (skipped where python3 has no botocore that knows all operations)",
  () => {
    const model = botocore!

    test.each(names)('%s: the same bounds, words, patterns, required members and errors', (name) => {
      const { input, output, errors } = model.operations[name]!
      const differences = [
        ...differencesOf(operations[name].input, input?.shape, model),
        ...differencesOf(operations[name].output, output?.shape, model),
      ]
      expect(
        differences.filter((difference) => !exceptions.some((known) => difference.startsWith(known))),
      ).toEqual([])
      const declared = (errors ?? []).map(({ shape }) => shape)
      expect([...operations[name].errors].sort()).toEqual(declared.sort())
    })
  },
)
