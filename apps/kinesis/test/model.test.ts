// The table of operations against the models that AWS ships: the schemas of its JavaScript SDK, and botocore's where it is.
import { execFileSync } from 'node:child_process'
import * as sdk from '@aws-sdk/client-kinesis'
import { NormalizedSchema } from '@smithy/core/schema'
import { describe, expect, test } from 'vitest'
import { operations, type OperationName } from '../src/model/operations.ts'
import type { Shape, StructureShape } from '../src/model/shape.ts'

const names = Object.keys(operations) as OperationName[]

/** A shape in words that both models have: members with their kinds, recursively. */
type Outline = string | { readonly [member: string]: Outline } | readonly [Outline]

function outlineOf(shape: Shape): Outline {
  switch (shape.kind) {
    case 'text':
    case 'choice':
      return 'text'
    case 'integer':
    case 'long':
      return 'number'
    case 'list':
      return [outlineOf(shape.of)]
    case 'map':
      return { key: outlineOf(shape.key), value: outlineOf(shape.value) }
    case 'structure':
      return Object.fromEntries(
        Object.entries(shape.members).map(([name, member]) => [name, outlineOf(member.shape)]),
      )
    case 'eventStream':
      return Object.fromEntries(Object.entries(shape.events).map(([name, event]) => [name, outlineOf(event)]))
    default:
      return shape.kind
  }
}

function outlineOfSchema(schema: NormalizedSchema): Outline {
  if (schema.isUnitSchema()) return {}
  if (schema.isListSchema()) return [outlineOfSchema(schema.getValueSchema())]
  if (schema.isMapSchema()) {
    return { key: outlineOfSchema(schema.getKeySchema()), value: outlineOfSchema(schema.getValueSchema()) }
  }
  if (schema.isStructSchema()) {
    const members = [...schema.structIterator()].filter(([, member]) => !isError(member))
    return Object.fromEntries(members.map(([name, member]) => [name, outlineOfSchema(member)]))
  }
  if (schema.isStringSchema()) return 'text'
  if (schema.isNumericSchema()) return 'number'
  if (schema.isBooleanSchema()) return 'boolean'
  if (schema.isBlobSchema()) return 'blob'
  return schema.isTimestampSchema() ? 'timestamp' : 'unknown'
}

/** The union of a stream of events names the errors that may end it as well. */
function isError(schema: NormalizedSchema): boolean {
  return (schema.getName(true) ?? '').includes('Exception') || 'error' in schema.getMergedTraits()
}

/** Schemas of operations are called after them: `PutRecord$`, with the schemas of input and output. */
function schemaOf(operation: string): {
  readonly input: NormalizedSchema
  readonly output: NormalizedSchema
} {
  const schema: unknown = (sdk as Readonly<Record<string, unknown>>)[`${operation}$`]
  if (!Array.isArray(schema)) throw new Error(`the SDK has no operation ${operation}`)
  const [input, output] = schema.slice(-2) as [never, never]
  return { input: NormalizedSchema.of(input), output: NormalizedSchema.of(output) }
}

describe("the JavaScript SDK's model", () => {
  test('has these operations and no others', () => {
    const commands = Object.keys(sdk)
      .filter((name) => /^[A-Z]\w+Command$/.test(name) && name !== '$Command')
      .map((name) => name.replace(/Command$/, ''))
    expect([...names].sort()).toEqual(commands.sort())
  })

  test.each(names)('%s: the same members of the same kinds', (name) => {
    const { input, output } = schemaOf(name)
    expect(outlineOf(operations[name].input)).toEqual(outlineOfSchema(input))
    expect(outlineOf(operations[name].output)).toEqual(outlineOfSchema(output))
  })
})

