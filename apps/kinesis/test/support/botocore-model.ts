// The model that AWS ships in botocore, which has the bounds too: what of it shapes of ours are held equal to.
import { execFileSync } from 'node:child_process'
import type { Shape, StructureShape } from '../../src/model/shape.ts'

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
export interface Botocore {
  readonly operations: Readonly<Record<string, BotocoreOperation>>
  readonly shapes: Readonly<Record<string, BotocoreShape>>
}
interface BotocoreOperation {
  readonly input?: { readonly shape: string }
  readonly output?: { readonly shape: string }
  readonly errors?: readonly { readonly shape: string }[]
}

/** The model of a service, `kinesis/2013-12-02`, in the Python that is installed here; undefined where there is none, or none that knows these operations. */
export function botocoreModel(service: string, names: readonly string[]): Botocore | undefined {
  const script =
    'import sys, gzip, os, botocore\n' +
    `d = os.path.join(os.path.dirname(botocore.__file__), "data/${service}/service-2.json")\n` +
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

/** How a shape differs from the one of this name in bounds, words, patterns and required members: a sentence each. */
export function differencesOf(shape: Shape, name: string | undefined, model: Botocore): readonly string[] {
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
