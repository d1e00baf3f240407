// How the nightly tests run: one after the other, with time for what Maven, Go and the KCL need.
import { defineConfig } from 'vitest/config'

const MINUTE_MS = 60_000

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.nightly.ts'],
    server: { deps: { external: [/\/dist\//] } },
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 20 * MINUTE_MS,
    hookTimeout: 20 * MINUTE_MS,
    expect: { poll: { timeout: 8 * MINUTE_MS, interval: 200 } },
  },
})