interface BotocoreShape {
  readonly type: string
  readonly min?: number
  readonly max?: number
  readonly pattern?: string
  readonly enum?: readonly string[]
  readonly required?: readonly string[]
  readonly member?: { readonly shape: string }
  readonly key?: { readonly shape: string }
  readonly value?: { readonly shape: string }
  readonly members?: Readonly<Record<string, { readonly shape: string }>>
}
interface Botocore {
  readonly operations: Readonly<Record<string, BotocoreOperation>>
  readonly shapes: Readonly<Record<string, BotocoreShape>>
}
interface BotocoreOperation {
  readonly input?: { readonly shape: string }
  readonly output?: { readonly shape: string }
  readonly errors?: readonly { readonly shape: string }[]
}

/** The model of the Python that is installed here; undefined where there is none, or none of the same year. */
function botocoreModel(): Botocore | undefined {
  const script =
    'import sys, gzip, os, botocore\n' +
    'd = os.path.join(os.path.dirname(botocore.__file__), "data/kinesis/2013-12-02/service-2.json")\n' +
    'sys.stdout.write(open(d).read() if os.path.exists(d) else gzip.open(d + ".gz", "rt").read())'
  try {
    const text: string = execFileSync('python3', ['-c', script], {
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'ignore'],
      encoding: 'utf8',
    })
    const model = JSON.parse(text) as Botocore
    return names.every((name) => name in model.operations) ? model : undefined
  } catch {
    return undefined
  }
}

/** What the service checks beyond what it publishes, or answers otherwise than it says: with the reason. */
const exceptions: readonly string[] = [
  // Suites that were written against the service see 0 and less refused by this bound.
  'RetentionPeriodHours min',
  // The last event of a closed shard has none.
  'SubscribeToShardEvent requires ContinuationSequenceNumber',
]

const botocore = botocoreModel()

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

function differencesOf(shape: Shape, name: string | undefined, model: Botocore): readonly string[] {
  const theirs = name === undefined ? { type: 'structure' } : model.shapes[name]!
  const bounds = 'min' in shape || 'max' in shape ? shape : {}
  const pairs: readonly [what: string, ours: unknown, theirs: unknown][] = [
    ['min', 'min' in bounds ? bounds.min : undefined, theirs.min],
    ['max', 'max' in bounds ? bounds.max : undefined, theirs.max],
    ['pattern', 'pattern' in shape ? shape.pattern : undefined, theirs.pattern],
    [
      'words',
      shape.kind === 'choice' ? [...shape.values].sort().join() : undefined,
      theirs.enum === undefined ? undefined : [...theirs.enum].sort().join(),
    ],
  ]
  return [
    ...pairs
      .filter(([, ours, other]) => ours !== other)
      .map(([what, ours, other]) => `${name} ${what}: ${String(ours)}, theirs ${String(other)}`),
    ...withinOf(shape, theirs, name, model),
  ]
}

function withinOf(
  shape: Shape,
  theirs: BotocoreShape,
  name: string | undefined,
  model: Botocore,
): readonly string[] {
  switch (shape.kind) {
    case 'list':
      return differencesOf(shape.of, theirs.member?.shape, model)
    case 'map':
      return [
        ...differencesOf(shape.key, theirs.key?.shape, model),
        ...differencesOf(shape.value, theirs.value?.shape, model),
      ]
    case 'eventStream':
      return Object.entries(shape.events).flatMap(([event, of]) =>
        differencesOf(of, theirs.members?.[event]?.shape, model),
      )
    case 'structure':
      return membersOf(shape, theirs, name, model)
    default:
      return []
  }
}

function membersOf(
  shape: StructureShape,
  theirs: BotocoreShape,
  name: string | undefined,
  model: Botocore,
): readonly string[] {
  const ours = Object.entries(shape.members)
  const required = ours.filter(([, member]) => member.required).map(([member]) => member)
  const theirRequired = theirs.required ?? []
  return [
    ...required
      .filter((member) => !theirRequired.includes(member))
      .map((member) => `${name} lets go of ${member}`),
    ...theirRequired
      .filter((member) => !required.includes(member))
      .map((member) => `${name} requires ${member}`),
    ...ours.flatMap(([member, of]) => differencesOf(of.shape, theirs.members?.[member]?.shape, model)),
  ]
}
