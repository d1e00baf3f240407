// A bound of time for regular expressions of users: one that does not keep it is an error, never an answer, since the same bytes must give the
// same records each time. Runs in the process of the agent.
import { createContext, Script } from 'node:vm'

/** How long patterns may take on what is read at a time. */
const MATCHING_MS_MAX = 5_000

/** Thrown where a pattern takes too long. */
export class PatternTooSlow extends Error {
  constructor() {
    super(
      `The patterns of the flow took more than ${MATCHING_MS_MAX / 1000} s on lines that were read together.`,
    )
    this.name = 'PatternTooSlow'
  }
}

const call = new Script('work()')
const sandbox: { work: (() => void) | undefined } = { work: undefined }

/** Runs work that matches. Throws `PatternTooSlow` where it takes too long. A regular expression can be stopped only from outside of the code that runs it, which Node does for scripts with a timeout. */
export function underDeadline<T>(work: () => T): T {
  let result: { readonly value: T } | undefined
  sandbox.work = () => {
    result = { value: work() }
  }
  try {
    call.runInContext(createdContext(), { timeout: MATCHING_MS_MAX })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw new PatternTooSlow()
    throw error
  } finally {
    sandbox.work = undefined
  }
  return result!.value
}

let context: object | undefined

/** Made at the first need: most flows have no pattern. */
function createdContext(): object {
  context ??= createContext(sandbox)
  return context
}
