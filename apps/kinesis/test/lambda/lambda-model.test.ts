// The table of the Lambda API against the models that AWS ships: the schemas of its JavaScript SDK, and botocore's where it is. Requests
// have all members; of descriptions there are those that are told. What is refused by its name is no more than a name in the table.
import * as sdk from '@aws-sdk/client-lambda'
import { describe, expect, test } from 'vitest'
import { elsewhere } from '../../src/lambda/model/elsewhere.ts'
import { lambdaOperations, type LambdaOperationName } from '../../src/lambda/model/operations.ts'
import type { LambdaOperation } from '../../src/lambda/model/operation.ts'
import { botocoreModel, differencesOf } from '../support/botocore-model.ts'
import { operationsOf, outlineOf, outlineOfSchema, schemaOf, type Outline } from '../support/sdk-model.ts'

const names = Object.keys(lambdaOperations) as LambdaOperationName[]
const operationOf = (name: LambdaOperationName): LambdaOperation => lambdaOperations[name]

const refused = new Set([
  'Topic',
  'Queue',
  'Topics',
  'Queues',
  'SourceAccessConfigurations',
  'SelfManagedEventSource',
  'AmazonManagedKafkaEventSourceConfig',
  'SelfManagedKafkaEventSourceConfig',
  'ScalingConfig',
  'DocumentDBEventSourceConfig',
  'LoggingConfig',
  'ProvisionedPollerConfig',
])

/** An outline without what is inside of members that are refused. */
function pruned(outline: Outline): Outline {
  if (typeof outline === 'string') return outline
  if (Array.isArray(outline)) return [pruned(outline[0] as Outline)]
  return Object.fromEntries(
    Object.entries(outline).map(([name, member]) => [name, refused.has(name) ? {} : pruned(member)]),
  )
}

/** What of theirs ours has, recursively. */
function within(theirs: Outline, ours: Outline): Outline {
  if (typeof theirs === 'string' || typeof ours === 'string') return theirs
  if (Array.isArray(theirs)) {
    return Array.isArray(ours) ? [within(theirs[0] as Outline, ours[0] as Outline)] : theirs
  }
  const members = ours as Readonly<Record<string, Outline>>
  return Object.fromEntries(
    Object.entries(theirs)
      .filter(([name]) => name in members)
      .map(([name, member]) => [name, within(member, members[name]!)]),
  )
}

describe("the JavaScript SDK's model", () => {
  test('has the operations that are served, and those that are refused', () => {
    expect(operationsOf(sdk)).toEqual(expect.arrayContaining([...names, ...Object.keys(elsewhere)]))
  })

  test.each(names)('%s: the same members in requests, and no others in answers', (name) => {
    const { input, output } = schemaOf(sdk, name)
    expect(pruned(outlineOf(operationOf(name).input))).toEqual(pruned(outlineOfSchema(input)))
    const told = outlineOf(operationOf(name).output)
    expect(told).toEqual(within(outlineOfSchema(output), told))
  })
})

interface HttpTraits {
  readonly http: { readonly method: string; readonly requestUri: string; readonly responseCode?: number }
}
interface Located {
  readonly members?: Readonly<Record<string, { readonly location?: string; readonly locationName?: string }>>
  readonly payload?: string
}

const botocore = botocoreModel('lambda/2015-03-31', names)

describe.skipIf(botocore === undefined)(
  "botocore's model (skipped where python3 has no botocore that knows all operations)",
  () => {
    const model = botocore!

    test.each(names)('%s: the same bounds, words, patterns and required members of requests', (name) => {
      const { input, errors = [] } = model.operations[name]!
      const differences = differencesOf(operationOf(name).input, input?.shape, model)
      const ours = differences.filter((difference) => !isRefused(difference))
      expect(ours).toEqual([])
      const declared = errors.map(({ shape }) => shape)
      expect(declared).toEqual(expect.arrayContaining([...operationOf(name).errors]))
    })

    test.each(names)('%s: the same method, path and status, and members in the same places', (name) => {
      const { http } = operationOf(name)
      const { http: theirs } = model.operations[name] as unknown as HttpTraits
      expect([http.method, http.path, http.status]).toEqual([
        theirs.method,
        theirs.requestUri,
        theirs.responseCode ?? 200,
      ])
      const shape = model.shapes[model.operations[name]!.input!.shape] as unknown as Located
      const placed = (location: string) =>
        Object.fromEntries(
          Object.entries(shape.members ?? {})
            .filter(([, member]) => member.location === location)
            .map(([member, { locationName = '' }]) => [
              member,
              location === 'header' ? locationName.toLowerCase() : locationName,
            ]),
        )
      expect(http.query ?? {}).toEqual(placed('querystring'))
      expect(http.headers ?? {}).toEqual(placed('header'))
      expect(http.payload).toBe(shape.payload)
    })
  },
)

function isRefused(difference: string): boolean {
  return refused.has(difference.split(' ')[0]!.split('.')[0]!)
}
