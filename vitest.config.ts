// How the tests run. A file's suffix tells its cost, and its cost decides its deadline:
// .test.ts runs on the sources and touches nothing but memory; the others run the compiled daemon in `dist/`.
// A deadline only keeps a test that hangs from hanging for ever: it is many times what a busy machine needs.
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const SECOND_MS = 1000

/** Files at a time. Left alone, Vitest keeps a core for itself: on a machine with two, half of it would do nothing. */
const WORKERS = Math.max(2, availableParallelism() - 1)

/**
 * Suffix → deadline of one test, and when its files run: those of one order side by side, before those of the next. Files that
 * are not `isolated` share a process and the modules that it has loaded: to load them anew for each took as long as the tests.
 * Their tests leave nothing behind; spies and variables of the environment are put back before the next.
 */
const suites = [
  { name: 'unit', suffix: '', deadlineMs: 600 * SECOND_MS, order: 0, isolated: false },
  { name: 'simulation', suffix: '.sim', deadlineMs: 600 * SECOND_MS, order: 0, isolated: true },
  { name: 'fuzz', suffix: '.fuzz', deadlineMs: 600 * SECOND_MS, order: 0, isolated: true },
  { name: 'end-to-end', suffix: '.e2e', deadlineMs: 400 * SECOND_MS, order: 1, isolated: true },
  // Together, since the one waits for processes and the other for flushes: neither alone keeps two cores busy.
  { name: 'crash', suffix: '.crash', deadlineMs: 600 * SECOND_MS, order: 1, isolated: true },
]

const suffixes = suites.map((suite) => suite.suffix).filter((suffix) => suffix !== '')

export default defineConfig({
  test: {
    // The compiled broker is loaded by Node itself, as users load it: threads and import.meta.resolve stay real.
    server: { deps: { external: [/\/dist\//] } },
    projects: suites.map((suite) => ({
      extends: true as const,
      test: {
        name: suite.name,
        include: [`{test,examples,apps/*/test}/**/*${suite.suffix}.test.ts`],
        exclude: suite.suffix === '' ? suffixes.map((suffix) => `**/*${suffix}.test.ts`) : [],
        setupFiles: ['test/support/checks/byte-equality.ts'],
        pool: 'forks' as const,
        isolate: suite.isolated,
        restoreMocks: true,
        unstubEnvs: true,
        unstubGlobals: true,
        testTimeout: suite.deadlineMs,
        hookTimeout: suite.deadlineMs,
        teardownTimeout: 10 * SECOND_MS,
        expect: { poll: { timeout: 60 * SECOND_MS } },
        sequence: { groupOrder: suite.order },
        maxWorkers: WORKERS,
      },
    })),
  },
})
