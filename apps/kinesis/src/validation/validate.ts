// Holds inputs against the bounds of the model, and refuses them with all that is wrong, as the service does. Pure.
import { checkOf, REFUSALS_MAX, type Check } from './constraints.ts'
import { KinesisError } from '../model/errors.ts'
import { operations, type OperationName } from '../model/operations.ts'
import { required, type Members, type StructureShape } from '../model/shape.ts'

interface Checks {
  readonly input: Check
  /** Of a request that names no stream; undefined where it need not name one. */
  readonly nameless: Check | undefined
}

const checks = new Map<OperationName, Checks>()

/** Fails with ValidationException, which lists the first ten flaws in the order of the members. */
export function validateInput(operation: OperationName, input: unknown): void {
  let known = checks.get(operation)
  if (known === undefined) {
    known = checksOf(operations[operation].input)
    checks.set(operation, known)
  }
  const refusals: string[] = []
  known.input(input, '', refusals)
  // Where nothing else is wrong, whoever looks for the stream refuses a request without its name.
  if (refusals.length === 0) return
  const { StreamName, StreamARN } = input as { readonly StreamName?: string; readonly StreamARN?: string }
  if (StreamName === undefined && StreamARN === undefined && known.nameless !== undefined) {
    refusals.length = 0
    known.nameless(input, '', refusals)
  }
  throw refusalOf(refusals)
}

/** Holds an input of any API against the check of its shape. Fails with ValidationException, as `validateInput` does. */
export function holdAgainst(check: Check, input: unknown): void {
  const refusals: string[] = []
  check(input, '', refusals)
  if (refusals.length > 0) throw refusalOf(refusals)
}

function refusalOf(refusals: readonly string[]): KinesisError {
  const listed = refusals.slice(0, REFUSALS_MAX)
  return new KinesisError(
    'ValidationException',
    `${listed.length} validation error${listed.length === 1 ? '' : 's'} detected: ${listed.join('; ')}`,
  )
}

/** Members that may be left out for what a stream is: its ARN stands for its name, and it may need no partition key. */
const decidedByStream = ['StreamName', 'PartitionKey']

function checksOf(input: StructureShape): Checks {
  const { members } = input
  // A token stands for the stream, too.
  const isNamed = 'StreamName' in members && 'StreamARN' in members && !('NextToken' in members)
  return {
    input: checkOf(input),
    nameless: isNamed ? checkOf({ ...input, members: missed(members) }) : undefined,
  }
}

/** As the service says it: where no stream is named, its name is missed like any other member. */
function missed(members: Members): Members {
  const entries = Object.entries(members)
  return Object.fromEntries(
    entries.map(([name, member]) => [name, decidedByStream.includes(name) ? required(member.shape) : member]),
  )
}
