// An error of a handler in Lambda's words. Pure. Handlers throw anything: what is asked of a thrown value may throw again.
import { isNativeError } from 'node:util/types'
import type { RuntimeLimits } from '../limits.ts'
import type { FunctionError } from '../thread-contract.ts'

/** From the first frame of this folder on, a stack says how handlers are called, which is not theirs. */
const OWN_FOLDER = new URL('.', import.meta.url).href

/** Describes what was thrown, within bounds. */
export function describeError(thrown: unknown, limits: RuntimeLimits): FunctionError {
  try {
    if (isErrorLike(thrown)) {
      const { name, message, stack } = thrown
      return {
        errorType: cut(String(name), limits.errorCharsMax),
        errorMessage: cut(String(message), limits.errorCharsMax),
        stackTrace: stackLines(stack, limits),
      }
    }
    return {
      errorType: typeof thrown,
      errorMessage: cut(String(thrown), limits.errorCharsMax),
      stackTrace: [],
    }
  } catch {
    return {
      errorType: 'handled',
      errorMessage: 'The handler failed with a value whose message, name or stack cannot be read.',
      stackTrace: [],
    }
  }
}

function isErrorLike(thrown: unknown): thrown is Error {
  if (isNativeError(thrown)) return true
  return (
    typeof thrown === 'object' &&
    thrown !== null &&
    'name' in thrown &&
    'message' in thrown &&
    'stack' in thrown
  )
}

function stackLines(stack: unknown, { stackFramesMax, errorCharsMax }: RuntimeLimits): readonly string[] {
  const lines = cut(String(stack), errorCharsMax).split('\n')
  const own = lines.findIndex((line) => line.includes(OWN_FOLDER))
  return lines.slice(0, own > 0 ? Math.min(own, stackFramesMax) : stackFramesMax)
}

/** Cuts a text, and says so. */
export function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax)}… (cut: ${text.length} characters)`
}
