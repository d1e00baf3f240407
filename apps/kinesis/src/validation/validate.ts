// Holds inputs against the bounds of the model, and refuses them with all that is wrong, as the service does. Pure.
import { checkOf, REFUSALS_MAX, type Check } from './constraints.ts'
import { KinesisError } from '../model/errors.ts'
import { operations, type OperationName } from '../model/operations.ts'

const checks = new Map<OperationName, Check>()

/** Fails with ValidationException, which lists the first ten flaws in the order of the members. */
export function validateInput(operation: OperationName, input: unknown): void {
  let check = checks.get(operation)
  if (check === undefined) {
    check = checkOf(operations[operation].input)
    checks.set(operation, check)
  }
  const refusals: string[] = []
  check(input, '', refusals)
  if (refusals.length === 0) return
  const listed = refusals.slice(0, REFUSALS_MAX)
  throw new KinesisError(
    'ValidationException',
    `${listed.length} validation error${listed.length === 1 ? '' : 's'} detected: ${listed.join('; ')}`,
  )
}
