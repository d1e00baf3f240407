// What runs jq: here, or in a thread of its own. One run at a time; each says how it ended, also where jq itself has crashed.
import { loadJq, type Jq } from 'jq-wasm'
import type { JqOutput } from './jq-program.ts'

/** Jq could not be run: nothing is known of what it was asked. It is asked again, as long as that takes. */
export class JqUnavailable extends Error {
  override readonly name = 'JqUnavailable'

  constructor(reason: string) {
    super(`jq, which finds the partitions, cannot be run: ${reason}.`)
  }
}

export interface JqRuntime {
  /** Runs a program. The output says where jq itself has crashed, or did not end in time. Rejects where jq is not to be had. */
  run(program: string, input: string): Promise<JqOutput>
  close(): Promise<void>
}

/** The code of a run that jq's own crash has ended. */
export const CRASHED = 134

/** The code of a run that was ended after its time. */
export const ENDLESS = 124

/** Runs jq in this thread: for one look at an expression, and inside the thread that runs it for many records. */
export function localJq(): JqRuntime {
  let loaded: Promise<Jq> | undefined
  return {
    run: async (program, input) => {
      const jq = await (loaded ??= loadJq())
      try {
        return jq.raw(input, program, ['-c'])
      } catch (error) {
        // WebAssembly's memory is not to be trusted after a crash, and never gets smaller.
        loaded = undefined
        return { stdout: '', stderr: `jq has crashed: ${reason(error)}`, exitCode: CRASHED }
      }
    },
    close: () => Promise.resolve(),
  }
}

function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return /abort/i.test(message) ? 'the expression needs more memory or a deeper stack than jq has' : message
}
