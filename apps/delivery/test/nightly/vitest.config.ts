// How the nightly tests of deliveries run: against servers that are built for them first.
import { dirname } from 'node:path'
import { defineConfig } from 'vitest/config'

const MINUTE_MS = 60_000

export default defineConfig({
  test: {
    root: dirname(import.meta.dirname),
    include: ['destinations/s3/real-servers.e2e.test.ts'],
    globalSetup: ['nightly/versitygw.ts'],
    server: { deps: { external: [/\/dist\//] } },
    pool: 'forks',
    testTimeout: 20 * MINUTE_MS,
    hookTimeout: 20 * MINUTE_MS,
  },
})
