// Runs a test with one seed after another, and names the one that fails. Runs in tests.
import { createFunctionHarness, type FunctionHarness } from './harness.ts'
import type { HarnessOptions } from './options.ts'

export interface SeedsOptions extends HarnessOptions {
  /** How many seeds, from `seed` on; 50 by default. */
  readonly seeds?: number
}

/** Calls `test` with a harness of each seed. Rejects with the first failure, and says how to see it again. */
export async function forSeeds(
  options: SeedsOptions,
  test: (harness: FunctionHarness) => Promise<void>,
): Promise<void> {
  const { seeds = 50, seed: first = 1, ...rest } = options
  for (let seed = first; seed < first + seeds; seed++) {
    try {
      await test(createFunctionHarness({ ...rest, seed }))
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      throw new Error(`Seed ${seed} fails, and fails again with { seed: ${seed}, seeds: 1 }: ${message}`, {
        cause: error,
      })
    }
  }
}
