// How the nightly tests of continuous queries run: one after the other, with time for what Maven fetches and for Flink's clusters.
import { defineConfig } from 'vitest/config'

const MINUTE_MS = 60_000

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.nightly.ts'],
    server: { deps: { external: [/\/dist\//] } },
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 5 * MINUTE_MS,
    hookTimeout: 10 * MINUTE_MS,
    expect: { poll: { timeout: 2 * MINUTE_MS, interval: 100 } },
  },
})
