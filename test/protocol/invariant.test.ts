// A broken invariant is an error of its own kind.
import { expect, test } from 'vitest'
import { invariant, InvariantError } from '../../protocol/invariant.ts'

test('invariant: throws an InvariantError with the message, unless the condition holds', () => {
  expect(() => invariant(true, 'x')).not.toThrow()
  expect(() => invariant(0, 'a belief')).toThrow(new InvariantError('a belief'))
})
